package traffic

import (
	"bytes"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// payments are what accounts with a balance do: they pay each other, and give
// roles to strangers with the keys of the roots.
type payments struct {
	authors   []*author
	strangers []record.Key // accounts that are paid and given roles, and sign nothing
	roots     []record.Key // as many as it takes, in the order of a payload
}

const (
	strangers   = 500
	officials   = 8                    // of them get roles and lose them
	baseFee     = record.Coin / 10_000 // to ten times as much
	roleEvery   = 50                   // payments
	rotateEvery = 200                  // payments
)

func newPayments(o Options) payments {
	var p payments
	for i, key := range o.Accounts {
		p.authors = append(p.authors, &author{first: key, key: key, rotates: i%4 == 3})
	}
	for i := range strangers {
		p.strangers = append(p.strangers, record.PublicOf(laterKey(o.Accounts[0], maxKeys+i)))
	}
	for _, key := range o.Roots[:min(len(o.Roots), o.Params.RootThreshold)] {
		p.roots = append(p.roots, record.PublicOf(key))
	}
	slices.SortFunc(p.roots, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
	return p
}

// pay returns a payment, or now and then a role or another key, or nil if no
// account can sign.
func (g *Generator) pay() (*draft, error) {
	a := g.payer()
	if a == nil {
		return nil, nil
	}
	d := &draft{author: a, fee: baseFee + record.Amount(g.random.Uint64N(9*uint64(baseFee)))}
	switch {
	case a.rotates && g.random.IntN(rotateEvery/4) == 0 && a.keys+1 < maxKeys:
		next := laterKey(a.first, a.keys+1)
		d.payload = record.KeyRotate{New: record.PublicOf(next)}
		d.with = []record.PrivateKey{next}
		a.resting = true // the old key signs nothing more, the new one nothing yet
	case g.random.IntN(roleEvery) == 0 && len(g.payments.roots) > 0:
		key := g.payments.strangers[g.random.IntN(officials)]
		role := record.Supervisor + record.Role(g.random.IntN(int(record.Servicer)))
		payload, err := g.role(key, role)
		if err != nil {
			return nil, err
		}
		d.payload, d.with = payload, g.o.Roots
	default:
		d.payload = record.Pay{To: g.payee(a), Amount: 1 + record.Amount(g.random.Uint64N(uint64(record.Coin)))}
	}
	return d, nil
}

// payer returns an account with a balance that can sign, or nil.
func (g *Generator) payer() *author {
	authors := g.payments.authors
	first := g.random.IntN(len(authors))
	for i := range authors {
		if a := authors[(first+i)%len(authors)]; !a.resting {
			return a
		}
	}
	return nil
}

// payee returns a key to pay to: mostly that of another account, so that money
// circulates. An account that rotates its keys is sometimes paid to its first key,
// as by somebody who has not seen the rotation.
func (g *Generator) payee(from *author) record.Key {
	to := g.payments.authors[g.random.IntN(len(g.payments.authors))]
	if to == from || g.random.IntN(4) == 0 {
		return g.payments.strangers[g.random.IntN(len(g.payments.strangers))]
	}
	if to.rotates && g.random.IntN(2) == 0 {
		return to.id()
	}
	return record.PublicOf(to.key)
}

// role grants a role to a key, or takes it away from one that has it.
func (g *Generator) role(key record.Key, role record.Role) (record.Payload, error) {
	account, err := rules.GetAccount(g.o.Chain.View(), key)
	if err != nil {
		return nil, err
	}
	if account.Roles.Has(role) {
		return record.RoleRevoke{Role: role, Key: key, Approvers: g.payments.roots}, nil
	}
	return record.RoleGrant{Role: role, Key: key, Approvers: g.payments.roots}, nil
}
