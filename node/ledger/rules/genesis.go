package rules

import (
	"fmt"

	"stele/node/ledger/network"
)

// Genesis returns the state before block 0: the allocations and the roots of
// the network, as changes of an empty state. It panics if the allocations are
// more than there may be.
func Genesis(p *network.Params) []Change {
	s := NewState(empty{})
	if err := genesis(s, p); err != nil {
		panic(fmt.Sprintf("network %s: %v", p.Name, err))
	}
	return s.Changes()
}

func genesis(s *State, p *network.Params) error {
	for _, alloc := range p.Alloc {
		a, err := GetAccount(s, alloc.Key)
		if err != nil {
			return err
		}
		if err := credit(s, a, alloc.Amount); err != nil {
			return err
		}
		if err := addTo(s, supplyEntry, alloc.Amount); err != nil {
			return err
		}
	}
	for _, k := range p.Roots {
		a, err := GetAccount(s, k)
		if err != nil {
			return err
		}
		a.Roles |= root
		if err := putAccount(s, &a); err != nil {
			return err
		}
	}
	return putUint(s, uint64(p.RootThreshold), thresholdEntry)
}

// empty is a View without any entry.
type empty struct{}

func (empty) Get([]byte) ([]byte, error) { return nil, nil }
