package rules

import (
	"math"

	"stele/node/ledger/fields"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// ClaimState is the state of a claim.
type ClaimState uint8

// The states of a claim. The zero value is none.
const (
	ClaimOpen       ClaimState = 1 + iota // not answered
	ClaimOffered                          // the seller offers something else
	ClaimAuthorised                       // the remedy is agreed
	ClaimRejected                         // the seller rejects, or an inspection found no fault
	ClaimReceived                         // the goods came back
	ClaimInspected                        // and have a fault
	ClaimExecuted                         // the remedy was given
	ClaimEscalated                        // a supervisor decides
	ClaimOrdered                          // a supervisor orders a remedy
	ClaimDefaulted                        // which was not given in time
	ClaimSettled                          // closed: the remedy was given and not disputed
	ClaimRefused                          // closed: rejected, and not escalated
	ClaimDismissed                        // closed: a supervisor says so
	ClaimUnresolved                       // closed: no supervisor ruled in time
	ClaimWithdrawn                        // closed: the holder gave it up
	ClaimDelivered                        // closed: the goods, which did not arrive, did after all
	ClaimGivenUp                          // closed: the holder gave up on an order that was not executed
)

var claimStates = fields.Words{
	"open", "offered", "authorised", "rejected", "received", "inspected", "executed", "escalated", "ordered", "defaulted",
	"closed-settled", "closed-rejected", "closed-dismissed", "closed-unresolved", "closed-withdrawn",
	"closed-delivered", "closed-defaulted",
}

// String returns the word for it.
func (s ClaimState) String() string { return claimStates.Name(uint8(s)) }

// MarshalText returns String.
func (s ClaimState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Closed reports whether the claim is over.
func (s ClaimState) Closed() bool { return s >= ClaimSettled }

// Claim is what a holder demands, and what became of it. Its parties are named
// by the first keys of their accounts. Times are median times past of blocks,
// in seconds since 1970; 0 stands for not yet.
type Claim struct {
	ID    record.ID
	State ClaimState
	Since uint32 // when it entered this state

	Voucher   record.ID
	Holder    record.Key // who made it
	Ground    record.Ground
	FaultCode uint16
	Asked     record.Remedy
	Opened    uint32

	// What was authorised, offered or ordered last.
	Remedy       record.Remedy
	Refund       record.Amount
	ReturnNeeded bool
	Agreed       uint32 // when it was authorised or ordered
	Round        uint8  // how often something was authorised or ordered
	OrderDays    uint16 // that the order gives
	SendFrom     uint32 // since when the holder has the goods that have to come back; 0 if they need not, or are on their way
	Moved        uint32 // when those on their way changed hands last, or were lost or damaged; 0 if the holder has them

	Received   uint32     // when the goods came back
	Executed   uint32     // when the remedy was given
	Settlement record.ID  // the PAY or the voucher with which it was given
	Return     record.ID  // the last shipment to the seller
	SendBack   record.ID  // the last shipment of repaired goods to the holder
	Servicer   record.Key // who may inspect the goods beside the seller, as the response says
	Inspector  record.Key // the servicer that inspected them; zero if the seller did
	Ruled      bool       // a supervisor ruled
	Defaulted  bool       // an order was not executed in time
}

func (c *Claim) layout(f *fields.Coder) {
	fields.ChoiceUpTo(f, &c.State, ClaimGivenUp)
	f.Require(c.State != 0)
	f.Uint32(&c.Since)
	fields.Hash(f, &c.Voucher)
	fields.Hash(f, &c.Holder)
	fields.ChoiceUpTo(f, &c.Ground, record.Recall)
	f.Uint16(&c.FaultCode)
	fields.ChoiceUpTo(f, &c.Asked, record.Repair)
	f.Uint32(&c.Opened)
	fields.ChoiceUpTo(f, &c.Remedy, record.Repair)
	f.Uint64((*uint64)(&c.Refund))
	f.Uint32(&c.Agreed)
	f.Uint8(&c.Round)
	f.Uint16(&c.OrderDays)
	f.Uint32(&c.SendFrom)
	f.Uint32(&c.Moved)
	f.Uint32(&c.Received)
	f.Uint32(&c.Executed)
	f.Flags(&c.ReturnNeeded, &c.Ruled, &c.Defaulted)
	fields.Optional(f, &c.Settlement, record.ID{})
	fields.Optional(f, &c.Return, record.ID{})
	fields.Optional(f, &c.SendBack, record.ID{})
	fields.Optional(f, &c.Servicer, record.Key{})
	fields.Optional(f, &c.Inspector, record.Key{})
}

// GetClaim returns the claim as it is at c: with what time alone decides, even if
// the state does not say so yet. It returns nil if there is no
// such claim.
func GetClaim(v View, c Context, id record.ID) (*Claim, error) {
	claim, _, err := claimAt(v, c, id)
	return claim, err
}

// claimAt returns the claim as it is at c, and whether it is live in the state as
// it was written.
func claimAt(v View, c Context, id record.ID) (claim *Claim, wasLive bool, err error) {
	claim = &Claim{ID: id}
	if ok, err := getEntry(v, idKey(claimEntry, id), claim); !ok {
		return nil, false, err
	}
	wasLive = !claim.State.Closed()
	claim.lapse(&c.Params.AfterSales, c.MedianTime)
	return claim, wasLive, nil
}

func putClaim(s *State, c *Claim) error { return putEntry(s, idKey(claimEntry, c.ID), c) }

// lapse does what time alone decides, one deadline after the other. The claim
// enters each state at its deadline, whenever somebody reads it.
func (c *Claim) lapse(p *network.AfterSales, now uint32) {
	for row := c.lapsed(p, now); row != nil; row = c.lapsed(p, now) {
		c.Since = uint32(c.end(row.Period, p)) // at most now
		c.State = row.To
		c.Defaulted = c.Defaulted || row.To == ClaimDefaulted
	}
}

// lapsed returns the transition that time alone makes from the claim's state, or
// nil if it makes none yet.
func (c *Claim) lapsed(p *network.AfterSales, now uint32) *row[ClaimState] {
	for i := range claimTable {
		row := &claimTable[i]
		if row.From == c.State && row.On == 0 && uint64(now) > c.end(row.Period, p) {
			return row
		}
	}
	return nil
}

// Period is a period at whose end a claim or a shipment can, or does, change its
// state.
type Period uint8

// The periods. The zero value is none.
const (
	RespondPeriod  Period = 1 + iota // for the seller's answer
	EscalatePeriod                   // to contest a rejection
	ExecutePeriod                    // to give what was authorised
	OrderPeriod                      // to give what was ordered
	ConfirmPeriod                    // to dispute what was given
	RulingPeriod                     // for a ruling
	SendPeriod                       // to send goods that have to come back: as long as the seller has to give the remedy
	CarryPeriod                      // of a shipment: to change custody
	ArrivePeriod                     // for goods that were sent back: to change custody, and for a ruling
)

var periods = fields.Words{"respond", "escalate", "execute", "order", "confirm", "ruling", "send", "carry", "arrive"}

// String returns the word for it.
func (p Period) String() string { return periods.Name(uint8(p)) }

// MarshalText returns String.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// never is the end of a period that does not run.
const never = math.MaxUint64

// end returns the last second of a period of a claim.
func (c *Claim) end(period Period, p *network.AfterSales) uint64 {
	switch period {
	case RespondPeriod:
		return after(c.Since, p.RespondDays, p)
	case EscalatePeriod:
		return after(c.Since, p.EscalateDays, p)
	case ExecutePeriod:
		return after(c.Agreed, p.ExecuteDays, p)
	case OrderPeriod:
		return after(c.Agreed, c.OrderDays, p)
	case ConfirmPeriod:
		return after(c.Since, p.ConfirmDays, p)
	case RulingPeriod:
		return after(c.Since, p.RulingDays, p)
	case SendPeriod:
		if c.SendFrom == 0 {
			return never
		}
		return after(c.SendFrom, p.ExecuteDays, p)
	case ArrivePeriod:
		if c.Moved == 0 {
			return never
		}
		return after(c.Moved, p.CarryDays, p) + uint64(p.RulingDays)*uint64(p.Day)
	}
	return 0
}

// Deadline returns the period that runs in the claim's state, and its last
// second. It returns none, 0 if the claim waits for nothing.
func (c *Claim) Deadline(p *network.AfterSales) (Period, uint64) {
	row, end := c.deadline(p)
	if row == nil {
		return 0, 0
	}
	return row.Period, end
}

// deadline returns the transition that waits for the period that runs, and the
// last second of that. It returns nil, 0 if the claim waits for nothing.
func (c *Claim) deadline(p *network.AfterSales) (*row[ClaimState], uint64) {
	for i := range claimTable {
		row := &claimTable[i]
		if row.From != c.State || row.Period == 0 {
			continue
		}
		if end := c.end(row.Period, p); end != never {
			return row, end
		}
	}
	return nil, 0
}
