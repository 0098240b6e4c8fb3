package p2p

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

const (
	minPin      = 16 // hex digits of a pinned key: 64 bits, which is what people see of a key
	maxPin      = 2 * len(link.ID{})
	lookupEvery = 30 * time.Second // the names of peers that cannot be reached
)

// manual has the peers that the operator names. Its methods belong to the loop, except
// where they say otherwise.
type manual struct {
	s   *Server
	all []*named
}

// named is a peer that the operator names.
type named struct {
	text string // as it was given
	host string // HOST:PORT
	pin  string // the first digits of its key; "": any key

	addr   netip.AddrPort // that is called; invalid: not known
	failed bool           // a call to addr has failed
	asking bool           // the name is being looked up
	next   time.Time      // when it may be looked up again
	logged string         // the reason that was logged last; "": connected
	served link.ID        // the key of the peer, if another connection leads to it
}

// newManual returns the manual peers. It fails for one that is invalid.
func newManual(s *Server, texts []string) (*manual, error) {
	m := &manual{s: s}
	for _, t := range texts {
		n, err := parseNamed(t)
		if err != nil {
			return nil, err
		}
		m.all = append(m.all, n)
	}
	return m, nil
}

// warn warns of an isolation that is not what its operator may expect: without keys, a
// node that listens accepts every caller; with some, a peer without one cannot call.
func (m *manual) warn() {
	pinned := 0
	for _, n := range m.all {
		if n.pin != "" {
			pinned++
		}
	}
	if !m.s.o.OnlyPeers || m.s.o.Listen == "" || pinned == len(m.all) {
		return
	}
	text := "any caller is accepted: no peer has a key"
	if pinned > 0 {
		text = "peers without a key cannot call this node"
	}
	m.s.log.Warn("peers without keys", "text", text)
}

// parseNamed reads [KEY@]HOST:PORT.
func parseNamed(t string) (*named, error) {
	invalid := func(expected string) (*named, error) {
		return nil, fmt.Errorf("invalid peer %q: %s", t, expected)
	}
	n := &named{text: t, host: t, logged: "-"}
	if pin, host, ok := strings.Cut(t, "@"); ok {
		n.pin, n.host = strings.ToLower(pin), host
		if _, err := hex.DecodeString(n.pin + strings.Repeat("0", len(n.pin)%2)); err != nil || len(n.pin) < minPin || len(n.pin) > maxPin {
			return invalid(fmt.Sprintf("the key must be %d to %d hex digits", minPin, maxPin))
		}
	}
	host, port, err := net.SplitHostPort(n.host)
	number, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil || host == "" || number == 0 {
		return invalid("must be [KEY@]HOST:PORT")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		n.addr = netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(number))
	}
	return n, nil
}

// isName reports whether the peer has a name to look up.
func (n *named) isName() bool {
	_, err := netip.ParseAddrPort(n.host)
	return err != nil
}

// current returns the addresses that are known.
func (m *manual) current() (addrs []netip.AddrPort) {
	for _, n := range m.all {
		if n.addr.IsValid() {
			addrs = append(addrs, n.addr)
		}
	}
	return addrs
}

// tick looks up the names of peers that have no address, or one that does not work.
func (m *manual) tick(now time.Time) {
	for _, n := range m.all {
		if n.asking || now.Before(n.next) || !n.isName() || n.addr.IsValid() && !n.failed {
			continue
		}
		n.asking, n.next = true, now.Add(lookupEvery)
		m.s.work.Go(func() {
			addrs, err := m.s.lookup(n.host)
			m.s.do(func() { m.found(n, addrs, err) })
		})
	}
}

// found notes the addresses of a name. The next one is called if the present one does
// not work.
func (m *manual) found(n *named, addrs []netip.AddrPort, err error) {
	n.asking = false
	if err != nil {
		m.report(n, "no-address", err.Error())
		return
	}
	i := slices.Index(addrs, n.addr) // -1 if it is none of the name any more
	n.addr, n.failed = addrs[(i+1)%len(addrs)], false
	m.s.slots.SetManual(m.current())
	m.s.dialer.hurry()
}

// isMissing reports whether one of the peers is not connected.
func (m *manual) isMissing() bool {
	return slices.ContainsFunc(m.all, func(n *named) bool { return n.logged != "" })
}

// at returns the manual peers at an address.
func (m *manual) at(addr netip.AddrPort) (all []*named) {
	for _, n := range m.all {
		if n.addr == addr {
			all = append(all, n)
		}
	}
	return all
}

// connected notes that a manual peer is connected.
func (m *manual) connected(p *peer) {
	if p.kind != slots.Manual {
		return
	}
	for _, n := range m.at(p.addr) {
		n.failed, n.logged = false, ""
		m.s.log.Info("peer connected", "peer", n.text, "key", p.key, "agent", p.hello.Agent, "height", p.hello.Height)
	}
}

// ended notes that a connection to a manual peer, or a call to it, has ended.
func (m *manual) ended(p *peer) {
	if p.kind != slots.Manual {
		return
	}
	for _, n := range m.at(p.addr) {
		if p.end.reason == wire.ReasonDuplicate {
			n.failed, n.logged, n.served = false, "", p.key
			m.s.slots.Served(p.addr)
			continue
		}
		n.failed = !p.isReady
		m.report(n, string(p.end.reason), p.end.text)
	}
}

// gone notes that a connection has ended that may lead to a manual peer.
func (m *manual) gone(p *peer) {
	for _, n := range m.all {
		if n.served == p.key && p.end.reason != wire.ReasonDuplicate {
			n.served = link.ID{}
			m.s.slots.Lost(m.s.now(), n.addr)
		}
	}
}

// report logs why a peer is not connected, once for each reason.
func (m *manual) report(n *named, reason, text string) {
	if n.logged != reason {
		n.logged = reason
		m.s.log.Warn("peer not connected", "peer", n.text, "reason", reason, "err", text)
	}
}

// verify returns what decides about the key of a peer that is called; nil: nothing.
func (m *manual) verify(call slots.Call) func(link.ID) error {
	if call.Kind != slots.Manual {
		return nil
	}
	var pins []string
	for _, n := range m.at(call.Addr) {
		if n.pin == "" {
			return nil
		}
		pins = append(pins, n.pin)
	}
	return func(id link.ID) error { return checkPins(id, pins) }
}

// mayCall decides about the key of a peer that calls: if the operator allows only some
// peers, and knows keys of theirs, it must be one of these. Safe for concurrent use.
func (m *manual) mayCall(id link.ID) error {
	var pins []string
	for _, n := range m.all {
		if n.pin != "" {
			pins = append(pins, n.pin)
		}
	}
	if !m.s.o.OnlyPeers || len(pins) == 0 {
		return nil
	}
	return checkPins(id, pins)
}

// checkPins reports whether a key begins with one of some digits.
func checkPins(id link.ID, pins []string) error {
	full := id.Full()
	if slices.ContainsFunc(pins, func(pin string) bool { return strings.HasPrefix(full, pin) }) {
		return nil
	}
	if len(pins) == 1 {
		return fmt.Errorf("%w: %s, must be %s", errWrongKey, full[:len(pins[0])], pins[0])
	}
	return fmt.Errorf("%w: %s is none of %d", errWrongKey, id, len(pins))
}
