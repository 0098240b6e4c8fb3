package book

import (
	"fmt"
	"net/netip"

	"stele/internal/atomicfile"
)

// MaxAnchors is the number of anchors that a file has at most.
const MaxAnchors = 2

// SaveAnchors writes the addresses of the peers that a node calls first after a
// restart, as [Book.Save] writes a book. Callers save them whenever they change, so
// that a node that is killed keeps them: then an attacker who makes a node restart
// does not get all of its connections. It writes at most [MaxAnchors].
func SaveAnchors(name string, addrs []netip.AddrPort) error {
	var rows []row
	for _, a := range addrs[:min(len(addrs), MaxAnchors)] {
		rows = append(rows, row{Addr: clean(a)})
	}
	return atomicfile.WriteFile(name, encodeRows(rows), 0o600)
}

// LoadAnchors reads what [SaveAnchors] wrote. Errors: as those of [Load].
func LoadAnchors(name string) ([]netip.AddrPort, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	rows, err := decodeRows(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var addrs []netip.AddrPort
	for i, r := range rows {
		if !r.Addr.IsValid() || len(addrs) == MaxAnchors {
			return nil, fmt.Errorf("%s: %w: line %d: expected at most %d addresses", name, ErrDamaged, i+2, MaxAnchors)
		}
		addrs = append(addrs, clean(r.Addr))
	}
	return addrs, nil
}
