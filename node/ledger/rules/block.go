package rules

import (
	"encoding/binary"
	"errors"
	"fmt"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Reward returns the maximum that the coinbase of a block may claim: the subsidy,
// and the half of the fees that is not burned, rounded up.
func Reward(p *network.Params, height uint32, fees record.Amount) record.Amount {
	return p.SubsidyAt(height) + earned(fees)
}

// earned returns the miner's part of the fees of a block.
func earned(fees record.Amount) record.Amount { return fees - fees/2 }

// ApplyBlock applies all records of a block. The first must be its coinbase.
// The error of a record that breaks a rule is a [reject.Error] that names the
// record's index. After an error the state is as it was before.
func ApplyBlock(s *State, c Context, records []*record.Record) error {
	mark := s.Mark()
	err := applyBlock(s, c, records)
	if err != nil {
		s.Revert(mark)
	}
	return err
}

// keysPerRecord is about the number of entries that a record touches: two accounts,
// or an account, the entries of its case, and its author.
const keysPerRecord = 4

func applyBlock(s *State, c Context, records []*record.Record) error {
	if len(records) == 0 {
		return reject.New(reject.NoCoinbase, "the block has no record")
	}
	s.reserve(keysPerRecord * len(records))
	if err := Begin(s, c); err != nil {
		return err
	}
	var fees record.Amount // at most the supply: all of it was in accounts
	for i, r := range records[1:] {
		if err := apply(s, c, r); err != nil {
			return atIndex(i+1, err)
		}
		fees += r.Fee
	}
	if err := End(s, c, records[0], fees); err != nil {
		return atIndex(0, err)
	}
	return nil
}

// atIndex adds to an error which record of a block it is about.
func atIndex(index int, err error) error {
	var rejected *reject.Error
	if errors.As(err, &rejected) {
		return reject.New(rejected.Reason, "record %d: %s", index, rejected.Text)
	}
	return fmt.Errorf("record %d: %w", index, err)
}

// Begin pays out the coinbase that becomes mature with this block.
func Begin(s *State, c Context) error {
	if c.Height < c.Params.Maturity {
		return nil
	}
	key := immatureKey(c.Height - c.Params.Maturity)
	value, err := s.Get(key[:])
	if err != nil || value == nil {
		return err
	}
	if len(value) != immatureSize || [8]byte(value[32:]) == [8]byte{} {
		return errState(key[:], value)
	}
	a, err := GetAccount(s, record.Key(value))
	if err != nil {
		return err
	}
	if err := credit(s, a, record.Amount(binary.LittleEndian.Uint64(value[32:]))); err != nil {
		return err
	}
	return s.Delete(key[:])
}

// End applies the coinbase of a block after all other records, whose fees
// together are fees.
func End(s *State, c Context, coinbase *record.Record, fees record.Amount) error {
	p, ok := coinbase.Payload.(record.Coinbase)
	maxValue := Reward(c.Params, c.Height, fees)
	switch {
	case !ok:
		return reject.New(reject.NoCoinbase, "the first record of the block is %v, not COINBASE", coinbase.Payload.Type())
	case p.Height != c.Height:
		return reject.New(reject.CoinbaseHeight, "the coinbase is for height %d, but the block has height %d", p.Height, c.Height)
	case p.Value > maxValue:
		return reject.New(reject.CoinbaseValue, "the coinbase claims %v, but subsidy and fees give %v", p.Value, maxValue)
	}

	// What the miner leaves of the fees is burned; of the subsidy, never made.
	burned, created := fees-earned(fees), record.Amount(0)
	if p.Value < earned(fees) {
		burned += earned(fees) - p.Value
	} else {
		created = p.Value - earned(fees)
	}
	if err := addTo(s, rewardPoolEntry, burned); err != nil {
		return err
	}
	if err := addTo(s, supplyEntry, created); err != nil {
		return err
	}
	if p.Value == 0 {
		return nil
	}
	key := immatureKey(c.Height)
	var value [immatureSize]byte
	copy(value[:], coinbase.Key[:])
	binary.LittleEndian.PutUint64(value[32:], uint64(p.Value))
	return s.Put(key[:], value[:])
}

// addTo adds to an entry that is an amount.
func addTo(s *State, kind byte, amount record.Amount) error {
	n, err := getUint(s, kind)
	if err != nil {
		return err
	}
	if amount > record.MaxAmount || record.Amount(n) > record.MaxAmount-amount {
		return reject.New(reject.AmountOverflow, "%v and %v are more than %v", amount, record.Amount(n), record.MaxAmount)
	}
	return putUint(s, n+uint64(amount), kind)
}

// takeFrom takes from an entry that is an amount, and that must have as much.
func takeFrom(s *State, kind byte, amount record.Amount) error {
	n, err := getUint(s, kind)
	if err != nil {
		return err
	}
	if amount > record.Amount(n) {
		return fmt.Errorf("%w: %v are to be taken from entry %c, which has %v", ErrState, amount, kind, record.Amount(n))
	}
	return putUint(s, n-uint64(amount), kind)
}

// immatureSize is the size of a value under immatureEntry: key, amount.
const immatureSize = 32 + 8

func immatureKey(height uint32) [5]byte {
	key := [5]byte{immatureEntry}
	binary.BigEndian.PutUint32(key[1:], height)
	return key
}
