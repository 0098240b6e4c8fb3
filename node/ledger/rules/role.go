package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Roles is the set of an account's roles: bit n is role n, and bit 0 a root.
type Roles uint8

// root marks the accounts that together grant and revoke roles. Genesis makes
// them; no record does.
const root Roles = 1

// Marks that no ROLE_GRANT or ROLE_REVOKE changes.
const (
	past      Roles = 1 << 6 // held a voucher, or a role that was revoked: cases may name the account
	suspended Roles = 1 << 7 // may not issue vouchers
)

// Suspended reports whether a supervisor keeps the account from selling.
func (r Roles) Suspended() bool { return r&suspended != 0 }

// Root reports whether the account is one of those that grant roles.
func (r Roles) Root() bool { return r&root != 0 }

// Has reports whether role is in the set.
func (r Roles) Has(role record.Role) bool { return r&(1<<role) != 0 }

// grantRole gives a key's account a role.
func grantRole(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.RoleGrant)
	if err := checkRoots(s, author, p.Approvers); err != nil {
		return err
	}
	a, err := liveAccount(s, p.Key, "key")
	switch {
	case err != nil:
		return err
	case a.Roles.Has(p.Role):
		return reject.New(reject.RoleHeld, "%v is %v already", p.Key, p.Role)
	}
	a.Roles |= 1 << p.Role
	return putAccount(s, &a)
}

// revokeRole takes a role away from a key's account. A rotated key names it too:
// whoever approved the record may not have seen the rotation. The account keeps the
// mark past: a carrier that never was an author may still have goods.
func revokeRole(s *State, _ Context, r *record.Record, author Account) error {
	p := r.Payload.(record.RoleRevoke)
	if err := checkRoots(s, author, p.Approvers); err != nil {
		return err
	}
	a, err := GetAccount(s, p.Key)
	switch {
	case err != nil:
		return err
	case !a.Roles.Has(p.Role):
		return reject.New(reject.RoleNotHeld, "%v is not %v", p.Key, p.Role)
	}
	a.Roles = a.Roles&^(1<<p.Role) | past
	return putAccount(s, &a)
}

// checkRoots checks that all approvers are roots, and that they reach the threshold
// together with the author, if it is a root. Different current keys belong to
// different accounts, and the approvers of a payload are different.
func checkRoots(s *State, author Account, approvers []record.Key) error {
	signed := 0
	if author.Roles.Root() {
		signed++
	}
	for _, k := range approvers {
		a, err := liveAccount(s, k, "approver")
		switch {
		case err != nil:
			return err
		case !a.Roles.Root():
			return reject.New(reject.NotRoot, "the approver %v is no root", k)
		case a.ID != author.ID:
			signed++
		}
	}
	threshold, err := RootThreshold(s)
	if err != nil {
		return err
	}
	if threshold == 0 {
		return reject.New(reject.BelowThreshold, "this network has no roots yet")
	}
	if signed < threshold {
		return reject.New(reject.BelowThreshold, "%d roots sign, but it takes %d", signed, threshold)
	}
	return nil
}
