package corpus

import (
	"fmt"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
)

// headers adds cases of headers: proof of work, parent, nBits, times.
func (g *generator) headers() {
	b := g.draft().Seal()
	h := b.Header
	chaintest.Spoil(&h)
	g.reject("hash above the target", reject.HighHash, block.New(h, b.Records))

	for _, c := range []struct {
		name   string
		reason reject.Reason
		bits   pow.Bits
	}{
		{"nBits zero", reject.BadBits, 0},
		{"nBits negative", reject.BadBits, 0x20ffffff},
		{"nBits of more than 256 bits", reject.BadBits, 0xff123456},
		{"nBits above the limit", reject.BadBits, 0x2100ffff},
		{"nBits harder than the chain asks for", reject.BadBits, 0x207ffffe},
		{"nBits in another form of the same target", reject.BadBits, 0x21007fff},
	} {
		d := g.draft()
		d.Header.Bits = c.bits
		g.reject(c.name, c.reason, d.Seal())
	}

	d := g.draft()
	d.Header.Prev = pow.Sum([]byte("nobody"))
	g.reject("parent unknown", reject.UnknownParent, d.Seal())
	d = g.draft()
	d.Header.Prev = pow.Hash{}
	g.reject("no parent, as a genesis block", reject.UnknownParent, d.Seal())

	d = g.draft()
	d.Header.Version = 0
	g.accept("version 0", Extended, g.tip, d.Seal())
	d = g.draft()
	d.Header.Version = 0xffffffff
	g.accept("version with all bits", Extended, g.tip, d.Seal())

	g.add(Case{Name: "genesis again", Kind: Block, Bytes: g.Genesis.Encode(), Outcome: Known})
	g.add(Case{Name: "the tip again", Kind: Block, Bytes: g.tip.Encode(), Outcome: Known})
	g.times()
	g.timeWarp()
}

// times adds the edges of median time and of the two hours.
func (g *generator) times() {
	median := g.tip.Node().MedianTime()
	at := func(time uint32) *block.Block {
		d := g.draft()
		d.Header.Time = time
		return d.Seal()
	}
	g.reject("time before the median", reject.TimeTooOld, at(median-1))
	g.reject("time of the median", reject.TimeTooOld, at(median))
	g.reject("time zero", reject.TimeTooOld, at(0))
	g.accept("time a second after the median", Extended, g.tip, at(median+1))

	now := uint32(g.corpus.Now.Unix())
	g.reject("time two hours and a second ahead", reject.TimeTooNew, at(now+7201))
	g.reject("time as late as can be", reject.TimeTooNew, at(1<<32-1))
	// It stays alone, so that it does not raise the median of the others.
	side := g.Draft(g.tip.Parent)
	side.Header.Time = now + 7200
	g.accept("time two hours ahead", SideBranch, g.tip.Parent, side.Seal())
}

// timeWarp adds the rules of BIP 54, at both ends of a period between retargets.
func (g *generator) timeWarp() {
	at := func(time uint32) *block.Block {
		d := g.draft()
		d.Header.Time = time
		return d.Seal()
	}
	early := func() uint32 { return g.tip.Node().MedianTime() + 1 }
	toLast := func(name string) {
		interval := g.Params.Pow.RetargetInterval
		for (g.tip.Height()+2)%interval != 0 {
			g.accept(fmt.Sprintf("%s, height %d", name, g.tip.Height()+1), Extended, g.tip, at(early()))
		}
	}

	toLast("to the end of a period")
	last := g.tip.Header.Time + 10_000
	g.accept("last block of a period, far ahead", Extended, g.tip, at(last))
	g.reject("first block of a period, 7201 s before its parent", reject.TimeWarp, at(last-7201))
	g.accept("first block of a period, 7200 s before its parent", Extended, g.tip, at(last-7200))

	first := g.tip.Header.Time
	toLast("behind the first block of the period")
	g.reject("last block of a period, a second before the first", reject.TimeWarp, at(first-1))
	g.accept("last block of a period, at the time of the first", Extended, g.tip, at(first))

	d := g.draft()
	d.Header.Bits = g.tip.Header.Bits
	g.reject("nBits of the period before", reject.BadBits, d.Seal())
	g.extend("nBits after a retarget")
}
