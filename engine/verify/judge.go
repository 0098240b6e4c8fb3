package verify

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"stele/engine"
	"stele/engine/headerchain"
	"stele/engine/pow"
)

// batch is a run of items of one source.
type batch struct {
	source *Source
	room   []byte      // space for one header, then the headers of the items
	faults []itemFault // found while parsing, in the order of the items

	contents []content   // of the items, if they are blocks
	findings []itemFault // about them, in their order

	afterGap bool // a gap precedes the first item

	offset func(item int) int64 // at which an item starts
	bytes  int64
	txs    int64
}

// items returns the number of items.
func (b *batch) items() int { return len(b.room)/pow.HeaderSize - 1 }

// content has the facts about the transactions of a block that the judge needs.
type content struct {
	parsed         bool
	coinbaseHeight int64 // at the beginning of the coinbase, or -1
	hasWitnesses   bool
	lacksWitnesses bool // commits to witnesses and has none
}

// itemFault is a fault of an item of a batch.
type itemFault struct {
	item int
	Fault
}

// judge checks batches in the order of the stream and writes the report.
type judge struct {
	engine Engine
	opts   Options
	chain  *headerchain.Chain
	report Report

	last     [pow.HeaderSize]byte // header of the last item
	limit    error                // result of headerchain.CheckLimit for lastBits, in unlinked items
	lastBits pow.Bits
	verdicts []pow.Verdict
	faults   []itemFault // of the rules about headers
	placed   []itemFault // of the rules about transactions at a height
	findings []itemFault
}

func newJudge(e Engine, opts Options) *judge {
	return &judge{engine: e, opts: opts, chain: headerchain.New(opts.params(), opts.StartHeight)}
}

// check checks the headers of a batch and adds its items to the report.
func (j *judge) check(ctx context.Context, b *batch) error {
	n, linked := b.items(), !j.opts.Unlinked
	headers := b.room[pow.HeaderSize:]
	begins := j.report.Items == 0
	if b.afterGap && !begins && linked && pow.Sum(j.last[:]) != pow.Hash(headers[prevOffset:]) {
		// The parent of the first item was not read, nor an unknown number of items before it.
		begins = true
		j.chain = headerchain.New(j.opts.params(), headerchain.UnknownHeight)
	}
	lead := 0 // headers before the first item
	if linked && !begins {
		// The link of the first item is checked too.
		lead = 1
		copy(b.room, j.last[:])
		headers = b.room
	}
	j.verdicts = slices.Grow(j.verdicts[:0], n+lead)[:n+lead]

	type answer struct {
		result engine.VerifyResult
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		result, err := j.engine.Verify(ctx, headers, linked, j.verdicts)
		answers <- answer{result, err}
	}()
	j.rules(b)
	a := <-answers
	if a.err != nil {
		return a.err
	}
	j.addWork(a.result.Devices)
	j.count(b, headers, lead)
	copy(j.last[:], b.room[n*pow.HeaderSize:])
	return nil
}

// rules applies the rules that need no hash. It sets j.faults, j.placed and
// j.findings.
func (j *judge) rules(b *batch) {
	j.faults, j.placed, j.findings = j.faults[:0], j.placed[:0], j.findings[:0]
	for i := range b.items() {
		header := b.room[(i+1)*pow.HeaderSize:][:pow.HeaderSize]
		height := headerchain.UnknownHeight
		var err error
		if j.opts.Unlinked {
			err = j.checkLimit(pow.Bits(binary.LittleEndian.Uint32(header[bitsOffset:])))
		} else {
			err = j.chain.Append(header)
			if next := j.chain.Height(); next != headerchain.UnknownHeight {
				height = next - 1
			}
		}
		if err != nil {
			for _, v := range err.(headerchain.Violations) {
				j.faults = append(j.faults, itemFault{i, Fault{ruleReasons[v.Rule], v.Text}})
			}
		}
		if len(b.contents) > 0 {
			j.judgeContent(i, height, b.contents[i])
		}
	}
}

// judgeContent applies the rules about transactions that depend on the height.
// Without a network or a height they are findings, if they apply at all.
func (j *judge) judgeContent(i int, height int64, c content) {
	if !c.parsed {
		return
	}
	missing := Fault{WitnessMissing, "the coinbase commits to witnesses, but no transaction has one"}
	n := j.opts.Network
	if n == nil || height == headerchain.UnknownHeight {
		if c.lacksWitnesses {
			j.findings = append(j.findings, itemFault{i, missing})
		}
		return
	}
	if height >= n.CoinbaseHeight && c.coinbaseHeight != height {
		text := fmt.Sprintf("the coinbase begins with the height %d, expected %d", c.coinbaseHeight, height)
		if c.coinbaseHeight < 0 {
			text = fmt.Sprintf("the coinbase does not begin with a height, expected %d", height)
		}
		j.placed = append(j.placed, itemFault{i, Fault{BadCoinbaseHeight, text}})
	}
	if height >= n.Segwit && c.lacksWitnesses {
		missing.Text += fmt.Sprintf(": at height %d, expected one of 32 bytes in the coinbase", height)
		j.placed = append(j.placed, itemFault{i, missing})
	}
	if height < n.Segwit && c.hasWitnesses {
		j.placed = append(j.placed, itemFault{i, Fault{UnexpectedWitness, fmt.Sprintf("transactions have witnesses at height %d, expected none before height %d", height, n.Segwit)}})
	}
}

// Offsets in an encoded header.
const (
	prevOffset = 4
	bitsOffset = 72
)

// checkLimit compares nBits with the limit.
func (j *judge) checkLimit(bits pow.Bits) error {
	if bits != j.lastBits {
		j.lastBits, j.limit = bits, headerchain.CheckLimit(j.opts.params(), bits)
	}
	return j.limit
}

// count adds the items of a batch to the report. The verdicts are those of
// headers, in which lead headers precede the items.
func (j *judge) count(b *batch, headers []byte, lead int) {
	j.addFindings(b, b.findings)
	j.addFindings(b, j.findings)
	verdicts := j.verdicts[lead:]
	if len(j.faults)+len(b.faults)+len(j.placed) == 0 && allValid(verdicts) {
		j.report.Valid += int64(len(verdicts))
	} else {
		j.countEach(b, headers, lead)
	}
	j.report.Items += int64(b.items())
	j.report.Bytes += b.bytes
	j.report.Transactions += b.txs
}

func allValid(verdicts []pow.Verdict) bool {
	return !slices.ContainsFunc(verdicts, func(v pow.Verdict) bool { return v != pow.Valid })
}

// countEach counts the valid items of a batch, and finds the first that is not.
func (j *judge) countEach(b *batch, headers []byte, lead int) {
	rules, found, placed := j.faults, b.faults, j.placed
	for i, v := range j.verdicts[lead:] {
		var broken, bad, misplaced []itemFault
		broken, rules = cut(rules, i)
		bad, found = cut(found, i)
		misplaced, placed = cut(placed, i)
		if v == pow.Valid && len(broken)+len(bad)+len(misplaced) == 0 {
			j.report.Valid++
		} else if j.report.First == nil {
			j.report.First = j.invalid(b, i, headers[:(lead+i+1)*pow.HeaderSize], v, slices.Concat(broken, bad, misplaced))
		}
	}
}

// cut removes the faults of an item from the front of faults.
func cut(faults []itemFault, item int) (its, rest []itemFault) {
	n := 0
	for n < len(faults) && faults[n].item == item {
		n++
	}
	return faults[:n], faults[n:]
}

// addFindings adds findings about items of a batch to the report.
func (j *judge) addFindings(b *batch, findings []itemFault) {
	all := &j.report.Findings
	all.Count += int64(len(findings))
	for _, f := range findings[:min(len(findings), maxFindings-len(all.List))] {
		all.List = append(all.List, Finding{j.item(b, f.item), f.Fault})
	}
}

// item describes an item of a batch whose items are not yet in the report.
func (j *judge) item(b *batch, item int) Item {
	it := Item{
		Index:  j.report.Items + int64(item),
		Source: b.source.Name,
		Offset: b.offset(item),
		Height: headerchain.UnknownHeight,
		Hash:   pow.Sum(b.room[(item+1)*pow.HeaderSize:][:pow.HeaderSize]),
	}
	if next := j.chain.Height(); !j.opts.Unlinked && next != headerchain.UnknownHeight {
		it.Height = next - int64(b.items()-item)
	}
	return it
}

// invalid describes the faults of an item, whose header is the last of headers. The
// items of the batch are not yet in the report.
func (j *judge) invalid(b *batch, item int, headers []byte, v pow.Verdict, wrong []itemFault) *Invalid {
	at := len(headers) - pow.HeaderSize
	header, _ := pow.DecodeHeader(headers[at:])
	f := &Invalid{Item: j.item(b, item)}
	target, err := header.Bits.Target()
	if v&pow.BadBits != 0 {
		f.add(BadBits, "%v, expected a target from 1 to 2^256-1", err)
	}
	if v&pow.HighHash != 0 {
		f.add(HighHash, "hash %v, expected at most %v", f.Hash, target)
	}
	if v&pow.BadLink != 0 {
		parent := pow.Sum(headers[at-pow.HeaderSize : at])
		f.add(BadLink, "parent %v, expected %v, the item before", header.Prev, parent)
	}
	for _, w := range wrong {
		f.Faults = append(f.Faults, w.Fault)
	}
	return f
}

// addWork adds the work of each device to the report.
func (j *judge) addWork(work []engine.DeviceWork) {
	for _, w := range work {
		known := slices.IndexFunc(j.report.Devices, func(d engine.DeviceWork) bool { return d.Device == w.Device })
		if known < 0 {
			j.report.Devices = append(j.report.Devices, w)
			continue
		}
		j.report.Devices[known].Items += w.Items
	}
}

// finish completes the report after all items have been added.
func (j *judge) finish(blocks bool) Report {
	r := &j.report
	height := j.chain.Height() != headerchain.UnknownHeight
	for _, check := range []struct {
		name string
		done bool
	}{
		{CheckProofOfWork, true},
		{CheckLink, !j.opts.Unlinked},
		{CheckMedianTime, !j.opts.Unlinked},
		{CheckLimit, j.opts.Network != nil},
		{CheckRetarget, j.opts.Network != nil && !j.opts.Unlinked && height},
		{CheckTimeWarp, j.opts.Network != nil && j.opts.Network.Params.BIP94 && !j.opts.Unlinked && height},
		{CheckMerkleRoot, blocks},
		{CheckWitness, blocks},
		{CheckRules, blocks},
		{CheckHeight, blocks && j.opts.Network != nil && !j.opts.Unlinked && height},
		{CheckSegwit, blocks && j.opts.Network != nil && !j.opts.Unlinked && height},
	} {
		if check.done {
			r.Checks = append(r.Checks, check.name)
		}
	}
	return *r
}
