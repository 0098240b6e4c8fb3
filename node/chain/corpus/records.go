package corpus

import (
	"bytes"
	"slices"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// ledger adds payments: encodings, signatures, sequence numbers, amounts.
func (g *generator) ledger() {
	g.recordEncodings()
	g.signatures()
	g.sequences()
	g.amounts()
	g.maturity()
}

// sign makes a record of the frame after some edits.
func (g *generator) sign(edit func(r *record.Record)) *record.Record {
	r := g.frame()
	edit(&r)
	return g.Sign(r)
}

func (g *generator) recordEncodings() {
	raw := g.pay(0).Encode()
	set := func(offset int, value byte) []byte {
		b := bytes.Clone(raw)
		b[offset] = value
		return b
	}
	const typeAt, versionAt, lengthAt = 4, 5, 58
	g.rejectRecordBytes("record without bytes", reject.BadRecordEncoding, []byte{})
	g.rejectRecordBytes("record a byte too short", reject.BadRecordEncoding, raw[:len(raw)-1])
	g.rejectRecordBytes("record a byte too long", reject.BadRecordEncoding, append(bytes.Clone(raw), 0))
	g.rejectRecordBytes("record of type 0", reject.UnknownType, set(typeAt, 0))
	g.rejectRecordBytes("record of type 255", reject.UnknownType, set(typeAt, 255))
	g.rejectRecordBytes("record of version 0", reject.UnknownVersion, set(versionAt, 0))
	g.rejectRecordBytes("record of version 2", reject.UnknownVersion, set(versionAt, 2))
	g.rejectRecordBytes("payload a byte too short", reject.BadRecordEncoding, set(lengthAt, raw[lengthAt]-1))
	g.rejectRecordBytes("payload a byte too long", reject.BadRecordEncoding, set(lengthAt, raw[lengthAt]+1))
	g.rejectRecordBytes("body of 64 bytes", reject.Ambiguous, set(lengthAt, 4))
	long := append(set(lengthAt+1, 0x7f), make([]byte, 1<<15)...)
	g.rejectRecordBytes("record of 32 kB", reject.RecordTooLarge, long)

	g.rejectRecord("record of another network", reject.WrongNetwork, g.sign(func(r *record.Record) { r.Network++ }))
}

func (g *generator) signatures() {
	good := g.pay(0)
	g.rejectRecord("no signature", reject.BadSignature, withSignatures(good, record.Signature{}))
	g.rejectRecord("signature with a bit flipped", reject.BadSignature, flipSignature(good))
	g.rejectRecord("signature of another record", reject.BadSignature, withSignatures(good, g.pay(1).Signatures[0]))
	none := good.Body()
	g.rejectRecordBytes("number of signatures is 0", reject.SignatureCount, append(bytes.Clone(none), 0))
	two := append(append(bytes.Clone(none), 2), good.Encode()[len(none)+1:]...)
	g.rejectRecordBytes("number of signatures is 2", reject.SignatureCount, append(two, good.Signatures[0][:]...))

	other := g.frame()
	other.Network++
	elsewhere := g.Sign(other)
	g.rejectRecord("signature for another network", reject.BadSignature, withSignatures(good, elsewhere.Signatures[0]))
	hash := good.ID()
	var digest record.Signature
	copy(digest[:], hash[:])
	copy(digest[32:], hash[:])
	g.rejectRecord("the record's own hash as its signature", reject.BadSignature, withSignatures(good, digest))

	weak := g.frame()
	weak.Seq = 0
	weak.Key = record.Key{1} // the neutral element: everybody can sign for it
	weak.Signatures = []record.Signature{{1}}
	g.rejectRecord("author's key of small order", reject.WeakKey, record.New(weak))
	g.acceptRecord("a payment", good)
	g.rejectRecord("the same payment again", reject.SequenceUsed, good)
}

func (g *generator) sequences() {
	first := g.frame()
	second := first
	second.Seq++
	a, b := g.Sign(first), g.Sign(second)
	rival := first
	rival.Payload = record.Pay{To: g.Funded(g.tip, 2), Amount: 2 * record.Coin}
	g.rejectRecord("sequence number with a gap", reject.SequenceGap, b)
	g.reject("records of a key in the wrong order", reject.SequenceGap, g.draft(b, a).Seal())
	g.reject("two records with one sequence number", reject.SequenceUsed, g.draft(a, g.Sign(rival)).Seal())
	g.reject("one record twice", reject.SequenceUsed, g.draft(a, a, b).Seal())
	g.rejectRecord("sequence number 2^64-1", reject.SequenceGap, g.sign(func(r *record.Record) { r.Seq = 1<<64 - 1 }))
	g.extend("two records of a key in order", a, b)

	height := g.tip.Height() + 1
	g.rejectRecord("valid until the block before", reject.Expired, g.sign(func(r *record.Record) { r.ValidUntil = height - 1 }))
	g.rejectRecord("valid until block 0", reject.Expired, g.sign(func(r *record.Record) { r.ValidUntil = 0 }))
	g.acceptRecord("valid until this very block", g.sign(func(r *record.Record) { r.ValidUntil = height }))
}

func (g *generator) amounts() {
	payer, payee := g.Funded(g.tip, 0), g.Funded(g.tip, 1)
	pay := func(amount record.Amount) record.Payload { return record.Pay{To: payee, Amount: amount} }
	rejected := func(name string, reason reject.Reason, edit func(r *record.Record)) {
		g.rejectRecord(name, reason, g.sign(edit))
	}
	rejected("payment of nothing", reject.AmountOutOfRange, func(r *record.Record) { r.Payload = pay(0) })
	rejected("payment above the greatest amount", reject.AmountOutOfRange, func(r *record.Record) { r.Payload = pay(record.MaxAmount + 1) })
	rejected("payment of 2^64-1", reject.AmountOutOfRange, func(r *record.Record) { r.Payload = pay(1<<64 - 1) })
	rejected("fee of 2^64-1", reject.AmountOutOfRange, func(r *record.Record) { r.Fee = 1<<64 - 1 })
	rejected("payment to oneself", reject.SelfPayment, func(r *record.Record) { r.Payload = record.Pay{To: payer, Amount: 1} })

	has := g.balance(payer)
	rejected("payment above the balance", reject.InsufficientFunds, func(r *record.Record) { r.Payload = pay(has + 1) })
	rejected("payment of all, nothing left for the fee", reject.InsufficientFunds, func(r *record.Record) { r.Payload = pay(has) })
	rejected("fee above the balance", reject.InsufficientFunds, func(r *record.Record) { r.Fee = has + 1 })

	// Spend to the last unit, and one payment more.
	poor := g.NewKey()
	key := record.PublicOf(poor)
	g.extend("a new key is paid", g.Pay(g.tip, payer, key, 10*chaintest.Fee))
	g.rejectRecord("payment of a key that has nothing", reject.InsufficientFunds, g.Pay(g.tip, record.PublicOf(g.NewKey()), payer, 1))
	all := g.Pay(g.tip, key, payer, 9*chaintest.Fee)
	more := g.Frame(g.tip, key)
	more.Seq++
	more.Fee = 0
	more.Payload = record.Pay{To: payer, Amount: 1}
	g.reject("more than all is spent in one block", reject.InsufficientFunds, g.draft(all, g.Sign(more)).Seal())
	g.acceptRecord("payment of all that a key has", all)
	g.acceptRecord("record without a fee", g.sign(func(r *record.Record) { r.Fee = 0 }))

	// What a record pays can be spent by the records after it in the same block.
	poor = g.NewKey()
	key = record.PublicOf(poor)
	in := g.Pay(g.tip, payer, key, 10*chaintest.Fee)
	out := g.Pay(g.tip, key, payer, chaintest.Fee)
	g.reject("spent before it came in", reject.InsufficientFunds, g.draft(out, in).Seal())
	g.extend("spent after it came in, same block", in, out)
}

// maturity spends a coinbase in the first block in which that is valid, and in the
// one before.
func (g *generator) maturity() {
	miner := record.PublicOf(g.NewKey())
	d := g.draft()
	d.Coinbase.Key = miner
	g.accept("coinbase of a new miner", Extended, g.tip, d.Seal())
	mined := g.tip.Height()
	spend := func() *record.Record { return g.Pay(g.tip, miner, g.Funded(g.tip, 0), record.Coin) }
	for g.tip.Height()+1 < mined+g.Params.Maturity-1 {
		g.extend("waiting for the coinbase, block " + string('0'+rune(g.tip.Height()-mined+1)))
	}
	g.rejectRecord("coinbase spent a block too early", reject.InsufficientFunds, spend())
	g.extend("last block before the coinbase is mature")
	g.acceptRecord("coinbase spent as soon as it may be", spend())
}

// roles adds grants and revocations of roles.
func (g *generator) roles() {
	holder := record.PublicOf(g.NewKey())
	two := g.Approvers()
	grant := func(role record.Role, approvers ...record.Key) *record.Record {
		return g.sign(func(r *record.Record) {
			r.Payload = record.RoleGrant{Role: role, Key: holder, Approvers: approvers}
		})
	}
	revoke := func(role record.Role) *record.Record {
		return g.sign(func(r *record.Record) {
			r.Payload = record.RoleRevoke{Role: role, Key: holder, Approvers: two}
		})
	}
	sorted := func(keys ...record.Key) []record.Key {
		slices.SortFunc(keys, func(a, b record.Key) int { return bytes.Compare(a[:], b[:]) })
		return keys
	}
	payer := g.Funded(g.tip, 0)

	g.rejectRecord("role revoked that nobody granted", reject.RoleNotHeld, revoke(record.Seller))
	g.rejectRecord("role granted by nobody", reject.BelowThreshold, grant(record.Seller))
	g.rejectRecord("role granted by one root of three", reject.BelowThreshold, grant(record.Seller, two[0]))
	g.rejectRecord("role granted by a root and a stranger", reject.NotRoot, grant(record.Seller, sorted(two[0], g.Funded(g.tip, 3))...))
	g.rejectRecord("author approves, too", reject.DuplicateSigner, grant(record.Seller, sorted(two[0], payer)...))

	unsorted := record.RoleGrant{Role: record.Seller, Key: holder, Approvers: []record.Key{two[1], two[0]}}
	g.rejectRecord("approvers in the wrong order", reject.NotCanonical, g.sign(func(r *record.Record) { r.Payload = unsorted }))
	twice := record.RoleGrant{Role: record.Seller, Key: holder, Approvers: []record.Key{two[0], two[0]}}
	g.rejectRecordBytes("one approver twice", reject.NotCanonical, g.sign(func(r *record.Record) { r.Payload = twice }).Encode())
	g.rejectRecord("role 0", reject.UnknownRole, grant(0, two...))
	g.rejectRecord("role 99", reject.UnknownRole, grant(99, two...))
	missing := grant(record.Seller, two...)
	g.rejectRecord("signature of an approver is missing", reject.BadSignature,
		withSignatures(missing, missing.Signatures[0], missing.Signatures[1], record.Signature{}))
	g.rejectRecord("signatures of the approvers exchanged", reject.BadSignature,
		withSignatures(missing, missing.Signatures[0], missing.Signatures[2], missing.Signatures[1]))

	g.acceptRecord("role granted by two roots", grant(record.Seller, two...))
	g.rejectRecord("role granted that is held", reject.RoleHeld, grant(record.Seller, two...))
	g.acceptRecord("another role for the same key", grant(record.Carrier, two...))
	g.acceptRecord("role revoked", revoke(record.Seller))
	g.rejectRecord("role revoked twice", reject.RoleNotHeld, revoke(record.Seller))
}

// rotations adds records that change a key.
func (g *generator) rotations() {
	old, next := g.Funded(g.tip, 5), record.PublicOf(g.NewKey())
	rotate := func(to record.Key) *record.Record {
		r := g.Frame(g.tip, old)
		r.Payload = record.KeyRotate{New: to}
		return g.Sign(r)
	}
	g.rejectRecord("rotation to the same key", reject.SelfRotation, rotate(old))
	g.rejectRecord("rotation to a key that has signed records", reject.KeyInUse, rotate(g.Funded(g.tip, 0)))
	g.rejectRecord("rotation to a root key", reject.KeyInUse, rotate(g.Approvers()[0]))
	good := rotate(next)
	g.rejectRecord("rotation without the new key's signature", reject.BadSignature, withSignatures(good, good.Signatures[0], record.Signature{}))
	g.rejectRecord("rotation to a key of small order", reject.WeakKey, withSignatures(rotate(record.Key{1}), good.Signatures...))
	before := g.Pay(g.tip, old, g.Funded(g.tip, 0), 1)
	g.acceptRecord("rotation", good)
	g.rejectRecord("the old key signs", reject.KeyRotated, before)
	has := g.balance(next)
	g.acceptRecord("the old key is paid", g.Pay(g.tip, g.Funded(g.tip, 0), old, 1))
	if g.balance(next) != has+1 {
		panic("corpus: a payment to a rotated key does not reach its account")
	}
	g.rejectRecord("an account pays its old key", reject.SelfPayment, g.Pay(g.tip, next, old, 1))
	g.acceptRecord("the new key signs", g.Pay(g.tip, next, g.Funded(g.tip, 0), 1))
	g.acceptRecord("the new key is paid", g.Pay(g.tip, g.Funded(g.tip, 0), next, 1))
}

func (g *generator) balance(key record.Key) record.Amount {
	return g.Balance(g.tip, key)
}
