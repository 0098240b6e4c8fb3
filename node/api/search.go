package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// Match is something that a search has found.
type Match struct {
	Kind string `json:"kind" enum:"block,record,voucher,claim,shipment,account,product,item"`
	Name string `json:"name" doc:"hash, id, first key, number, or number/serial: what the route of the kind takes"`
}

type searchInput struct {
	Query string `query:"q" required:"true" minLength:"1" maxLength:"400" doc:"what to look for"`
}

func (a *API) registerSearch(api huma.API) {
	op := get("search", "/v1/search", "What a text names")
	op.Description = "A height, a hash, an id, a key, the number of a product, number/serial of an item, or a GS1 Digital Link. A text can name several things."
	huma.Register(api, op, func(_ context.Context, in *searchInput) (*answer[[]Match], error) {
		found, err := a.query.Search(in.Query)
		if err != nil {
			return nil, queryProblem(err)
		}
		matches := []Match{}
		for _, m := range found {
			matches = append(matches, Match{string(m.Kind), m.Name})
		}
		return &answer[[]Match]{matches}, nil
	})
}
