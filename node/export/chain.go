package export

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// blockRow is a block of the chain.
type blockRow struct {
	chain.Header
	block  *block.Block
	judged uint32 // median time of its parent
}

var blocksTable = &tableOf[blockRow]{
	Table: Table{Name: "blocks", Summary: "Blocks of the chain", OfChain: true},
	columns: []column[blockRow]{
		number("height", "", func(b *blockRow) uint64 { return uint64(b.Height) }),
		id("hash", "", func(b *blockRow) record.ID { return b.Hash }),
		id("parent", "", func(b *blockRow) record.ID { return b.Prev }).optional(),
		seconds("time", "as the miner says", func(b *blockRow) uint64 { return uint64(b.Time) }),
		seconds("median_time", "of the block and the ten before it", func(b *blockRow) uint64 { return uint64(b.MedianTime) }),
		text("bits", "compact form of the target", func(b *blockRow) string { return fmt.Sprintf("%08x", uint32(b.Bits)) }),
		number("nonce", "", func(b *blockRow) uint64 { return uint64(b.Nonce) }),
		number("records", "the coinbase included", func(b *blockRow) uint64 { return uint64(len(b.block.Records)) }),
		number("size", "bytes", func(b *blockRow) uint64 { return uint64(b.block.Size()) }),
		amount("fees", "of the records", func(b *blockRow) record.Amount { return feesOf(b.block.Records) }),
		amount("value", "what the coinbase pays", func(b *blockRow) record.Amount { return valueOf(b.block.Records) }),
		key("payee", "key that the coinbase pays", func(b *blockRow) record.Key { return b.block.Records[0].Key }).optional(),
	},
	each: eachBlock,
}

func feesOf(records []*record.Record) (fees record.Amount) {
	for _, r := range records {
		fees += r.Fee
	}
	return fees
}

func valueOf(records []*record.Record) record.Amount {
	coinbase, _ := records[0].Payload.(record.Coinbase)
	return coinbase.Value
}

// recordRow is a record and where it is.
type recordRow struct {
	*record.Record
	height, index uint32
	blockTime     uint32
	medianTime    uint32
	author        record.Key // account; zero for a COINBASE
}

func recordColumns(more ...column[recordRow]) []column[recordRow] {
	return append([]column[recordRow]{
		number("height", "of the block", func(r *recordRow) uint64 { return uint64(r.height) }),
		number("index", "in the block", func(r *recordRow) uint64 { return uint64(r.index) }),
		id("id", "", func(r *recordRow) record.ID { return r.ID() }),
		seconds("block_time", "as the miner says", func(r *recordRow) uint64 { return uint64(r.blockTime) }),
		seconds("median_time", "of the eleven blocks before: what the rules go by", func(r *recordRow) uint64 { return uint64(r.medianTime) }).optional(),
		seconds("claimed_time", "as the author says; nothing proves it", func(r *recordRow) uint64 { return uint64(r.ClaimedTime()) }).optional(),
		key("author", "account of the author; a COINBASE has none", func(r *recordRow) record.Key { return r.author }).optional(),
	}, more...)
}

var recordsTable = &tableOf[recordRow]{
	Table: Table{Name: "records", Summary: "Records of the chain", OfChain: true},
	columns: recordColumns(
		word("type", "", func(r *recordRow) string { return r.Type().String() }),
		key("key", "that signed as author; of a COINBASE, that it pays", func(r *recordRow) record.Key { return r.Key }).optional(),
		number("seq", "", func(r *recordRow) uint64 { return r.Seq }),
		number("valid_until", "height", func(r *recordRow) uint64 { return uint64(r.ValidUntil) }),
		amount("fee", "", func(r *recordRow) record.Amount { return r.Fee }),
		number("size", "bytes", func(r *recordRow) uint64 { return uint64(r.Size()) }),
		id("subject", "the record that it is about directly", subjectOf).optional(),
		textOf(JSON, "payload", "what it says, as in the API", payloadOf),
	),
	each: func(x *exporter, fn func(*recordRow) error) error {
		return eachRecord(x, func(record.Type) bool { return true }, fn)
	},
}

func subjectOf(r *recordRow) (id record.ID) {
	if subjects := record.Subjects(r.Payload); len(subjects) > 0 {
		id = subjects[0]
	}
	return id
}

func payloadOf(r *recordRow) string {
	b, err := json.Marshal(r.Payload)
	if err != nil {
		panic(err) // each payload of a valid record has a JSON form
	}
	return string(b)
}

// ofType returns the rows of the records of some types.
func ofType(types ...record.Type) func(x *exporter, fn func(*recordRow) error) error {
	var wanted [256]bool
	for _, t := range types {
		wanted[t] = true
	}
	return func(x *exporter, fn func(*recordRow) error) error {
		return eachRecord(x, func(t record.Type) bool { return wanted[t] }, fn)
	}
}

// of returns a part of the payload, which must be a P.
func of[P record.Payload, V any](get func(P) V) func(*recordRow) V {
	return func(r *recordRow) V {
		p, _ := r.Payload.(P) // the rows of a table have one type
		return get(p)
	}
}

var rulingsTable = &tableOf[recordRow]{
	Table: Table{Name: "rulings", Summary: "Rulings of supervisors on claims and shipments", OfChain: true},
	columns: recordColumns(
		word("subject", "claim or shipment", of(func(p record.Ruling) string { return p.Subject.String() })),
		id("subject_id", "", of(func(p record.Ruling) record.ID { return p.ID })),
		word("outcome", "ordered, dismissed, delivered or lost", of(func(p record.Ruling) string { return p.Outcome.String() })),
		word("remedy", "that is ordered", of(func(p record.Ruling) string { return wordOf(p.Remedy) })).optional(),
		amount("refund", "that is ordered", of(func(p record.Ruling) record.Amount { return p.Refund })),
		number("execute_days", "that the order gives", of(func(p record.Ruling) uint64 { return uint64(p.ExecuteDays) })).optional(),
		digest("text", "SHA-256 of the reasons", of(func(p record.Ruling) record.Digest { return p.Text })).optional(),
	),
	each: ofType(record.TypeRuling),
}

var recallsTable = &tableOf[recordRow]{
	Table: Table{Name: "recalls", Summary: "Recalls of products and items", OfChain: true},
	columns: recordColumns(
		text("gtin", "number of the product, 14 digits", of(func(p record.RecallNotice) string { return p.GTIN.String() })),
		text("serial", "of the item; none: all items", of(func(p record.RecallNotice) string { return string(p.Serial) })).optional(),
		digest("text", "SHA-256 of the notice", of(func(p record.RecallNotice) record.Digest { return p.Text })).optional(),
	),
	each: ofType(record.TypeRecallNotice),
}

var suspensionsTable = &tableOf[recordRow]{
	Table: Table{Name: "suspensions", Summary: "Records that suspend a seller, or let it sell again", OfChain: true},
	columns: recordColumns(
		word("type", "SELLER_SUSPEND or SELLER_RESTORE", func(r *recordRow) string { return r.Type().String() }),
		key("seller", "as the record names it", func(r *recordRow) record.Key { return suspensionOf(r).Seller }),
		word("cause", "", func(r *recordRow) string { return suspensionOf(r).Cause.String() }),
		digest("text", "SHA-256 of the reasons", func(r *recordRow) record.Digest { return suspensionOf(r).Text }).optional(),
	),
	each: ofType(record.TypeSellerSuspend, record.TypeSellerRestore),
}

func suspensionOf(r *recordRow) record.SellerSuspend {
	if p, ok := r.Payload.(record.SellerRestore); ok {
		return record.SellerSuspend(p)
	}
	p, _ := r.Payload.(record.SellerSuspend)
	return p
}

var correctionsTable = &tableOf[recordRow]{
	Table: Table{Name: "corrections", Summary: "Records that say that another one is wrong", OfChain: true},
	columns: recordColumns(
		id("record", "that is wrong", of(func(p record.Correction) record.ID { return p.Record })),
		word("cause", "wrong-data or did-not-occur", of(func(p record.Correction) string { return p.Cause.String() })),
		digest("correct", "SHA-256 of what would be right", of(func(p record.Correction) record.Digest { return p.Correct })).optional(),
	),
	each: ofType(record.TypeCorrection),
}

func digestText(d record.Digest) string { return hex.EncodeToString(d[:]) }

// eachBlock calls fn for the blocks from the first height of the query up to the block
// of the export. Each must be the child of the one before it, and the last the block of
// the export, so that all are of one chain.
func eachBlock(x *exporter, fn func(*blockRow) error) error {
	var before chain.Header
	if x.since > 0 {
		var ok bool
		if before, ok = x.src.Chain.HeaderAt(x.since - 1); !ok {
			return errMoved()
		}
	}
	for height := uint64(x.since); height <= uint64(x.tip.Height); height++ {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		h, ok := x.src.Chain.HeaderAt(uint32(height))
		if !ok || height > 0 && h.Prev != before.Hash {
			return errMoved()
		}
		b, err := x.src.Chain.Block(h.Hash)
		if err != nil {
			return err
		}
		if err := fn(&blockRow{h, b, before.MedianTime}); err != nil {
			return err
		}
		before = h
	}
	if before.Hash != x.tip.Hash {
		return errMoved()
	}
	return nil
}

func errMoved() error {
	return fmt.Errorf("%w: it changed its branch during the export; try again", query.ErrBusy)
}

// eachRecord calls fn for the records of the chain whose type is wanted.
func eachRecord(x *exporter, wanted func(record.Type) bool, fn func(*recordRow) error) error {
	accounts := names{view: x.src.Chain.View()}
	return eachBlock(x, func(b *blockRow) error {
		for i, r := range b.block.Records {
			if !wanted(r.Type()) {
				continue
			}
			var author record.Key
			if r.Type() != record.TypeCoinbase {
				var err error
				if author, err = accounts.of(r.Key); err != nil {
					return err
				}
			}
			row := recordRow{r, b.Height, uint32(i), b.Time, b.judged, author}
			if err := fn(&row); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxNames bounds how many accounts are remembered.
const maxNames = 1 << 14

// names finds accounts by their keys. The account of a key that has signed never
// changes, so any later state has it.
type names struct {
	view  rules.View
	known map[record.Key]record.Key
}

func (n *names) of(key record.Key) (record.Key, error) {
	if account, ok := n.known[key]; ok {
		return account, nil
	}
	account, err := rules.GetAccount(n.view, key)
	if err != nil {
		return key, err
	}
	if n.known == nil || len(n.known) >= maxNames {
		n.known = make(map[record.Key]record.Key, maxNames)
	}
	n.known[key] = account.ID
	return account.ID, nil
}
