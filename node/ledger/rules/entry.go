package rules

import (
	"encoding/binary"
	"errors"
	"fmt"

	"stele/node/ledger/record"
)

// The first byte of a key is the kind of its entry.
const (
	accountEntry    = 'a'
	claimEntry      = 'c'
	evidenceEntry   = 'd'
	evaluationEntry = 'e'
	productEntry    = 'g'
	shipmentEntry   = 'h'
	itemEntry       = 'i'
	immatureEntry   = 'm'
	challengeEntry  = 'n'
	rewardPoolEntry = 'p'
	authorEntry     = 'r'
	supplyEntry     = 's'
	thresholdEntry  = 't'
	voucherEntry    = 'v'
	paymentEntry    = 'y'
)

// ErrState means that the state has an entry that no rule can have written: it is
// damaged.
var ErrState = errors.New("corrupt state")

func errState(key, value []byte) error {
	// The copies let callers have their keys on the stack.
	return fmt.Errorf("%w: entry %x has the value %x", ErrState, string(key), string(value))
}

// errNoEntry is the error for an entry that another one names, and that is missing.
func errNoEntry(kind byte, id record.ID) error {
	return fmt.Errorf("%w: there is no entry %c of %v", ErrState, kind, id)
}

// getUint reads an entry that is one number. Absent is 0.
func getUint(v View, key ...byte) (uint64, error) {
	value, err := get(v, key)
	switch {
	case err != nil || value == nil:
		return 0, err
	case len(value) != 8 || [8]byte(value) == [8]byte{}:
		return 0, errState(key, value)
	}
	return binary.LittleEndian.Uint64(value), nil
}

// putUint writes an entry that is one number.
func putUint(s *State, n uint64, key ...byte) error {
	if n == 0 {
		return s.Delete(key)
	}
	return s.Put(key, binary.LittleEndian.AppendUint64(nil, n))
}

// RewardPool returns the burned half of all fees, which no account has.
func RewardPool(v View) (record.Amount, error) {
	n, err := getUint(v, rewardPoolEntry)
	return record.Amount(n), err
}

// Supply returns all money that there is.
func Supply(v View) (record.Amount, error) {
	n, err := getUint(v, supplyEntry)
	return record.Amount(n), err
}

// RootThreshold returns how many roots must sign to grant or revoke a role.
func RootThreshold(v View) (int, error) {
	n, err := getUint(v, thresholdEntry)
	return int(n), err
}
