package stratumtest

import (
	"fmt"
	"regexp"
	"strings"
)

var lowerHex = regexp.MustCompile(`^([0-9a-f]{2})*$`)

// maxRoll is how many seconds a header may be dated after its job.
const maxRoll = 7200

// submit checks a share. Whatever a correct miner never does is a fault.
func (c *conn) submit(id string, params []any, line []byte) {
	p := c.p
	p.submits++
	reaction := Serve
	if p.o.Share != nil {
		reaction = p.o.Share(p.submits)
	}
	if reaction == HangUp {
		c.close()
		return
	}
	s, text := c.check(params, line)
	if reaction == Fail {
		s.Code, text = 20, "Other"
	}
	p.shares = append(p.shares, s)
	switch reaction {
	case HangUpOn:
		c.close()
	case Ignore:
	default:
		c.answer(id, true, s.Code, text)
	}
}

// check returns the share and, if it is rejected, the reason.
func (c *conn) check(params []any, line []byte) (s Share, reason string) {
	wrong := func(reason string) (Share, string) {
		c.fault("%s: %s", reason, strings.TrimSpace(string(line)))
		s.Code = 20
		return s, reason
	}
	s.Session = c.session
	if !c.authorized {
		s.Code = 24
		return s, "Unauthorized worker"
	}
	words, fault := c.words(params)
	if fault != "" {
		return wrong(fault)
	}
	s.Job, s.Extranonce2, s.NTime, s.Nonce = words[1], words[2], words[3], words[4]
	if words[0] != c.worker {
		return wrong("the worker is not the one that was authorized")
	}
	g, stale := c.jobs[s.Job], false
	if g == nil {
		if g, stale = c.old[s.Job]; !stale {
			s.Code = 21
			return s, "Job not found"
		}
	}
	if !lowerHex.MatchString(s.Extranonce2) || len(s.Extranonce2) != 2*g.extranonce2 {
		return wrong(fmt.Sprintf("extranonce2 has %d bytes here, as hex digits", g.extranonce2))
	}
	if !word.MatchString(s.NTime) || !word.MatchString(s.Nonce) {
		return wrong("ntime and nonce have 8 hex digits")
	}
	if at, from := number(s.NTime), number(g.NTime); at < from || at > from+maxRoll {
		return wrong("ntime is before its job, or more than two hours after")
	}
	s.Version = number(g.Version)
	if c.configured {
		if !word.MatchString(words[5]) {
			return wrong("version bits have 8 hex digits")
		}
		bits := number(words[5])
		if fault := c.versionFault(bits, s.Version, c.mask); fault != "" {
			if c.versionFault(bits, s.Version, c.before) != "" {
				return wrong(fault)
			}
			s.Code = 20
			return s, "Version bits outside the mask"
		}
		s.Version = s.Version&^c.mask | bits
	}
	s.Header = g.header(s.Extranonce2, s.NTime, s.Nonce, s.Version)
	s.Hash = value(s.Header)
	key := fmt.Sprintf("%x", s.Header)
	switch {
	case stale:
		s.Code, reason = 21, "Stale"
	case c.duplicate(key):
		s.Code, reason = 22, "Duplicate share"
	case s.Hash.Cmp(target(g.difficulty)) > 0 || c.p.o.AtOnce && s.Hash.Cmp(target(c.p.difficulty)) > 0:
		s.Code, reason = 23, "Low difficulty share"
	}
	return s, reason
}

// words returns the parameters of a share as text, or the fault in them.
func (c *conn) words(params []any) (words [6]string, fault string) {
	want := 5
	if c.configured {
		want = 6
	}
	if len(params) != want {
		return words, fmt.Sprintf("a share has %d parameters here", want)
	}
	for i, v := range params {
		word, ok := v.(string)
		if !ok {
			return words, "all parameters of a share are strings"
		}
		words[i] = word
	}
	return words, ""
}

// versionFault returns the fault in version bits, by the version of their job and a
// mask of the pool; "": none. The pool takes all bits of its mask from the share:
// those that the miner cannot roll must be as they are in the job.
func (c *conn) versionFault(bits, version, mask uint32) string {
	switch {
	case bits&^mask != 0:
		return fmt.Sprintf("version bits are inside %08x", mask)
	case (bits^version)&mask&^c.offered != 0:
		return fmt.Sprintf("version bits are those of the job outside %08x, which the miner offered", c.offered)
	}
	return ""
}

// duplicate reports whether the pool has accepted a share with that header.
func (c *conn) duplicate(key string) bool {
	for _, s := range c.p.shares {
		if s.Code == 0 && fmt.Sprintf("%x", s.Header) == key {
			return true
		}
	}
	return false
}
