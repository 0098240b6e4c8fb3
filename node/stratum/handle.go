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
	// methodMultiVersion is sent by some miners with AsicBoost, before there was
	// mining.configure.
	methodMultiVersion = "mining.multi_version"
	// methodGetTransactions asks for the transactions of a job. BFGMiner does so
	// for each new tip, whatever the answer is.
	methodGetTransactions = "mining.get_transactions"
)

// reply is what a request leads to.
type reply struct {
	answer stratum.Message
	later  bool   // then sends the answer
	then   func() // comes after the answer, without locks; nil: nothing
	err    error  // ends the connection
}

// handle answers a line. An error ends the connection.
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
		c.log.Debug("Stratum request refused", "method", text.Clean(m.Method, text.Max), "reason", r.answer.Err)
		if m.Method != methodGetTransactions && !c.refusals.AllowN(c.server.o.Now(), 1) && r.err == nil {
			r.err = errRefused
		}
	}
	return r
}

// request does what the miner asks for. The lock of c is held, as in all methods
// that it calls.
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
	return reply{answer: stratum.Reject(m.ID, stratum.CodeUnknownMethod, fmt.Sprintf("there is no method %.64q", m.Method))}
}

// refuse answers that a request cannot be done.
func refuse(m stratum.Message, code int, format string, args ...any) reply {
	return reply{answer: stratum.Reject(m.ID, code, fmt.Sprintf(format, args...))}
}

// configure agrees on extensions (BIP 310).
func (c *conn) configure(m stratum.Message) reply {
	asked, err := stratum.ParseConfigure(m.Params)
	if err != nil {
		return refuse(m, stratum.CodeOther, "%v", err)
	}
	var given stratum.Configured
	if asked.VersionRolling {
		c.mask = asked.VersionMask & template.VersionMask
		given.VersionRolling, given.VersionMask = c.mask != 0, c.mask
	}
	given.SubscribeExtranonce = asked.SubscribeExtranonce
	r := reply{}
	if asked.MinimumDifficulty != nil {
		floor := asked.MinimumDifficulty.Float64()
		if given.MinimumDifficulty = floor <= mostDifficulty; given.MinimumDifficulty {
			r.then = func() { c.change(func(v *vardiff) { v.atLeast(floor) }) }
		}
	}
	r.answer = given.Answer(m.ID, &asked)
	return r
}

// subscribe gives the miner a session: the one that it names, if it can be taken
// up again, or a new one.
func (c *conn) subscribe(m stratum.Message) reply {
	if !c.subscribed {
		c.subscribed = true
		c.agent = text.Clean(argument(m, 0), maxAgent)
		c.enterSession(argument(m, 1))
	}
	answer := stratum.Subscription{Session: c.session.id, Extranonce1: c.session.extranonce1[:], Extranonce2Size: extranonceSize}
	return reply{answer: answer.Answer(m.ID), then: c.offer}
}

// enterSession goes over to the session with an id, or makes the present one a
// session that others can be told from. The connection that has had the session
// until now ends.
func (c *conn) enterSession(id string) {
	c.server.mu.Lock()
	resumed, before := c.server.sessions.resume(id, c, c.server.o.Now())
	if resumed == nil {
		c.server.sessions.open(c.session, c)
	}
	c.server.mu.Unlock()
	if resumed == nil {
		return
	}
	if before != nil {
		before.stop(errResumed) // from here on it gives no jobs of the session
	}
	resumed.resume(c.session.diff, c.server.o.Now()) // c's own is nobody else's
	c.session = resumed
	resumed.mu.Lock()
	defer resumed.mu.Unlock()
	if resumed.proven {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		c.server.crowd.leave(c)
	}
}

// authorize lets a worker send shares. The first one's key is whom the blocks of
// the connection pay.
func (c *conn) authorize(m stratum.Message) reply {
	user := argument(m, 0)
	key, err := c.server.payout(user)
	switch {
	case text.Clean(user, maxName) != user:
		return refuse(m, stratum.CodeUnauthorized, "the user name has to be printable, and at most %d bytes long", maxName)
	case err != nil:
		return refuse(m, stratum.CodeUnauthorized, "%v", err)
	case len(c.workers) > 0 && key != c.key:
		return refuse(m, stratum.CodeUnauthorized, "blocks of this connection pay %v, other keys need a connection of their own", c.key)
	case len(c.workers) == mostWorkers && !c.workers[user]:
		return refuse(m, stratum.CodeUnauthorized, "this connection has %d workers, more are not taken", mostWorkers)
	}
	if len(c.workers) == 0 {
		c.key, c.name = key, user
		c.log.Info("Stratum miner has come", "worker", user, "agent", c.agent)
	}
	c.workers[user] = true
	r := reply{answer: stratum.Answer(m.ID, true), then: c.offer}
	if d, ok := fixedDifficulty(argument(m, 1)); ok {
		r.then = func() {
			c.change(func(v *vardiff) { v.fix(d) })
			c.offer()
		}
	}
	return r
}

const (
	// maxName bounds the name of a worker, in bytes.
	maxName = 256
	// maxAgent bounds what a miner calls itself, in bytes.
	maxAgent = 64
)

// nodeUser is the user who mines for the node's own key.
const nodeUser = "node"

// payout returns the key that a user name tells: KEY or KEY.worker.
func (s *Server) payout(user string) (record.Key, error) {
	name, _, _ := strings.Cut(user, ".")
	if name == nodeUser {
		if s.o.Payout == (record.Key{}) {
			return record.Key{}, errors.New("the node has no key to be paid to: give your own key as the user name")
		}
		return s.o.Payout, nil
	}
	key, err := record.ParseKey(name)
	if err != nil {
		return key, fmt.Errorf("the user name has to be the key that is paid, or KEY.worker: %.200s", err)
	}
	if key.Weak() {
		return key, errors.New("the user name is a key that anybody can sign for")
	}
	return key, nil
}

// fixedDifficulty reads a password such as "x,d=1024": many miners can send a
// difficulty in no other way.
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

// suggest takes a wish for a difficulty.
func (c *conn) suggest(m stratum.Message) reply {
	if len(m.Params) == 0 {
		return refuse(m, stratum.CodeOther, "%s needs a parameter", m.Method)
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
		return refuse(m, stratum.CodeOther, "%s: %v", m.Method, err)
	}
	return reply{answer: stratum.Answer(m.ID, true), then: func() {
		c.change(func(v *vardiff) { v.start(d.Float64()) })
	}}
}

// change does to the miner's difficulty what it asks for. No lock is held.
func (c *conn) change(what func(*vardiff)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	what(&c.session.diff)
	c.session.diff.restart(c.server.o.Now())
	c.again()
}

// argument returns a parameter that is a string, "" if there is none.
func argument(m stratum.Message, i int) string {
	var s string
	if i >= len(m.Params) || json.Unmarshal(m.Params[i], &s) != nil {
		return ""
	}
	return s
}
