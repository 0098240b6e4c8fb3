package api

import (
	"context"
	"net/http"
	"time"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/seen"
)

// Seen is what this node remembers of a record. Times are seconds since 1970 by its clock,
// exact to a millisecond.
type Seen struct {
	First     float64       `json:"first,omitempty" doc:"when this node saw the record first; missing if that was before it started"`
	From      string        `json:"from,omitempty" enum:"api,peer,block,traffic" doc:"from whom: a client, another node, a block, or the traffic that the node makes itself"`
	Admitted  float64       `json:"admitted,omitempty" doc:"when the pool admitted it"`
	Confirmed float64       `json:"confirmed,omitempty" doc:"when this node connected the block that has it"`
	Rejected  float64       `json:"rejected,omitempty" doc:"when the pool rejected it last; forgotten after a day, or when it is admitted"`
	Reason    reject.Reason `json:"reason,omitempty" doc:"of the rejection"`
	Text      string        `json:"text,omitempty" doc:"of the rejection"`
}

// RevertChance is the chance of an attacker to take a record back.
type RevertChance struct {
	Share  float64 `json:"share" doc:"of all work that the attacker has" example:"0.1"`
	Chance float64 `json:"chance" doc:"that the attacker ever overtakes the chain from before the block of the record (Nakamoto 2008, section 11)"`
	Enough uint32  `json:"enough" doc:"how many confirmations make the chance less than 0.001"`
}

func newRevertChances(confirmations uint32) (chances []RevertChance) {
	for _, c := range query.RevertChances(confirmations) {
		chances = append(chances, RevertChance{Share: c.Share, Chance: c.Chance, Enough: c.Enough + 1})
	}
	return chances
}

func newSeen(m seen.Mark) *Seen {
	return &Seen{
		First: seconds(m.First), From: string(m.From), Admitted: seconds(m.Admitted), Confirmed: seconds(m.Confirmed),
		Rejected: seconds(m.Rejected), Reason: m.Reason, Text: m.Text,
	}
}

// seconds returns a time in seconds since 1970; 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// seenOf returns what the node remembers of a record that it has: nil if nothing.
func (a *API) seenOf(id record.ID, isPooled bool) *Seen {
	if a.seen == nil {
		return nil
	}
	m, ok := a.seen.Of(id)
	if !ok {
		return nil
	}
	if isPooled {
		m.Confirmed = time.Time{}
	}
	m.Rejected, m.Reason, m.Text = time.Time{}, "", "" // it was sent again
	return newSeen(m)
}

// getSeen also answers for records that were rejected, which the node has nowhere else.
func (a *API) getSeen(_ context.Context, in *recordInput) (*answer[Seen], error) {
	id, err := parseID(in.ID)
	if err != nil {
		return nil, err
	}
	if r, err := a.query.Record(id); err == nil {
		if s := a.seenOf(id, r.Pooled()); s != nil {
			return &answer[Seen]{*s}, nil
		}
	} else if m, ok := a.seen.Of(id); ok {
		return &answer[Seen]{*newSeen(m)}, nil
	}
	return nil, newProblem(http.StatusNotFound, "this node does not remember to have seen a record with this id")
}
