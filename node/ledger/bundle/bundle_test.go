package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// testChain is a chain whose records no ledger has judged: a bundle does not
// depend on what they mean.
type testChain struct {
	params *network.Params
	blocks []*block.Block
}

func (c *testChain) Tip() uint32 { return uint32(len(c.blocks) - 1) }

func (c *testChain) Block(height uint32) (*block.Block, error) { return c.blocks[height], nil }

func (c *testChain) Header(height uint32) (Header, error) {
	return c.blocks[height].Header.Encode(), nil
}

func (c *testChain) Find(id record.ID) (uint32, int, error) {
	for height, b := range c.blocks {
		for i, r := range b.Records {
			if r.ID() == id {
				return uint32(height), i, nil
			}
		}
	}
	return 0, 0, errors.New("not found")
}

// add mines a block with the records.
func (c *testChain) add(t testing.TB, tree *headertree.Tree, records ...*record.Record) {
	parent := tree.Get(c.blocks[len(c.blocks)-1].Hash())
	height := parent.Height + 1
	all := append([]*record.Record{record.New(record.Record{
		Network: c.params.ID, Version: 1, Seq: uint64(height), ValidUntil: height, Key: key(0).public(),
		Payload: record.Coinbase{Height: height, Value: 1},
	})}, records...)
	ids := make([]pow.Hash, len(all))
	for i, r := range all {
		ids[i] = r.ID()
	}
	root, _ := pow.MerkleRoot(ids)
	h := pow.Header{
		Version: 0x20000000, Prev: parent.Hash, MerkleRoot: root,
		Time: parent.Header.Time + c.params.Pow.TargetSpacing, Bits: parent.NextBits(),
	}
	chaintest.Mine(&h)
	if _, err := tree.Add(h, h.Hash()); err != nil {
		t.Fatal(err)
	}
	c.blocks = append(c.blocks, block.New(h, all))
}

// key is the number of a key.
type key byte

func (k key) private() record.PrivateKey { return record.KeyFromSeed([32]byte{31: byte(k) + 1}) }
func (k key) public() record.Key         { return record.PublicOf(k.private()) }

func sign(t testing.TB, p *network.Params, payload record.Payload, author key, others ...key) *record.Record {
	keys := []record.PrivateKey{author.private()}
	for _, k := range others {
		keys = append(keys, k.private())
	}
	r, err := record.Sign(record.New(record.Record{
		Network: p.ID, Version: 1, ValidUntil: 1000, Fee: 5, Key: author.public(), Payload: payload,
	}), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	seller  key = 1
	buyer   key = 2
	carrier key = 3
	pickup  key = 4
)

// testCase is a chain with a whole case in it, and the ids of its records.
func testCase(t testing.TB) (c *testChain, voucher, claim record.ID, voucherIDs, claimIDs []record.ID, stranger record.ID) {
	p := chaintest.Network()
	c = &testChain{params: p, blocks: []*block.Block{block.Genesis(p)}}
	tree := headertree.New(p.Pow, c.blocks[0].Header)
	now := record.Time(p.GenesisTime)

	issue := sign(t, p, record.VoucherIssue{
		Time: now + 5, GTIN: 6291041500213, Serial: "A1", Buyer: buyer.public(), Price: 100, Quantity: 1, Burn: 10,
	}, seller, buyer)
	voucher = issue.ID()
	ship := sign(t, p, record.ShipmentCreate{Time: now + 6, Voucher: voucher, Leg: record.Outbound, Carrier: carrier.public()}, seller)
	deliver := sign(t, p, record.DeliveryConfirm{Time: now + 7, Shipment: ship.ID(), PickupKey: pickup.public(), ChallengeHeight: 3}, carrier, pickup)
	open := sign(t, p, record.ClaimOpen{Time: now + 8, Voucher: voucher, Ground: record.Fault, Remedy: record.Refund}, buyer)
	claim = open.ID()
	pay := sign(t, p, record.Pay{To: buyer.public(), Amount: 100, Reference: claim}, seller)
	settle := sign(t, p, record.SettleExecute{Time: now + 9, Claim: claim, Remedy: record.Refund, Payment: pay.ID()}, seller)
	other := sign(t, p, record.Pay{To: buyer.public(), Amount: 1}, seller)

	for height := 1; height <= 60; height++ {
		switch height {
		case 20:
			c.add(t, tree, other, issue)
		case 23:
			c.add(t, tree, ship)
		case 31:
			c.add(t, tree, deliver, open)
		case 40:
			c.add(t, tree, pay, settle)
		default:
			c.add(t, tree)
		}
	}
	voucherIDs = []record.ID{settle.ID(), voucher, ship.ID(), deliver.ID(), claim, pay.ID()} // in no order
	claimIDs = []record.ID{voucher, claim, pay.ID(), settle.ID()}
	return c, voucher, claim, voucherIDs, claimIDs, other.ID()
}

func collect(t testing.TB, c *testChain, kind Kind, id record.ID, ids []record.ID, o Options) *Bundle {
	b, err := Collect(c, c.params, kind, id, ids, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reread writes a bundle and reads it again.
func reread(t testing.TB, b *Bundle) *Bundle {
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestVoucher(t *testing.T) {
	c, voucher, _, ids, _, _ := testCase(t)
	for _, o := range []Options{{}, {AllHeaders: true}} {
		rep, err := reread(t, collect(t, c, Voucher, voucher, ids, o)).Check(c.params)
		if err != nil {
			t.Fatal(err)
		}
		if rep.FromGenesis != o.AllHeaders || rep.TipHeight != 60 || rep.Tip != c.blocks[60].Hash() {
			t.Errorf("%+v", rep)
		}
		var story []string
		for _, e := range rep.Events {
			var signers []string
			for _, s := range e.Signers {
				signers = append(signers, s.Part)
			}
			story = append(story, fmt.Sprint(e.Height, " ", e.Type, " ", signers))
		}
		want := "20 VOUCHER_ISSUE [seller buyer]|23 SHIPMENT_CREATE [sender]|31 DELIVERY_CONFIRM [custodian pick-up key]|31 CLAIM_OPEN [holder]|40 PAY [payer]|40 SETTLE_EXECUTE [seller or maker holder]"
		want = strings.Replace(want, "seller or maker holder", "seller or maker", 1)
		if got := strings.Join(story, "|"); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}

		// Times and work of one event, by hand.
		e := rep.Events[2]
		genesis := c.blocks[0].Header.Time
		spacing := c.params.Pow.TargetSpacing
		if e.BlockTime != record.Time(genesis+31*spacing) || e.MedianTime != record.Time(genesis+25*spacing) || *e.ClaimedTime != record.Time(genesis+7) {
			t.Errorf("times %v %v %v", e.BlockTime, e.MedianTime, e.ClaimedTime)
		}
		var work pow.Work
		for _, b := range c.blocks[31:] {
			target, _ := b.Header.Bits.Target()
			work = work.Add(target.Work())
		}
		if e.Confirmations != 30 || e.Hashes != work.String() {
			t.Errorf("%d confirmations, work %s, want %v", e.Confirmations, e.Hashes, work)
		}
		if pay := rep.Events[4]; pay.ClaimedTime != nil {
			t.Errorf("a PAY claims the time %v", pay.ClaimedTime)
		}
	}
}

func TestClaim(t *testing.T) {
	c, _, claim, _, ids, _ := testCase(t)
	rep, err := reread(t, collect(t, c, Claim, claim, ids, Options{})).Check(c.params)
	if err != nil || len(rep.Events) != 4 {
		t.Fatal(rep, err)
	}
}

// What does not hold is named.
func TestFaults(t *testing.T) {
	c, voucher, claim, ids, _, stranger := testCase(t)
	for name, test := range map[string]struct {
		change func(b *Bundle)
		want   string
	}{
		"other network":      {func(b *Bundle) { b.Network = "test" }, "network: "},
		"no headers":         {func(b *Bundle) { b.Headers = nil }, "headers: "},
		"no records":         {func(b *Bundle) { b.Records = nil }, "records: "},
		"a header left out":  {func(b *Bundle) { b.Headers = append(b.Headers[:9:9], b.Headers[10:]...) }, "header 18: "},
		"other proof":        {func(b *Bundle) { b.Records[0].Branch = b.Records[3].Branch }, "record 0: "},
		"other index":        {func(b *Bundle) { b.Records[1].Index = 0 }, "record 1: "},
		"other height":       {func(b *Bundle) { b.Records[1].Height = 24 }, "record 1: "},
		"height before":      {func(b *Bundle) { b.Records[0].Height = 1 }, "record 0: "},
		"height after":       {func(b *Bundle) { b.Records[5].Height = 61 }, "record 5: "},
		"other order":        {func(b *Bundle) { b.Records[0], b.Records[1] = b.Records[1], b.Records[0] }, "record 1: "},
		"a record twice":     {func(b *Bundle) { b.Records = append(b.Records, b.Records[5]) }, "record 6: "},
		"the case left out":  {func(b *Bundle) { b.Records = b.Records[1:] }, "records: "},
		"claim for voucher":  {func(b *Bundle) { b.Kind = Claim }, "record 0: "},
		"other case":         {func(b *Bundle) { b.ID = stranger }, "record 0: "},
		"half a record":      {func(b *Bundle) { b.Records[2].Record = b.Records[2].Record[:100] }, "record 2: "},
		"a signature":        {func(b *Bundle) { r := b.Records[2].Record; r[len(r)-1] ^= 1 }, "record 2: "},
		"started too high":   {func(b *Bundle) { b.Start++ }, "header "},
		"started at nothing": {func(b *Bundle) { b.Start = ^uint32(0) }, "headers: "},
		"median unknown":     {func(b *Bundle) { b.Headers = b.Headers[1:]; b.Start++ }, "record 0: "},
	} {
		t.Run(name, func(t *testing.T) {
			b := reread(t, collect(t, c, Voucher, voucher, ids, Options{}))
			test.change(b)
			_, err := b.Check(c.params)
			if !errors.Is(err, ErrFault) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}

	// A record of somebody else's case does not belong.
	b := collect(t, c, Voucher, voucher, append(ids, stranger), Options{})
	if _, err := b.Check(c.params); err == nil || !strings.Contains(err.Error(), "is not about voucher") {
		t.Error(err)
	}
	// Another chain's genesis.
	b = collect(t, c, Voucher, voucher, ids, Options{AllHeaders: true})
	other := *c.params
	other.GenesisTime++
	if _, err := b.Check(&other); err == nil || !strings.HasPrefix(err.Error(), "header 0: ") {
		t.Error(err)
	}
	if _, err := Collect(c, c.params, Claim, claim, nil, Options{}); !errors.Is(err, ErrNoRecords) {
		t.Error(err)
	}
	if _, err := Collect(c, c.params, Claim, claim, []record.ID{{1}}, Options{}); err == nil {
		t.Error("a record that does not exist was collected")
	}
}

// Any bit of any record, proof or header that is changed is noticed.
func TestEveryBit(t *testing.T) {
	c, voucher, _, ids, _, _ := testCase(t)
	good := collect(t, c, Voucher, voucher, ids, Options{})
	check := func(what string, b *Bundle) {
		t.Helper()
		if _, err := b.Check(c.params); !errors.Is(err, ErrFault) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i, e := range good.Records {
		for bit := i; bit < 8*len(e.Record); bit += 3 {
			b := copyOf(good)
			b.Records[i].Record = bytes.Clone(e.Record)
			b.Records[i].Record[bit/8] ^= 1 << (bit % 8)
			check(fmt.Sprintf("record %d, bit %d", i, bit), b)
		}
		for j := range e.Branch {
			b := copyOf(good)
			b.Records[i].Branch = append([]pow.Hash(nil), e.Branch...)
			b.Records[i].Branch[j][j] ^= 1
			check(fmt.Sprintf("record %d, branch %d", i, j), b)
		}
	}
	// The last header has no child that would name its hash, and the easy target
	// of this chain is met by every second hash: its nonce proves little.
	for i := range good.Headers[:len(good.Headers)-1] {
		for bit := 0; bit < 8*pow.HeaderSize; bit += 7 {
			b := copyOf(good)
			b.Headers[i][bit/8] ^= 1 << (bit % 8)
			check(fmt.Sprintf("header %d, bit %d", i, bit), b)
		}
	}
}

// copyOf copies a bundle, as far as its slices' elements.
func copyOf(b *Bundle) *Bundle {
	c := *b
	c.Headers = append([]Header(nil), b.Headers...)
	c.Records = append([]Entry(nil), b.Records...)
	return &c
}

func TestRead(t *testing.T) {
	c, voucher, _, ids, _, _ := testCase(t)
	var file bytes.Buffer
	if err := collect(t, c, Voucher, voucher, ids, Options{}).Write(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	for name, text := range map[string]string{
		"empty":         "",
		"not JSON":      "voucher",
		"cut":           text[:len(text)/2],
		"more":          text + "{}",
		"other format":  strings.Replace(text, `"format": 1`, `"format": 2`, 1),
		"unknown field": strings.Replace(text, `"format": 1`, `"format": 1, "note": ""`, 1),
		"bad hex":       strings.Replace(text, `"record": "`, `"record": "zz`, 1),
		"short header":  strings.Replace(text, `"headers": [`, `"headers": [ "00",`, 1),
		"null header":   strings.Replace(text, `"headers": [`, `"headers": [ null,`, 1),
		"a name twice":  strings.Replace(text, `"format": 1`, `"format": 1, "format": 1`, 1),
		"twice inside":  strings.Replace(text, `"index":`, `"index": 7, "index":`, 1),
		"wrong case":    strings.Replace(text, `"network":`, `"Network":`, 1),
		"case inside":   strings.Replace(text, `"height":`, `"Height":`, 1),
		"empty record":  strings.Replace(text, `"records": [`, `"records": [ {},`, 1),
	} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// What is allocated stays below twice the length of the file and 64 kB, for a
// good bundle and for one made to take memory.
func TestReadMemory(t *testing.T) {
	c, voucher, _, ids, _, _ := testCase(t)
	var good bytes.Buffer
	if err := collect(t, c, Voucher, voucher, ids, Options{AllHeaders: true}).Write(&good); err != nil {
		t.Fatal(err)
	}
	header := `"` + strings.Repeat("00", pow.HeaderSize) + `",`
	for name, text := range map[string]string{
		"good":          good.String(),
		"headers":       `{"format":1,"headers":[` + strings.Repeat(header, 20_000),
		"null headers":  `{"format":1,"headers":[` + strings.Repeat("null,", 700_000),
		"empty records": `{"format":1,"records":[` + strings.Repeat("{},", 1_000_000),
		"small records": `{"format":1,"records":[` + strings.Repeat(`{"record":"00"},`, 200_000),
		"branches":      `{"format":1,"records":[{"branch":[` + strings.Repeat(`"",`, 1_000_000),
	} {
		in := strings.NewReader(text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(in)
		runtime.ReadMemStats(&after)
		if (err == nil) != (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*uint64(len(text))+64<<10 {
			t.Errorf("%s: %d kB allocated for %d kB", name, got>>10, len(text)>>10)
		}
	}
}

func FuzzRead(f *testing.F) {
	c, voucher, _, ids, _, _ := testCase(f)
	var file bytes.Buffer
	if err := collect(f, c, Voucher, voucher, ids, Options{}).Write(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(`{"format":1,"network":"dev","kind":"claim","start":4294967295,"headers":[],"records":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		if _, err := json.Marshal(b); err != nil {
			t.Fatal(err)
		}
		if rep, err := b.Check(c.params); err == nil && len(rep.Events) == 0 {
			t.Fatal("nothing was proved, and no fault")
		}
	})
}

// A bundle of 50 records.
func BenchmarkCheck(b *testing.B) {
	c, voucher, claim, ids, _, _ := testCase(b)
	tree := headertree.New(c.params.Pow, c.blocks[0].Header)
	for _, blk := range c.blocks[1:] {
		if _, err := tree.Add(blk.Header, blk.Hash()); err != nil {
			b.Fatal(err)
		}
	}
	for i := len(ids); i < 50; i++ {
		r := sign(b, c.params, record.EvidenceAdd{Time: record.Time(c.params.GenesisTime), Claim: claim, Note: fmt.Sprint(i)}, buyer)
		c.add(b, tree, r)
		ids = append(ids, r.ID())
	}
	bundle := collect(b, c, Voucher, voucher, ids, Options{})
	for b.Loop() {
		if _, err := bundle.Check(c.params); err != nil {
			b.Fatal(err)
		}
	}
}
