package stratumtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// conn is a connection of a miner. Pool.mu guards all of it.
type conn struct {
	p  *Pool
	nc net.Conn

	wake chan struct{} // there is something to send
	out  [][]byte
	gone bool
	mute bool

	ids         map[string]bool // of requests
	configured  bool            // version rolling was asked for and allowed
	subscribed  bool
	authorized  bool
	worker      string
	extranonce1 string // of the next job
	extranonce2 int
	session     string             // extranonce1 of the subscription
	mask        uint32             // the last one that was sent, which is in force (BIP 310)
	offered     uint32             // bits that the miner can roll
	before      uint32             // the mask before the last change
	jobs        map[string]*issued // that are valid
	old         map[string]*issued // that are stale
}

func newConn(p *Pool, nc net.Conn) *conn {
	return &conn{
		p: p, nc: nc,
		wake: make(chan struct{}, 1),
		ids:  map[string]bool{}, jobs: map[string]*issued{}, old: map[string]*issued{},
	}
}

func (c *conn) close() {
	c.gone = true
	_ = c.nc.Close()
	c.poke()
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// queue queues b for send.
func (c *conn) queue(b []byte) {
	if c.mute {
		return
	}
	c.out = append(c.out, b)
	c.poke()
}

// send writes what is queued, until the connection is closed.
func (c *conn) send() {
	for range c.wake {
		c.p.mu.Lock()
		out, gone := c.out, c.gone
		c.out = nil
		c.p.mu.Unlock()
		if gone {
			return
		}
		if c.p.o.OnePacket {
			out = [][]byte{bytes.Join(out, nil)}
		}
		for _, b := range out {
			if c.p.o.Halves && len(b) > 1 {
				_, _ = c.nc.Write(b[:len(b)/2])
				time.Sleep(time.Millisecond)
				b = b[len(b)/2:]
			}
			_, _ = c.nc.Write(b) // an error shows when reading
		}
	}
}

// read handles requests until the connection ends.
func (c *conn) read() {
	in := bufio.NewReaderSize(c.nc, 4096)
	for {
		line, err := in.ReadSlice('\n')
		c.p.mu.Lock()
		if c.gone && err == nil {
			err = net.ErrClosed // what is left to read is dropped
		}
		if err == nil {
			c.handle(line)
		} else if len(line) > 0 && !c.gone {
			c.fault("a line without an end, or of more than 4096 bytes: %.60q", line)
		}
		if err != nil {
			c.close()
			c.p.conns = slices.DeleteFunc(c.p.conns, func(d *conn) bool { return d == c })
		}
		c.p.touch()
		c.p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *conn) fault(format string, args ...any) {
	c.p.faults = append(c.p.faults, fmt.Sprintf(format, args...))
}

// sendNotification sends a notification.
func (c *conn) sendNotification(method string, params ...any) {
	c.queue(fmt.Appendf(nil, "{\"id\":null,\"method\":%s,\"params\":%s}\n", toJSON(method), toJSON(params)))
}

// answer answers a request.
func (c *conn) answer(id string, result any, code int, text string) {
	if c.p.o.StringIDs {
		id = strconv.Quote(id)
	}
	fail := "null"
	if code != 0 {
		result, fail = nil, string(toJSON([]any{code, text, nil}))
	}
	if c.p.o.WrongIDs {
		c.queue([]byte(`{"id":4000000000,"result":true,"error":null}` + "\n" + `{"id":null,"result":true,"error":null}` + "\n" + `{"id":"who","result":false,"error":null}` + "\n"))
	}
	c.queue(fmt.Appendf(nil, "{\"id\":%s,\"result\":%s,\"error\":%s}\n", id, toJSON(result), fail))
}

// misbehaves reacts to a request, and returns false if the request is to be served.
func (c *conn) misbehaves(r Reaction, fail func()) bool {
	switch r {
	case Fail:
		fail()
	case HangUp, HangUpOn:
		c.close()
	case Late:
		c.p.mu.Unlock()
		time.Sleep(10 * time.Second)
		c.p.mu.Lock()
	}
	return r != Serve && r != Late
}

var integer = regexp.MustCompile(`^[1-9][0-9]*$`)

// handle checks a line and serves it.
func (c *conn) handle(line []byte) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil || bytes.ContainsAny(line[:len(line)-1], "\r\n\t") {
		c.fault("no JSON object on one line: %.100q", line)
		return
	}
	if _, request := m["method"]; !request {
		if len(m) != 3 || m["id"] == nil || m["result"] == nil || m["error"] == nil {
			c.fault("an answer has id, result and error: %s", line)
		}
		c.p.answers = append(c.p.answers, bytes.TrimSpace(bytes.Clone(line)))
		return
	}
	var method string
	var params []any
	id := string(m["id"])
	switch {
	case len(m) != 3:
		c.fault("a request has id, method and params: %s", line)
	case !integer.MatchString(id):
		c.fault("the id of a request is a number: %s", line)
	case c.ids[id]:
		c.fault("id %s came before: %s", id, line)
	case json.Unmarshal(m["method"], &method) != nil:
		c.fault("the method is a string: %s", line)
	case json.Unmarshal(m["params"], &params) != nil || params == nil:
		c.fault("params are an array: %s", line)
	default:
		c.ids[id] = true
		c.p.methods = append(c.p.methods, method)
		c.request(id, method, params, line)
	}
}

func (c *conn) request(id, method string, params []any, line []byte) {
	switch method {
	case "mining.configure":
		c.configure(id, params, line)
	case "mining.subscribe":
		c.subscribe(id, params, line)
	case "mining.authorize":
		c.authorize(id, params, line)
	case "mining.extranonce.subscribe":
		if len(params) != 0 || !c.subscribed {
			c.fault("no parameters, after mining.subscribe: %s", line)
		}
		if !c.misbehaves(c.p.o.Extranonce, func() { c.answer(id, nil, 20, "Not supported.") }) {
			c.answer(id, true, 0, "")
		}
	case "mining.ping":
		c.answer(id, "pong", 0, "")
	case "mining.suggest_difficulty":
		d, ok := one(params).(float64)
		if !ok || d <= 0 {
			c.fault("a difficulty is a number above 0: %s", line)
		}
		c.p.suggested = append(c.p.suggested, new(big.Float).SetFloat64(d).Text('g', 6))
		c.answer(id, true, 0, "")
	case "mining.submit":
		c.submit(id, params, line)
	default:
		c.fault("unknown method: %s", line)
		c.answer(id, nil, -3, "Method not found")
	}
}

func one(params []any) any {
	if len(params) != 1 {
		return nil
	}
	return params[0]
}

var word = regexp.MustCompile(`^[0-9a-f]{8}$`)

func (c *conn) configure(id string, params []any, line []byte) {
	if len(c.ids) != 1 {
		c.fault("mining.configure comes first: %s", line)
	}
	if c.misbehaves(c.p.o.Configure, func() { c.answer(id, nil, 20, "Unknown method") }) {
		return
	}
	if len(params) != 2 {
		c.fault("two parameters: %s", line)
		return
	}
	names, _ := params[0].([]any)
	with, _ := params[1].(map[string]any)
	mask, _ := with["version-rolling.mask"].(string)
	bits, isNumber := with["version-rolling.min-bit-count"].(float64)
	if !slices.Contains(names, any("version-rolling")) || !word.MatchString(mask) || !isNumber || bits < 0 || bits > 32 {
		c.fault("version-rolling has a mask and a number of bits: %s", line)
		return
	}
	c.configured = true
	c.mask = c.p.o.Mask
	c.answer(id, map[string]any{"version-rolling": true, "version-rolling.mask": fmt.Sprintf("%08x", c.mask)}, 0, "")
	c.before, c.offered = c.mask, number(mask)
}

func (c *conn) subscribe(id string, params []any, line []byte) {
	if len(params) < 1 || len(params) > 2 || c.subscribed {
		c.fault("mining.subscribe comes once, with agent and perhaps session: %s", line)
	}
	for _, p := range params {
		if s, ok := p.(string); !ok || s == "" {
			c.fault("agent and session are strings: %s", line)
			return
		}
	}
	p := c.p
	if len(params) == 2 && c.misbehaves(p.o.Session, func() { c.answer(id, nil, 20, "Unknown session") }) {
		return
	}
	c.subscribed = true
	c.extranonce1, c.extranonce2 = "", p.o.Extranonce2Size
	if len(params) == 2 && p.o.Resume {
		if before := p.sessions[params[1].(string)]; before != nil {
			c.extranonce1, c.jobs, c.old = before.session, before.jobs, before.old
		}
	}
	if c.extranonce1 == "" {
		c.extranonce1 = fmt.Sprintf("%0*x", len(p.o.Extranonce1), p.extranonce)
		p.extranonce.Add(p.extranonce, big.NewInt(1))
	}
	c.session = c.extranonce1
	session := "session-" + c.extranonce1
	p.sessions[session] = c
	if p.o.Earliest {
		c.setDifficulty()
		c.notify()
	}
	var subscriptions any = [][]string{{"mining.set_difficulty", "d-" + session}, {"mining.notify", session}}
	if s := p.o.Subscriptions; s != "" {
		subscriptions = json.RawMessage(s)
	}
	c.answer(id, []any{subscriptions, c.extranonce1, c.extranonce2}, 0, "")
}

func (c *conn) authorize(id string, params []any, line []byte) {
	p := c.p
	if !c.subscribed || len(params) != 2 {
		c.fault("mining.authorize comes after mining.subscribe, with user and password: %s", line)
		return
	}
	user, ok1 := params[0].(string)
	password, ok2 := params[1].(string)
	if !ok1 || !ok2 || user == "" {
		c.fault("user and password are strings: %s", line)
	}
	if c.misbehaves(p.o.Authorize, func() { c.answer(id, false, 0, "") }) {
		return
	}
	p.authorizes++
	if p.o.Refusal != nil {
		if members := p.o.Refusal(p.authorizes); members != "" {
			c.queue(fmt.Appendf(nil, "{\"id\":%s,%s}\n", id, members))
			return
		}
	}
	if p.o.User != "" && (user != p.o.User || password != p.o.Password) {
		c.answer(id, nil, 24, fmt.Sprintf("Unauthorized worker %s with %s", user, password)) // as some pools say
		return
	}
	if p.o.Early && !p.o.Earliest {
		c.setDifficulty()
		c.notify()
	}
	c.worker, c.authorized = user, true
	c.answer(id, true, 0, "")
	if !p.o.Early && !p.o.Earliest {
		c.setDifficulty()
		c.notify()
	}
}

func (c *conn) setDifficulty() {
	if announce := c.p.o.AnnounceDifficulty; announce != nil && !announce(c.p.connections) {
		return
	}
	c.sendNotification("mining.set_difficulty", json.RawMessage(c.p.difficulty))
}

// notify sends the pool's job to the miner.
func (c *conn) notify() {
	if c.p.o.NoJob {
		return
	}
	j := c.p.job
	for id, g := range c.jobs {
		if j.Clean || g.PrevHash != j.PrevHash {
			c.old[id] = g
			delete(c.jobs, id)
		}
	}
	c.jobs[j.ID] = &issued{Job: j, extranonce1: c.extranonce1, extranonce2: c.extranonce2, difficulty: c.p.difficulty}
	delete(c.old, j.ID)
	params := j.params()
	if change := c.p.o.Notify; change != nil {
		params = change(params)
	}
	c.sendNotification("mining.notify", params...)
}
