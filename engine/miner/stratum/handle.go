package stratum

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"stele/engine/stratum"
)

// handle handles a message of the pool. The reader calls it. An error of the kind
// [stratum.ErrFormat] does not end the session.
func (s *session) handle(m stratum.Message) error {
	switch m.Method {
	case "":
		s.answer(m)
		return nil
	case stratum.MethodNotify:
		n, err := stratum.ParseNotify(m.Params)
		if err != nil {
			return err
		}
		if len(m.Params) != stratum.NotifyParams && !s.c.oddNotify {
			s.c.oddNotify = true
			s.c.log.Warn("unusual number of parameters in mining.notify", "got", len(m.Params), "want", stratum.NotifyParams, "clean_jobs", n.Clean)
		}
		s.sendWork(&n)
		return nil
	case stratum.MethodSetDifficulty:
		return s.setDifficulty(m.Params)
	case stratum.MethodSetExtranonce:
		return s.setExtranonce(m.Params)
	case stratum.MethodSetVersionMask:
		return s.setVersionMask(m.Params)
	case stratum.MethodReconnect:
		return s.reconnect(m.Params)
	case stratum.MethodShowMessage:
		if words, ok := stratum.ParseShowMessage(m.Params); ok {
			s.c.log.Info("message from the pool", "text", clean(s.c.scrub(words)))
		}
		return nil
	}
	if m.ID == "" {
		s.c.log.Debug("unknown method from pool", "method", clean(m.Method))
		return nil
	}
	switch m.Method {
	case stratum.MethodPing:
		s.write(stratum.Answer(m.ID, "pong"))
	case stratum.MethodGetVersion:
		s.write(stratum.Answer(m.ID, s.c.options.Agent))
	default:
		s.write(stratum.Reject(m.ID, stratum.CodeUnknownMethod, "unknown method"))
	}
	return nil
}

// answer finds the request that an answer belongs to. An answer without a request
// may be a late one, and is ignored.
func (s *session) answer(m stratum.Message) {
	id, ok := m.ID.Number()
	s.c.mu.Lock()
	answered := s.calls[id]
	if ok {
		delete(s.calls, id)
	}
	s.c.mu.Unlock()
	if !ok || answered == nil {
		s.c.log.Debug("response without a request", "id", clean(string(m.ID)))
		return
	}
	answered(m)
}

func (s *session) setDifficulty(params []json.RawMessage) error {
	d, err := stratum.ParseSetDifficulty(params)
	if err != nil {
		return err
	}
	s.c.mu.Lock()
	s.difficulty = d
	s.c.mu.Unlock()
	return nil
}

func (s *session) setExtranonce(params []json.RawMessage) error {
	one, size, err := stratum.ParseSetExtranonce(params)
	if err != nil {
		return err
	}
	s.c.mu.Lock()
	s.extranonce = extranonce{one, size}
	s.c.mu.Unlock()
	return nil
}

// setVersionMask applies the mask at once (BIP 310), by sending the work again.
func (s *session) setVersionMask(params []json.RawMessage) error {
	mask, err := stratum.ParseSetVersionMask(params)
	if err != nil {
		return err
	}
	s.c.mu.Lock()
	before := s.rolled()
	if s.rolling {
		s.mask = mask
	}
	changed := s.rolled() != before
	s.c.mu.Unlock()
	if changed {
		s.sendWork(nil)
	}
	return nil
}

// rolled returns the bits of the version that the miner rolls: those that both
// sides allow. The caller must hold Client.mu.
func (s *session) rolled() uint32 { return s.mask & s.c.options.VersionMask }

// reconnect ends the session if the pool names an address of its own, or none. Other
// addresses are rejected: without TLS anybody can send this message.
func (s *session) reconnect(params []json.RawMessage) error {
	r, err := stratum.ParseReconnect(params)
	if err != nil {
		return err
	}
	to := s.at
	to.host, to.port = cmp.Or(r.Host, to.host), cmp.Or(r.Port, to.port)
	longest := maxReconnectWait
	if _, worked := s.c.patience(s); !worked {
		longest = maxFirstWait
	}
	if !sameDomain(s.c.at.host, to.host) {
		s.c.log.Warn("reconnect to another domain rejected", "to", clean(to.String()))
		return nil
	}
	return &movedError{to: to, wait: min(max(r.Wait, time.Second), longest)}
}

// sameDomain reports whether a pool at host a may send its miners to host b: if
// they are the same, or names below one registered domain. What a registered domain
// is follows the Public Suffix List (https://publicsuffix.org), by which co.uk and
// duckdns.org are not.
func sameDomain(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	if a == b {
		return true
	}
	if net.ParseIP(a) != nil || net.ParseIP(b) != nil || !isHostname(b) {
		return false
	}
	ownerA, errA := publicsuffix.EffectiveTLDPlusOne(a)
	ownerB, errB := publicsuffix.EffectiveTLDPlusOne(b)
	return errA == nil && errB == nil && ownerA == ownerB
}

// isHostname reports whether a host has only characters of host names, in lower case.
func isHostname(host string) bool {
	return host != "" && len(host) <= 253 && bytes.IndexFunc([]byte(host), func(r rune) bool {
		return !(r == '-' || r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z')
	}) < 0 && !strings.Contains(host, "..") && host[0] != '.'
}
