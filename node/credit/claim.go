package credit

import (
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// claim is what the index knows of a claim. The records are in blocks, so the rules
// have allowed them: it is enough to follow what decides the end.
type claim struct {
	Voucher  record.ID
	Ground   record.Ground
	Remedy   record.Remedy // that was given last
	State    claimState
	Executed bool   // a remedy was given once
	Deadline uint64 // last second of the period of the state
	End      End    // so far; the worst stays
}

// claimState is what a claim waits for.
type claimState uint8

const (
	waiting  claimState = 1 + iota // for a record
	ordered                        // for the remedy that was ordered, until Deadline
	executed                       // for the holder, until Deadline: silence settles it
	settled
	over // in another way
)

// after returns the last second of a period that begins at a time.
func after(time uint32, days uint16, a *network.AfterSales) uint64 {
	return uint64(time) + uint64(days)*uint64(a.Day)
}

// counts reports whether the end of the claim says something about the seller.
func (c *claim) counts() bool { return c.Ground == record.Fault || c.Ground == record.Delivery }

// ends notes an end, unless a worse one is known.
func (c *claim) ends(how End) {
	if c.counts() {
		c.End = max(c.End, how)
	}
}

// enter changes the state to one without a deadline.
func (c *claim) enter(s claimState) { c.State, c.Deadline = s, 0 }

// order is a supervisor's order.
func (c *claim) order(median uint32, days uint16, a *network.AfterSales) {
	c.State, c.Deadline = ordered, after(median, days, a)
	c.ends(Ordered)
}

// execute is the remedy.
func (c *claim) execute(median uint32, remedy record.Remedy, a *network.AfterSales) {
	c.State, c.Deadline = executed, after(median, a.ConfirmDays, a)
	c.Executed, c.Remedy = true, remedy
}

// settle closes the claim with the remedy.
func (c *claim) settle() {
	c.enter(settled)
	c.ends(Settled)
}

// close is a CLAIM_CLOSE: of a claim on which nobody ruled, or by a holder who gives
// up on an order, whose end is worse.
func (c *claim) close() {
	c.enter(over)
	c.ends(Unresolved)
}

// arrive closes a claim for goods that did not arrive when they do, unless the remedy
// was given.
func (c *claim) arrive() {
	if !c.Executed {
		c.enter(over)
	}
}

// lapse does what time alone decides at the deadline.
func (c *claim) lapse() {
	switch c.State {
	case ordered:
		c.enter(waiting)
		c.ends(Defaulted)
	case executed:
		c.settle()
	}
}

// undoes reports whether the claim has undone the sale without a reason: nothing was
// at stake then.
func (c *claim) undoes() bool {
	return c.State == settled && c.Ground == record.NoReason && c.Remedy == record.Refund
}
