package query_test

import (
	"context"
	"fmt"

	"stele/node/chain/corpus"
	"stele/node/query"
)

// The claims whose deadline has passed, the most urgent first, and what can
// happen now.
func Example() {
	c := corpus.Build()
	n, err := openParts(context.Background(), c.Params, c.Tip, c.Now) // a node's chain, pool and views
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		for _, closePart := range n.close {
			_ = closePart()
		}
	}()

	reader := query.New(query.Options{Params: c.Params, Chain: n.chain, Pool: n.pool, Views: n.views})
	page, err := reader.ClaimsByDeadline(query.Of{}, true, query.Range{Limit: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, claim := range page.Items {
		turn, err := reader.Turn(claim.ID)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v: the %s did not act; now the %s may write %v\n", claim.State, turn.Role, turn.ThenBy, turn.Then)
	}
	// Output:
	// open: the seller or maker did not act; now the holder may write CLAIM_ESCALATE
	// received: the seller or servicer did not act; now the holder may write CLAIM_ESCALATE
}
