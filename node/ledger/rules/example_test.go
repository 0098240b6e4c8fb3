package rules_test

import (
	"fmt"

	"stele/node/chain/chaintest"
	"stele/node/ledger/rules"
)

// What the holder of a voucher may claim just after the delivery, and until when.
func ExampleHolderClaims() {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "1 Harbour Road")
	story.Sell()
	story.Send()
	story.HandOver()
	story.Deliver()

	tip := story.Tip
	next := rules.Context{Params: story.Params, Height: tip.Height() + 1, MedianTime: tip.Node().MedianTime()}
	claims, err := rules.HolderClaims(tip.View(), next, story.Voucher)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, claim := range claims {
		if claim.Allowed {
			fmt.Println(claim.Choice, "-", claim.Hint(next.MedianTime))
		} else {
			fmt.Println(claim.Choice, "-", claim.Reason)
		}
	}
	// Output:
	// fault refund - until 2026-11-29T00:03:12Z
	// fault replace - until 2026-12-07T00:03:12Z
	// fault repair - until 2027-11-22T00:03:12Z
	// no-reason refund - until 2026-11-29T00:03:12Z
	// delivery refund - not-entitled
	// delivery replace - not-entitled
	// recall refund - not-recalled
	// recall replace - not-recalled
	// recall repair - not-recalled
}
