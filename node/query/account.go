package query

import (
	"errors"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Account is what the state knows of a party.
type Account struct {
	rules.Account
	// NextSeq is the sequence number for its next record, after those that wait in
	// the pool. A pinned reader knows of none that wait.
	NextSeq uint64
}

// Granted returns the roles of the account, in the order of their numbers.
func (a *Account) Granted() []record.Role {
	roles := []record.Role{}
	for _, role := range record.Roles() {
		if a.Roles.Has(role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// Account returns the account of a key, also for one that never did anything: it
// is an account with nothing.
func (r *Reader) Account(key record.Key) (*Account, error) {
	account, err := looked(r, func(n *now) (rules.Account, error) { return rules.GetAccount(n.view, key) })
	if err != nil {
		return nil, err
	}
	if r.past != nil {
		return &Account{account, account.Seq}, nil
	}
	next, err := r.pool.NextSeq(account.Key)
	return &Account{account, next}, err
}

// State is what the state is in all.
type State struct {
	Height     uint32
	Tip        pow.Hash
	Digest     pow.Hash      // chained digest of all changes up to the tip
	Supply     record.Amount // all money
	RewardPool record.Amount // the burned half of all fees
}

// maxTries is how often something is read, if the tip changes meanwhile.
const maxTries = 5

// State returns supply and reward pool at the tip. Errors: [ErrTooFast], and
// those of the store.
func (r *Reader) State() (State, error) {
	for range maxTries {
		tip := r.tip()
		res := State{Height: tip.Height, Tip: tip.Hash, Digest: tip.Digest}
		err := r.look(func(n *now) error {
			var failed [2]error
			res.Supply, failed[0] = rules.Supply(n.view)
			res.RewardPool, failed[1] = rules.RewardPool(n.view)
			return errors.Join(failed[:]...)
		})
		if err != nil {
			return State{}, err
		}
		if r.tip() == tip {
			return res, nil
		}
	}
	return State{}, errTooFast()
}

func errTooFast() error {
	return fail(ErrTooFast, "the chain changes faster than its state can be read; try again")
}
