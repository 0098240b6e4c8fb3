package views

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// LiveClaims returns the states of claims that are not closed.
func LiveClaims() (states []uint8) {
	for s := rules.ClaimOpen; !s.Closed(); s++ {
		states = append(states, uint8(s))
	}
	return states
}

// InStates returns the first things of a kind and a scope that are in one of some
// states: at most limit, in the order of the chain, none before from. The states
// are those of the tip of the views, at its median time.
func (v *Views) InStates(k Kind, s Scope, states []uint8, from store.Place, limit int) (entries []Entry, err error) {
	err = v.ask(func(db pebble.Reader) error {
		entries, err = readStates(db, k, s, states, from, limit)
		return err
	})
	return entries, err
}

// readStates merges the lists of the states, each of which is in the order of the
// chain.
func readStates(db pebble.Reader, k Kind, s Scope, states []uint8, from store.Place, limit int) (entries []Entry, err error) {
	var heads []*pebble.Iterator
	defer func() {
		for _, iter := range heads {
			err = errors.Join(err, iter.Close())
		}
	}()
	for _, state := range states {
		iter, err := db.NewIter(&pebble.IterOptions{
			LowerBound: stateKey(k, s, state, from), UpperBound: stateKey(k, s, state, lastPlace),
		})
		if err != nil {
			return nil, err
		}
		heads = append(heads, iter)
		iter.First()
	}
	for len(entries) < limit {
		var first *pebble.Iterator
		var at store.Place
		for _, iter := range heads {
			if !iter.Valid() {
				if err := iter.Error(); err != nil {
					return nil, err
				}
				continue
			}
			place := decodePlace(iter.Key()[len(iter.Key())-placeSize:])
			if first == nil || place.Height < at.Height || place.Height == at.Height && place.Index < at.Index {
				first, at = iter, place
			}
		}
		if first == nil {
			break
		}
		value, err := first.ValueAndErr()
		if err != nil {
			return nil, err
		}
		e, err := readEntry(db, first.Key(), value)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		first.Next()
	}
	return entries, nil
}

// lastPlace is after all others.
var lastPlace = store.Place{Height: 1<<32 - 1, Index: 1<<32 - 1}

// Deadline is a claim that waits for something until a time.
type Deadline struct {
	Time uint64 // last second of the period, of median time
	Entry
}

// Next returns the deadline after d, from which the next page begins.
func (d Deadline) Next() Deadline { return Deadline{Time: d.Time, Entry: Entry{Place: d.Entry.Next()}} }

// Deadlines returns the first claims of a scope by their deadlines, at most limit,
// none before from. Claims that are closed have none, and neither have those that
// wait for nothing.
func (v *Views) Deadlines(s Scope, from Deadline, limit int) ([]Deadline, error) {
	return v.waiting(deadlineEntry, s, from, limit)
}

// Held returns the first shipments under way, of all or of a carrier, by the last
// second until which they should change hands: see [rules.Shipment.LostFrom]. At most
// limit, none before from.
func (v *Views) Held(s Scope, from Deadline, limit int) ([]Deadline, error) {
	return v.waiting(heldEntry, s, from, limit)
}

// CountHeld returns how many shipments of [Views.Held] should have changed hands before
// a time. It takes time in proportion to their number.
func (v *Views) CountHeld(s Scope, before uint64) (n uint64, err error) {
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, deadlineKey(heldEntry, s, 0, store.Place{}), deadlineKey(heldEntry, s, before, store.Place{}), func(_, _ []byte) (bool, error) {
			n++
			return true, nil
		})
	})
	return n, err
}

// waiting returns the first entries of a kind by their deadlines.
func (v *Views) waiting(entry byte, s Scope, from Deadline, limit int) (list []Deadline, err error) {
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, deadlineKey(entry, s, from.Time, from.Place), deadlineKey(entry, s, 1<<64-1, lastPlace), func(key, value []byte) (bool, error) {
			if len(key) != 1+scopeSize+8+placeSize {
				return false, errEntry(key, value)
			}
			e, err := readEntry(db, key, value)
			list = append(list, Deadline{binary.BigEndian.Uint64(key[1+scopeSize:]), e})
			if err != nil {
				return false, err
			}
			return len(list) < limit, nil
		})
	})
	return list, err
}

// Group says whose claims are counted together: those of a seller, of a product or of
// the maker of products.
type Group byte

// The groups.
const (
	BySeller  Group = sellerScope
	ByProduct Group = productScope
	ByMaker   Group = makerScope
)

// Rank is a member of a group, and how many of its claims are overdue.
type Rank struct {
	Scope Scope
	Count uint64
}

// MostOverdue returns the members of a group with overdue claims, those with the most
// first and of equal ones by their names: at most limit, none before from. The zero Rank
// is before all.
func (v *Views) MostOverdue(g Group, from Rank, limit int) (ranks []Rank, err error) {
	first := []byte{rankEntry, byte(Claims), byte(g)}
	if from != (Rank{}) {
		first = rankKey(Claims, from.Scope, from.Count)
	}
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, first, []byte{rankEntry, byte(Claims), byte(g) + 1}, func(key, value []byte) (bool, error) {
			if len(key) != 3+8+32 {
				return false, errEntry(key, value)
			}
			ranks = append(ranks, Rank{Scope{byte(g), [32]byte(key[11:])}, ^binary.BigEndian.Uint64(key[3:])})
			return len(ranks) < limit, nil
		})
	})
	return ranks, err
}

// Count returns how many things of a kind are in a state, of all, of a seller, of a
// product or of a maker. Other scopes are not counted: 0. [Overdue] and [OverdueIn] count
// as states of claims.
func (v *Views) Count(k Kind, s Scope, state uint8) (n uint64, err error) {
	err = v.ask(func(db pebble.Reader) error {
		n, err = readCount(db, countKey(k, s, state))
		return err
	})
	return n, err
}

// CountRecords returns how many records of each type the chain has, up to the tip
// of the views.
func (v *Views) CountRecords() (counts map[record.Type]uint64, err error) {
	counts = map[record.Type]uint64{}
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, []byte{numberEntry}, []byte{numberEntry + 1}, func(key, value []byte) (bool, error) {
			if len(key) != 2 || len(value) != 8 {
				return false, errEntry(key, value)
			}
			counts[record.Type(key[1])] = binary.BigEndian.Uint64(value)
			return true, nil
		})
	})
	return counts, err
}

// WithRole returns the first accounts that have a role, at most limit, by their
// first keys, none before from.
func (v *Views) WithRole(role record.Role, from record.Key, limit int) ([]record.Key, error) {
	return v.withRole(role, from, limit)
}

// Suspended is [Views.WithRole] for the accounts that a supervisor keeps from
// selling.
func (v *Views) Suspended(from record.Key, limit int) ([]record.Key, error) {
	return v.withRole(suspendedRole, from, limit)
}

func (v *Views) withRole(role record.Role, from record.Key, limit int) (accounts []record.Key, err error) {
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, roleKey(role, from), []byte{roleEntry, byte(role) + 1}, func(key, value []byte) (bool, error) {
			if len(key) != 2+32 {
				return false, errEntry(key, value)
			}
			accounts = append(accounts, record.Key(key[2:]))
			return len(accounts) < limit, nil
		})
	})
	return accounts, err
}

// Products returns the numbers of the first registered products, at most limit, in
// their order, none below from.
func (v *Views) Products(from record.GTIN, limit int) (products []record.GTIN, err error) {
	first := binary.BigEndian.AppendUint64([]byte{makerEntry}, uint64(from))
	err = v.ask(func(db pebble.Reader) error {
		return scan(db, first, []byte{makerEntry + 1}, func(key, value []byte) (bool, error) {
			if len(key) != 1+8 {
				return false, errEntry(key, value)
			}
			products = append(products, record.GTIN(binary.BigEndian.Uint64(key[1:])))
			return len(products) < limit, nil
		})
	})
	return products, err
}

// Block returns what the block of the views at a height adds up to, and false
// above their tip.
func (v *Views) Block(height uint32) (s BlockSummary, ok bool, err error) {
	err = v.ask(func(db pebble.Reader) error {
		key := blockKey(height)
		value, closer, err := db.Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		defer closer.Close()
		if len(value) != blockSummarySize {
			return errEntry(key, value)
		}
		s, ok = decodeBlockSummary(value), true
		return nil
	})
	return s, ok, err
}
