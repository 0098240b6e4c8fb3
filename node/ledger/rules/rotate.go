package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// rotateKey gives the author's account another key to sign with. The new key may
// have a balance, which the account gets, but no past: no records, no vouchers, and
// no roles, not even revoked ones. So two accounts in use never become one, and no
// account that a case names disappears.
func rotateKey(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.KeyRotate)
	unused, err := GetAccount(s, p.New)
	switch {
	case err != nil:
		return err
	case unused.Seq != 0 || unused.Roles != 0: // as that of every account that was rotated
		return reject.New(reject.KeyInUse, "the new key %v is in use already", p.New)
	}
	author.Key = p.New
	if err := putAlias(s, p.New, author.ID); err != nil {
		return err
	}
	return credit(s, author, unused.Balance)
}
