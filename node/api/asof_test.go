package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
)

// An answer as of an earlier height is that of the time, and states the height; so does
// an answer at the tip. Things in lists state none.
func TestAnswersAsOf(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Sell()
	sold := story.Tip.Height()
	story.Send()
	story.HandOver()
	story.Deliver()
	story.Complain()
	opened := story.Tip.Height()
	story.Refund()
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
	s.check(s.options.Views.Update(t.Context()))
	tip := story.Tip.Height()

	at := func(path string, height uint32) string { return fmt.Sprintf("%s?at=%d", path, height) }
	is := func(what string, height *uint32, want uint32) {
		t.Helper()
		if height == nil || *height != want {
			t.Errorf("%s: height %v, want %d", what, height, want)
		}
	}
	var then, now Voucher
	path := "/v1/vouchers/" + story.Voucher.String()
	s.get(at(path, sold), &then)
	s.get(path, &now)
	is("voucher", then.Height, sold)
	is("voucher", now.Height, tip)
	if then.State != "issued" || now.State != "refunded" || then.Invoice == "" {
		t.Errorf("%s, then %s", then.State, now.State)
	}
	var claim Claim
	s.get(at("/v1/claims/"+story.Claim.String(), opened), &claim)
	is("claim", claim.Height, opened)
	if claim.State != "open" {
		t.Errorf("claim %s", claim.State)
	}
	var turn Turn
	s.get(at("/v1/claims/"+story.Claim.String()+"/turn", opened), &turn)
	is("turn", turn.Height, opened)
	var history Page[Event]
	s.get(at(path+"/history", opened), &history)
	is("history", history.Height, opened)
	if n := len(history.Items); history.Items[n-1].Height != opened || history.Items[n-1].Confirmations != 1 {
		t.Errorf("the history ends with %+v", history.Items[n-1])
	}
	var actions Actions
	s.get(at(path+"/entitlements", sold), &actions)
	if actions.Height != sold+1 {
		t.Errorf("entitlements for height %d, want %d", actions.Height, sold+1)
	}
	var claims Page[Claim]
	s.get("/v1/parties/"+story.Seller.String()+"/claims", &claims)
	is("claims", claims.Height, tip)
	if len(claims.Items) != 1 || claims.Items[0].Height != nil {
		t.Errorf("%+v", claims.Items)
	}
	var state State
	s.get(at("/v1/state", opened), &state)
	if block := story.Tip.Chain()[opened]; state.Height != opened || state.Tip != block.Hash().String() {
		t.Errorf("%+v", state)
	}
}

// A height that has no answer is an error that says what to do.
func TestNoAnswerAsOf(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	s := newServiceOf(t, b, b.Grow(b.Genesis, chain.MaxPastBlocks+1, 0), withViews(t)).listen()
	s.check(s.options.Views.Update(t.Context()))
	key := b.Funded(b.Genesis, 0).String()
	for query, want := range map[string]struct {
		status int
		text   string
	}{
		"/v1/accounts/" + key + "?at=99999":                 {http.StatusNotFound, "its tip is at height 2017"},
		"/v1/accounts/" + key + "?at=0":                     {http.StatusUnprocessableEntity, "must be at most 2016"},
		"/v1/accounts/" + key + "?at=x":                     {http.StatusUnprocessableEntity, "at is no number"},
		"/v1/accounts/" + key + "?at=-1":                    {http.StatusUnprocessableEntity, "at is no number"},
		"/v1/parties/" + key + "/vouchers?at=5":             {http.StatusUnprocessableEntity, "at the tip only"},
		"/v1/vouchers/" + strings.Repeat("0", 64) + "?at=5": {http.StatusNotFound, "with this id at height 5"},
	} {
		p := s.rejected(want.status, http.MethodGet, query, "", nil)
		if !strings.Contains(p.Detail, want.text) {
			t.Errorf("%s: %s", query, p.Detail)
		}
	}
}
