package chaintest

import (
	"bytes"
	"fmt"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Fee is the fee of the records that a builder makes.
const Fee record.Amount = 1000

// Funded returns the key that now signs for the i-th funded account, after any
// rotations, in the state after on.
func (b *Builder) Funded(on *Block, i int) record.Key {
	return b.account(on, b.funded[i]).Key
}

func (b *Builder) account(on *Block, k record.Key) rules.Account {
	a, err := rules.GetAccount(on.state, k)
	if err != nil {
		panic(err)
	}
	return a
}

// Frame returns a record of the author without payload and signature, with the
// next sequence number after on.
func (b *Builder) Frame(on *Block, author record.Key) record.Record {
	return record.Record{
		Network:    b.Params.ID,
		Version:    1,
		Seq:        b.account(on, author).Seq,
		ValidUntil: on.Height() + 1000,
		Fee:        Fee,
		Key:        author,
	}
}

// Sign returns the record with all its signatures, and the version of its type.
func (b *Builder) Sign(r record.Record) *record.Record {
	r.Version = r.Payload.Type().Version()
	unsigned := record.New(r)
	var keys []record.PrivateKey
	for _, k := range unsigned.Signers() {
		if secret, ok := b.secrets[k]; ok {
			keys = append(keys, secret)
		}
	}
	signed, err := record.Sign(unsigned, keys...)
	if err != nil {
		panic(fmt.Errorf("chaintest: %w", err))
	}
	return signed
}

// Pay returns a signed payment that is valid after on.
func (b *Builder) Pay(on *Block, from, to record.Key, amount record.Amount) *record.Record {
	r := b.Frame(on, from)
	r.Payload = record.Pay{To: to, Amount: amount}
	return b.Sign(r)
}

// Grant returns a signed record that gives key a role. It is valid after on.
func (b *Builder) Grant(on *Block, role record.Role, key record.Key) *record.Record {
	r := b.Frame(on, b.Funded(on, 0))
	r.Payload = record.RoleGrant{Role: role, Key: key, Approvers: b.Approvers()}
	return b.Sign(r)
}

// Approvers returns two root keys in the order that a record wants.
func (b *Builder) Approvers() []record.Key {
	keys := []record.Key{record.PublicOf(Roots()[0]), record.PublicOf(Roots()[1])}
	slices.SortFunc(keys, func(x, y record.Key) int { return bytes.Compare(x[:], y[:]) })
	return keys
}

// Records returns n random signed records that are valid after on, in this
// order: mostly payments among funded and new keys, now and then a role granted
// or a key rotated.
func (b *Builder) Records(on *Block, n int) []*record.Record {
	type author struct {
		key record.Key
		seq uint64
	}
	authors := make([]author, len(b.funded))
	for i, k := range b.funded {
		a := b.account(on, k)
		authors[i] = author{a.Key, a.Seq}
	}
	records := make([]*record.Record, n)
	for i := range records {
		who := b.Rand.IntN(len(authors))
		r := b.Frame(on, authors[who].key)
		r.Seq = authors[who].seq
		r.Fee = Fee + record.Amount(b.Rand.IntN(1000))
		r.Payload = record.Pay{
			To:     authors[(who+1+b.Rand.IntN(len(authors)-1))%len(authors)].key,
			Amount: 1 + record.Amount(b.Rand.IntN(100000)),
		}
		authors[who].seq++
		switch b.Rand.IntN(32) {
		case 0:
			r.Payload = record.RoleGrant{Role: record.Seller, Key: record.PublicOf(b.NewKey()), Approvers: b.Approvers()}
		case 1:
			next := record.PublicOf(b.NewKey())
			r.Payload = record.KeyRotate{New: next}
			authors[who].key = next
		case 2, 3:
			r.Payload = record.Pay{To: record.PublicOf(b.NewKey()), Amount: record.Coin}
		}
		records[i] = b.Sign(r)
	}
	return records
}

// Balance returns what a key has after on.
func (b *Builder) Balance(on *Block, key record.Key) record.Amount {
	return b.account(on, key).Balance
}
