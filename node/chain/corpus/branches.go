package corpus

import "stele/node/ledger/reject"

// branches adds blocks that are not on the tip, and a branch that takes over.
func (g *generator) branches() {
	fork := g.tip
	spent := g.pay(0)
	g.extend("chain, first block after the fork", spent)
	g.extend("chain, second")

	// The same records may stand on both branches, each once.
	one := g.accept("branch, first block", SideBranch, fork, g.Draft(fork, spent).Seal())
	two := g.accept("branch, second block", SideBranch, one, g.Draft(one, g.Records(one, 3)...).Seal())
	g.reject("branch, a record that it holds already", reject.SequenceUsed, g.Draft(two, spent).Seal())
	g.accept("branch, third block takes over", Reorganized, two, g.Draft(two).Seal())
	g.rejectRecord("record of the branch again", reject.SequenceUsed, spent)

	// That the first block of a branch is invalid is found out only when the branch would win.
	fork = g.tip
	g.extend("chain, after the second fork")
	bad := g.Draft(fork)
	bad.Reward.Value++
	hidden := bad.Seal()
	g.add(Case{Name: "invalid branch, first block", Kind: Block, Bytes: hidden.Encode(), Outcome: SideBranch})
	child := g.Draft(g.tip)
	child.Header.Prev = hidden.Hash()
	child.Header.Time = hidden.Header.Time + 128
	g.reject("invalid branch, second block would take over", reject.InvalidParent, child.Seal())
	child.Header.Time++
	g.reject("invalid branch, another second block", reject.InvalidParent, child.Seal())
	g.reject("invalid branch, first block again", reject.InvalidBlock, hidden)
	g.extend("chain, as if nothing had happened", g.Records(g.tip, 5)...)
}
