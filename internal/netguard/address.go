package netguard

import "net/netip"

// Address returns what limits count as the address of remote, a "host:port" with
// the IP address of a peer: of IPv6 the /64, which one customer has as a whole
// (RFC 6177), and without a zone. An IPv4 address that is mapped into IPv6 is that
// of IPv4. It returns false if remote is no such text.
func Address(remote string) (addr netip.Addr, ok bool) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return addr, false
	}
	addr = ap.Addr().Unmap().WithZone("")
	if addr.Is6() && !addr.IsLoopback() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr, true
}

// Loopback tells whether remote, a "host:port", is a peer on this machine.
func Loopback(remote string) bool {
	addr, ok := Address(remote)
	return ok && addr.IsLoopback()
}
