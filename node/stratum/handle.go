package stratum

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/template"
)

const (
	// methodMultiVersion is from the time before mining.configure. Some miners with
	// AsicBoost send it.
	methodMultiVersion = "mining.multi_version"
	// methodGetTransactions requests the transactions of a job. BFGMiner sends it for
	// each new tip, whatever the answer is.
	methodGetTransactions = "mining.get_transactions"
)

// reply is the result of a request.
type reply struct {
	answer stratum.Message
	later  bool   // then sends the answer
	then   func() // is called after the answer, without locks; may be nil
	err    error  // ends the connection
}

// handle handles a message. An error ends the connection.
func (c *conn) handle(m stratum.Message) error {
	if m.Method == "" {
		return nil // an answer, as to mining.ping
	}
	r := c.dispatch(m)
	if r.then != nil {
		r.then()
	}
	return r.err
}

func (c *conn) dispatch(m stratum.Message) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.request(m)
	if m.ID != "" && !r.later {
		c.sendMessage(r.answer)
	}
	if r.answer.Err != nil && m.Method != stratum.MethodSubmit {
		c.log.Debug("request rejected", "method", text.Clean(m.Method, text.Max), "err", r.answer.Err)
		if m.Method != methodGetTransactions && !c.badRequests.AllowN(c.server.o.Now(), 1) && r.err == nil {
			r.err = errBadRequests
		}
	}
	return r
}

// request serves a request. The caller must hold c.mu, as for all methods that it
// calls.
func (c *conn) request(m stratum.Message) reply {
	switch m.Method {
	case stratum.MethodConfigure:
		return c.configure(m)
	case stratum.MethodSubscribe:
		return c.subscribe(m)
	case stratum.MethodAuthorize:
		return c.authorize(m)
	case stratum.MethodSubmit:
		return c.submit(m)
	case stratum.MethodSuggestDifficulty, stratum.MethodSuggestTarget:
		return c.suggest(m)
	case stratum.MethodExtranonceSubscribe, methodMultiVersion:
		return reply{answer: stratum.Answer(m.ID, true)}
	case stratum.MethodPing:
		return reply{answer: stratum.Answer(m.ID, "pong")}
	}
	return reply{answer: stratum.Reject(m.ID, stratum.CodeUnknownMethod, fmt.Sprintf("unknown method %.64q", m.Method))}
}

// reject returns the answer that rejects a request.
func reject(m stratum.Message, code int, format string, args ...any) reply {
	return reply{answer: stratum.Reject(m.ID, code, fmt.Sprintf(format, args...))}
}

// configure negotiates extensions (BIP 310).
func (c *conn) configure(m stratum.Message) reply {
	request, err := stratum.ParseConfigure(m.Params)
	if err != nil {
		return reject(m, stratum.CodeOther, "%v", err)
	}
	var granted stratum.Configured
	if request.VersionRolling {
		c.mask = request.VersionMask & template.VersionMask
		granted.VersionRolling, granted.VersionMask = c.mask != 0, c.mask
	}
	granted.SubscribeExtranonce = request.SubscribeExtranonce
	r := reply{}
	if request.MinimumDifficulty != nil {
		floor := request.MinimumDifficulty.Float64()
		if granted.MinimumDifficulty = floor <= maxDifficulty; granted.MinimumDifficulty {
			r.then = func() { c.setDifficulty(func(v *vardiff) { v.atLeast(floor) }) }
		}
	}
	r.answer = granted.Answer(m.ID, &request)
	return r
}

// subscribe assigns the miner a session: the one that it names, if that can be resumed,
// or a new one.
func (c *conn) subscribe(m stratum.Message) reply {
	if !c.subscribed {
		c.subscribed = true
		c.agent = text.Clean(argument(m, 0), maxAgent)
		c.enterSession(argument(m, 1))
	}
	answer := stratum.Subscription{Session: c.session.id, Extranonce1: c.session.extranonce1[:], Extranonce2Size: extranonceSize}
	return reply{answer: answer.Answer(m.ID), then: c.sendNewestWork}
}

// enterSession resumes the session with this ID, or registers the connection's own
// session under a fresh ID and extranonce1. The connection that had the resumed
// session until now ends.
func (c *conn) enterSession(id string) {
	c.server.mu.Lock()
	resumed, before := c.server.sessions.resume(id, c, c.server.o.Now())
	if resumed == nil {
		c.server.sessions.register(c.session, c)
	}
	c.server.mu.Unlock()
	if resumed == nil {
		return
	}
	if before != nil {
		before.stop(errResumed) // from here on it sends no jobs of the session
	}
	resumed.resume(c.session.diff, c.server.o.Now()) // no other goroutine has c's own session
	c.session = resumed
	resumed.mu.Lock()
	defer resumed.mu.Unlock()
	if resumed.proven {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		c.server.crowd.remove(c)
	}
}

// authorize allows a worker to submit shares. The blocks of the connection pay the key
// of the first one.
func (c *conn) authorize(m stratum.Message) reply {
	user := argument(m, 0)
	key, err := c.server.payout(user)
	switch {
	case text.Clean(user, maxName) != user:
		return reject(m, stratum.CodeUnauthorized, "invalid user name: must be printable, and at most %d bytes long", maxName)
	case err != nil:
		return reject(m, stratum.CodeUnauthorized, "%v", err)
	case len(c.workers) > 0 && key != c.key:
		return reject(m, stratum.CodeUnauthorized, "blocks of this connection pay %v: use another connection for another key", c.key)
	case len(c.workers) == maxWorkers && !c.workers[user]:
		return reject(m, stratum.CodeUnauthorized, "too many workers: at most %d for a connection", maxWorkers)
	}
	if len(c.workers) == 0 {
		c.key, c.name = key, user
		c.log.Info("miner connected", "worker", user, "agent", c.agent)
	}
	c.workers[user] = true
	r := reply{answer: stratum.Answer(m.ID, true), then: c.sendNewestWork}
	if d, ok := fixedDifficulty(argument(m, 1)); ok {
		r.then = func() {
			c.setDifficulty(func(v *vardiff) { v.fix(d) })
			c.sendNewestWork()
		}
	}
	return r
}

const (
	// maxName bounds the name of a worker, in bytes.
	maxName = 256
	// maxAgent bounds the agent that a miner reports, in bytes.
	maxAgent = 64
)

// nodeUser is the user name for the node's own key.
const nodeUser = "node"

// payout returns the key of a user name: KEY or KEY.worker.
func (s *Server) payout(user string) (record.Key, error) {
	name, _, _ := strings.Cut(user, ".")
	if name == nodeUser {
		if s.o.Payout == (record.Key{}) {
			return record.Key{}, errors.New("the node has no payout key: use your own key as the user name")
		}
		return s.o.Payout, nil
	}
	key, err := record.ParseKey(name)
	if err != nil {
		return key, fmt.Errorf("invalid user name: must be the key to pay, as KEY or KEY.worker: %.200s", err)
	}
	if key.Weak() {
		return key, errors.New("invalid user name: anybody can sign for this key")
	}
	return key, nil
}

// fixedDifficulty reads a password such as "x,d=1024", for many miners the only way to
// request a difficulty.
func fixedDifficulty(password string) (float64, bool) {
	for _, part := range strings.FieldsFunc(password, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if text, ok := strings.CutPrefix(part, "d="); ok {
			if d, err := pow.ParseDifficulty(text); err == nil {
				return d.Float64(), true
			}
		}
	}
	return 0, false
}

// suggest handles mining.suggest_difficulty and mining.suggest_target.
func (c *conn) suggest(m stratum.Message) reply {
	if len(m.Params) == 0 {
		return reject(m, stratum.CodeOther, "%s: no parameters, want one", m.Method)
	}
	var d pow.Difficulty
	var err error
	if m.Method == stratum.MethodSuggestTarget {
		var target pow.Target
		target, err = pow.ParseTarget(argument(m, 0))
		d = target.Difficulty()
	} else {
		d, err = stratum.ParseDifficulty(m.Params[0])
	}
	if err != nil {
		return reject(m, stratum.CodeOther, "%s: %v", m.Method, err)
	}
	return reply{answer: stratum.Answer(m.ID, true), then: func() {
		c.setDifficulty(func(v *vardiff) { v.start(d.Float64()) })
	}}
}

// setDifficulty changes the miner's difficulty at its request. The caller must hold no
// lock.
func (c *conn) setDifficulty(set func(*vardiff)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	set(&c.session.diff)
	c.session.diff.restart(c.server.o.Now())
	c.reissue()
}

// argument returns parameter i if it is a string, "" otherwise.
func argument(m stratum.Message, i int) string {
	var s string
	if i >= len(m.Params) || json.Unmarshal(m.Params[i], &s) != nil {
		return ""
	}
	return s
}
