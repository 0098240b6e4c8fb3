package netguard

import "net/netip"

// Address returns the address by which limits count remote, a "host:port" with the
// IP address of a peer. An IPv6 address becomes its /64 without a zone, because
// one customer usually has a whole /64 (RFC 6177). An IPv4 address that is mapped
// into IPv6 becomes IPv4. Address returns false if remote is malformed.
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

// Loopback reports whether remote, a "host:port", is a peer on this machine.
func Loopback(remote string) bool {
	addr, ok := Address(remote)
	return ok && addr.IsLoopback()
}
