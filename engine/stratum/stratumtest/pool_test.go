package stratumtest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"stele/engine/stratum/stratumtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is a miner that sends lines.
type line struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *stratumtest.Pool) *line {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "stratum+tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &line{t, nc, bufio.NewReader(nc)}
}

func (l *line) say(text string) {
	l.t.Helper()
	if _, err := l.nc.Write([]byte(text + "\n")); err != nil {
		l.t.Fatal(err)
	}
}

// ask sends a request and returns the result and the error of its answer.
func (l *line) ask(id int, text string) (result, fail string) {
	l.t.Helper()
	l.say(strings.Replace(text, "{", fmt.Sprintf(`{"id":%d,`, id), 1))
	for {
		b, err := l.in.ReadBytes('\n')
		if err != nil {
			l.t.Fatal(err)
		}
		var m struct{ ID, Result, Error, Method json.RawMessage }
		if err := json.Unmarshal(b, &m); err != nil {
			l.t.Fatal(err)
		}
		if m.Method == nil && string(m.ID) == fmt.Sprint(id) {
			return string(m.Result), string(m.Error)
		}
	}
}

// testnet3 is a pool with the job of a real block, and a miner that has it.
func testnet3(t *testing.T) (*stratumtest.Pool, *line) {
	t.Helper()
	p := stratumtest.New(t, stratumtest.Options{Job: stratumtest.Testnet3, Difficulty: "7.8857"})
	l := dial(t, p)
	if got, _ := l.ask(1, `{"method":"mining.subscribe","params":["test"]}`); !strings.HasSuffix(got, `"08000002",4]`) {
		t.Fatal(got)
	}
	if got, _ := l.ask(2, `{"method":"mining.authorize","params":["w","x"]}`); got != "true" {
		t.Fatal(got)
	}
	return p, l
}

const good = `{"method":"mining.submit","params":["w","testnet3","00000001","504e86ed","b2957c02"]}`

func TestShares(t *testing.T) {
	p, l := testnet3(t)
	for i, test := range []struct{ share, code string }{
		{good, ""},
		{good, "22"},
		{strings.Replace(good, "b2957c02", "b2957c03", 1), "23"},
		{strings.Replace(good, "testnet3", "testnet4", 1), "21"},
	} {
		result, fail := l.ask(3+i, test.share)
		if test.code == "" && result != "true" || test.code != "" && !strings.HasPrefix(fail, "["+test.code+",") {
			t.Errorf("%s: %s, %s", test.share, result, fail)
		}
	}
	p.Notify(stratumtest.MakeJob(2, 1, false))
	if _, fail := l.ask(9, good); !strings.HasPrefix(fail, "[21,") {
		t.Errorf("another parent: %s", fail)
	}
	if p.Accepted() != 1 || len(p.Shares()) != 5 {
		t.Errorf("%d of %d accepted", p.Accepted(), len(p.Shares()))
	}
	if got := fmt.Sprintf("%064x", p.Shares()[0].Hash); got != "000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32" {
		t.Errorf("hash %s", got)
	}
	if f := p.Faults(); len(f) != 0 { // these are mistakes that the best miner makes
		t.Error(f)
	}
}

// atFault fails unless a line is a fault in these words.
func atFault(t *testing.T, text, want string) {
	t.Run(want, func(t *testing.T) {
		p, l := testnet3(t)
		l.say(text)
		p.Wait(func(p *stratumtest.Pool) bool { return len(p.Faults()) > 0 })
		if f := p.Faults(); !strings.Contains(f[0], want) {
			t.Errorf("%.100s: %v, want %q", text, f, want)
		}
		p.Forgive()
	})
}

// Every mistake of a miner is a fault.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(good, "00000001", "0000001", 1):                        "extranonce2 has 4 bytes",
		strings.Replace(good, "00000001", "0000000A", 1):                       "extranonce2 has 4 bytes",
		strings.Replace(good, "504e86ed", "504e86ec", 1):                       "ntime is before its job",
		strings.Replace(good, "504e86ed", "504ea30e", 1):                       "more than two hours after",
		strings.Replace(good, "b2957c02", "B2957c02", 1):                       "8 hex digits",
		strings.Replace(good, `"b2957c02"`, `7`, 1):                            "all parameters of a share are strings",
		strings.Replace(good, `"b2957c02"`, `"b2957c02","00000000"`, 1):        "has 5 parameters here",
		strings.Replace(good, `"w"`, `"v"`, 1):                                 "not the one that was authorized",
		`{"method":"mining.configure","params":[["version-rolling"],{}]}`:      "mining.configure comes first",
		`{"method":"mining.subscribe","params":["test"]}`:                      "mining.subscribe comes once",
		`{"method":"mining.authorize","params":["w"]}`:                         "with user and password",
		`{"method":"mining.suggest_difficulty","params":["1"]}`:                "a number above 0",
		`{"method":"mining.extranonce.subscribe","params":[1]}`:                "no parameters",
		`{"method":"mining.guess","params":[]}`:                                "unknown method",
		`{"method":"mining.submit","params":{}}`:                               "params are an array",
		`{"method":"mining.submit"}`:                                           "has id, method and params",
		`{"jsonrpc":"2.0","method":"mining.extranonce.subscribe","params":[]}`: "has id, method and params",
	} {
		atFault(t, strings.Replace(text, "{", `{"id":3,`, 1), want)
	}
	for text, want := range map[string]string{
		`garbage`: "no JSON object",
		`{"id":"1","method":"mining.subscribe","params":["test"]}`:     "the id of a request is a number",
		`{"id":2,"method":"mining.authorize","params":["w","x"]}`:      "id 2 came before",
		`{"id":5,	"method":"mining.extranonce.subscribe","params":[]}`: "no JSON object on one line",
		`{"id":5,"result":true}`:                                       "an answer has id, result and error",
		strings.Repeat("x", 5000):                                      "more than 4096 bytes",
	} {
		atFault(t, text, want)
	}
}

// The version of a share is checked against the mask, and is part of its header.
func TestVersionBits(t *testing.T) {
	p := stratumtest.New(t, stratumtest.Options{Difficulty: "1e-10", Mask: 0x6000})
	l := dial(t, p)
	if got, _ := l.ask(1, `{"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"00002000","version-rolling.min-bit-count":1}]}`); got != `{"version-rolling":true,"version-rolling.mask":"00006000"}` {
		t.Error(got)
	}
	l.ask(2, `{"method":"mining.subscribe","params":["test"]}`)
	l.ask(3, `{"method":"mining.authorize","params":["w","x"]}`)
	share := `{"method":"mining.submit","params":["w","job-1-1","00000000","504e86ed","00000000","%s"]}`
	for i, bits := range []string{"00000000", "00002000"} {
		if got, fail := l.ask(4+i, fmt.Sprintf(share, bits)); got != "true" {
			t.Errorf("%s: %s", bits, fail)
		}
	}
	var versions []uint32
	for _, s := range p.Shares() {
		versions = append(versions, s.Version)
	}
	if !slices.Equal(versions, []uint32{0x20000000, 0x20002000}) {
		t.Errorf("versions %x", versions)
	}
	for i, test := range []struct{ bits, fault string }{
		{"00004000", "those of the job outside 00002000"},
		{"00008000", "inside 00006000"},
	} {
		if _, fail := l.ask(6+i, fmt.Sprintf(share, test.bits)); !strings.HasPrefix(fail, "[20,") || len(p.Faults()) != i+1 || !strings.Contains(p.Faults()[i], test.fault) {
			t.Errorf("%s: %s, %v", test.bits, fail, p.Faults())
		}
	}
	// All bits of the mask count, also those that the miner cannot roll.
	job := stratumtest.MakeJob(1, 2, false)
	job.Version = "20004000"
	p.Notify(job)
	share = strings.Replace(share, "job-1-1", "job-1-2", 1)
	if got, fail := l.ask(8, fmt.Sprintf(share, "00006000")); got != "true" {
		t.Error(fail)
	}
	if _, fail := l.ask(9, fmt.Sprintf(share, "00002000")); !strings.HasPrefix(fail, "[20,") || len(p.Faults()) != 3 {
		t.Errorf("%s, %v", fail, p.Faults())
	}
	p.Forgive()
}
