package book

import "net/netip"

// Group is the network of an address: the first 16 bits of an IPv4 address, the
// first 32 of an IPv6 address. One operator gets many addresses of a group easily,
// and addresses of many groups with effort. The zero Group stands for addresses that
// are in no group, and that no limit per group concerns.
type Group = netip.Prefix

// sixToFour are the IPv6 addresses that contain an IPv4 address in bytes 2 to 5 (RFC 3056).
var sixToFour = netip.MustParsePrefix("2002::/16")

// GroupOf returns the group of an address. An IPv4 address inside an IPv6 address
// (mapped, or 6to4) has the group of the IPv4 address. Loopback and private
// addresses have the zero Group.
func GroupOf(addr netip.Addr) Group {
	addr = addr.Unmap().WithZone("")
	if sixToFour.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[2:6]))
	}
	if !addr.IsValid() || addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return Group{}
	}
	bits := 16
	if addr.Is6() {
		bits = 32
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// unroutable are the networks that the Internet does not route, in addition to those
// that package netip names. Source: IANA's registries of special-purpose addresses.
var unroutable = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),   // carriers' NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
}

// isRoutable reports whether the Internet routes an address. The address must be
// clean.
func isRoutable(addr netip.Addr) bool {
	if !isUnicast(addr) || addr.IsLoopback() || addr.IsPrivate() {
		return false
	}
	for _, p := range unroutable {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// isUnicast reports whether an address can be called at all. Link-local addresses
// cannot, because the book has no zones.
func isUnicast(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && !addr.IsLinkLocalUnicast() &&
		addr != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// clean returns an address in its one form: no zone, and IPv4 that is mapped into
// IPv6 as IPv4.
func clean(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
