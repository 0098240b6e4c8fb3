package netguard

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the addresses of trusted reverse proxies: their header field for the
// client of a forwarded request is believed. Safe for concurrent use.
type Proxies []netip.Prefix

// ParseProxies reads addresses and prefixes, such as 127.0.0.1, ::1 or
// 10.0.0.0/8 (RFC 4632).
func ParseProxies(texts []string) (Proxies, error) {
	var all Proxies
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("invalid proxy %q: must be an IP address or a prefix such as 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// Trust reports whether remote, a "host:port", is one of the proxies.
func (p Proxies) Trust(remote string) bool {
	ap, err := netip.ParseAddrPort(remote)
	return err == nil && p.has(ap.Addr().Unmap())
}

func (p Proxies) has(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// forwarding lists the header fields that proxies add: those of RFC 7239 and RFC
// 9110 section 7.6.3, and their older forms.
var forwarding = []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-Proto"}

// Client returns the address of the client that sent r, as "host:port", and
// whether it is connected directly. A request that passed a proxy, trusted or
// not, is not direct: even if it comes from this machine, its sender may not.
//
// The client is the last address of X-Forwarded-For that is not a trusted proxy
// itself; the client may have forged those before it. Without trusted proxies, or
// if the field has no address, it is the peer.
func (p Proxies) Client(r *http.Request) (client string, direct bool) {
	direct = true
	for _, field := range forwarding {
		direct = direct && len(r.Header.Values(field)) == 0
	}
	if !p.Trust(r.RemoteAddr) {
		return r.RemoteAddr, direct
	}
	client = r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := hop(hops[i])
		if !ok {
			break
		}
		client = netip.AddrPortFrom(addr, 0).String()
		if !p.has(addr) {
			break
		}
	}
	return client, false
}

// hop parses an entry of X-Forwarded-For: an address with or without a port.
func hop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap(), err == nil
}
