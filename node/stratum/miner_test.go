package stratum_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"
)

// testMiner is a miner with its own implementation of the protocol: it shares no code
// with the code under test.
type testMiner struct {
	testing.TB
	conn  net.Conn
	lines *bufio.Reader
	id    int

	user             string
	session          string
	extranonce1      string
	extranonce2Size  int
	difficulty       float64
	job              testJob
	jobs             []testJob
	notes            []string // methods of notifications, in order
	extranonce2      uint32
	lastSubmitParams []any
}

// testJob is a mining.notify, as received.
type testJob struct {
	ID, Prev, Coinbase1, Coinbase2 string
	Branch                         []string
	Version, Bits, Time            string
	Clean                          bool
	Difficulty                     float64
}

type testMessage struct {
	ID     any               `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	Result json.RawMessage   `json:"result"`
	Error  []any             `json:"error"`
}

// code returns the code of the answer's error, 0 if there is none.
func (m testMessage) code() int {
	if len(m.Error) == 0 {
		return 0
	}
	code, _ := m.Error[0].(float64)
	return int(code)
}

func dial(t testing.TB, address string) *testMiner {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return over(t, conn)
}

func over(t testing.TB, conn net.Conn) *testMiner {
	t.Cleanup(func() { _ = conn.Close() })
	return &testMiner{TB: t, conn: conn, lines: bufio.NewReader(conn)}
}

// write sends a line unchanged.
func (m *testMiner) write(line string) {
	m.Helper()
	if _, err := fmt.Fprintf(m.conn, "%s\n", line); err != nil {
		m.Fatalf("%s: %v", line, err)
	}
}

// receive returns the next line.
func (m *testMiner) receive() (testMessage, error) {
	_ = m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := m.lines.ReadBytes('\n')
	if err != nil {
		return testMessage{}, err
	}
	var got testMessage
	if err := json.Unmarshal(line, &got); err != nil {
		m.Fatalf("the server sent %q: %v", line, err)
	}
	if got.Method != "" {
		m.notes = append(m.notes, got.Method)
		m.note(got)
	}
	return got, nil
}

func (m *testMiner) note(got testMessage) {
	switch got.Method {
	case "mining.set_difficulty":
		m.must(json.Unmarshal(got.Params[0], &m.difficulty))
	case "mining.notify":
		j := testJob{Difficulty: m.difficulty}
		if len(got.Params) != 9 {
			m.Fatalf("mining.notify with %d parameters", len(got.Params))
		}
		for i, to := range []any{&j.ID, &j.Prev, &j.Coinbase1, &j.Coinbase2, &j.Branch, &j.Version, &j.Bits, &j.Time, &j.Clean} {
			m.must(json.Unmarshal(got.Params[i], to))
		}
		m.job = j
		m.jobs = append(m.jobs, j)
	default:
		m.Fatalf("the server sent %s", got.Method)
	}
}

func (m *testMiner) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// call sends a request and returns its answer.
func (m *testMiner) call(method string, params ...any) testMessage {
	m.Helper()
	m.id++
	if params == nil {
		params = []any{}
	}
	line, err := json.Marshal(map[string]any{"id": m.id, "method": method, "params": params})
	m.must(err)
	m.write(string(line))
	for {
		got, err := m.receive()
		if err != nil {
			m.Fatalf("%s: %v", line, err)
		}
		if got.Method == "" {
			if got.ID != float64(m.id) {
				m.Fatalf("the answer to request %d has the id %v", m.id, got.ID)
			}
			return got
		}
	}
}

// subscribe subscribes, and resumes a session if it is not "".
func (m *testMiner) subscribe(session ...any) {
	m.Helper()
	got := m.call("mining.subscribe", append([]any{"test/1"}, session...)...)
	var result []json.RawMessage
	m.must(json.Unmarshal(got.Result, &result))
	var subscriptions [][]string
	m.must(json.Unmarshal(result[0], &subscriptions))
	for _, s := range subscriptions {
		if s[0] == "mining.notify" {
			m.session = s[1]
		}
	}
	m.must(json.Unmarshal(result[1], &m.extranonce1))
	m.must(json.Unmarshal(result[2], &m.extranonce2Size))
}

// login subscribes and authorizes, and waits for a job.
func (m *testMiner) login(user string) {
	m.Helper()
	m.user = user
	m.subscribe()
	if got := m.call("mining.authorize", user, "x"); string(got.Result) != "true" {
		m.Fatalf("authorize: %s %v", got.Result, got.Error)
	}
	m.awaitJob(1)
}

// awaitJob reads until there were n jobs.
func (m *testMiner) awaitJob(n int) {
	m.Helper()
	for len(m.jobs) < n {
		if _, err := m.receive(); err != nil {
			m.Fatalf("waiting for job %d: %v", n, err)
		}
	}
}

// awaitEnd reads until the server closes the connection.
func (m *testMiner) awaitEnd() {
	m.Helper()
	for {
		if _, err := m.receive(); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				m.Fatal("the connection is still open")
			}
			return
		}
	}
}

func unhex(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// word returns 4 bytes of a header from 8 digits of a message.
func word(t testing.TB, text string) []byte {
	b := unhex(t, text)
	return []byte{b[3], b[2], b[1], b[0]}
}

func sum(b []byte) []byte {
	one := sha256.Sum256(b)
	two := sha256.Sum256(one[:])
	return two[:]
}

// header returns the header of a job, with nonce 0. Version and time are 8 digits.
func (m *testMiner) header(j testJob, extranonce2, version, time string) []byte {
	root := sum(unhex(m, j.Coinbase1+m.extranonce1+extranonce2+j.Coinbase2))
	for _, sibling := range j.Branch {
		root = sum(append(root, unhex(m, sibling)...))
	}
	h := word(m, version)
	for i := 0; i < 64; i += 8 {
		h = append(h, word(m, j.Prev[i:i+8])...)
	}
	h = append(h, root...)
	h = append(h, word(m, time)...)
	h = append(h, word(m, j.Bits)...)
	return append(h, 0, 0, 0, 0)
}

// targetOf returns the greatest hash that is a share.
func targetOf(difficulty float64) []byte {
	one := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(0xffff), 208))
	n, _ := new(big.Float).Quo(one, big.NewFloat(difficulty)).Int(nil)
	b := make([]byte, 32)
	if n.BitLen() > 256 {
		return bytes.Repeat([]byte{0xff}, 32)
	}
	n.FillBytes(b)
	return b
}

// mine returns the first nonce from `from` on with which the header's hash is a
// share (or is not, if want is false).
func mine(h []byte, difficulty float64, want bool, from uint32) (nonce uint32) {
	h = bytes.Clone(h)
	target := targetOf(difficulty)
	for nonce = from; ; nonce++ {
		binary.LittleEndian.PutUint32(h[76:], nonce)
		hash := sum(h)
		for i := range 16 {
			hash[i], hash[31-i] = hash[31-i], hash[i]
		}
		if bytes.Compare(hash, target) <= 0 == want {
			return nonce
		}
	}
}

// find returns the parameters of a share of a job, each time another one.
func (m *testMiner) find(user string, j testJob) []any {
	m.extranonce2++
	extranonce2 := fmt.Sprintf("%0*x", 2*m.extranonce2Size, m.extranonce2)
	nonce := mine(m.header(j, extranonce2, j.Version, j.Time), j.Difficulty, true, 0)
	return []any{user, j.ID, extranonce2, j.Time, fmt.Sprintf("%08x", nonce)}
}

// share finds and submits a share of a job.
func (m *testMiner) share(user string, j testJob) testMessage {
	m.Helper()
	m.lastSubmitParams = m.find(user, j)
	return m.call("mining.submit", m.lastSubmitParams...)
}
