package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/evidence"
	"stele/node/ledger/bundle"
)

type bundleInput struct {
	Kind       bundle.Kind `path:"kind" enum:"voucher,claim"`
	ID         string      `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
	AllHeaders bool        `query:"all_headers" doc:"whether the headers begin with the genesis block"`
}

// file is an answer that is a file.
type file struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) registerBundles(api huma.API) {
	op := get("get-bundle", "/v1/bundles/{kind}/{id}", "All that the chain knows of a voucher or a claim, with proofs")
	op.Description = `A file for "stele verify bundle", which checks it without a node.`
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The bundle", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
	}}
	huma.Register(api, op, a.getBundle)
}

func (a *API) getBundle(_ context.Context, in *bundleInput) (*file, error) {
	id, err := parseID(in.ID)
	if err != nil {
		return nil, err
	}
	b, err := evidence.Collect(a.chain, a.views, a.params, in.Kind, id, bundle.Options{AllHeaders: in.AllHeaders})
	if err != nil {
		return nil, queryProblem(err)
	}
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		return nil, newProblem(http.StatusInternalServerError, err.Error())
	}
	return &file{"application/json", out.Bytes()}, nil
}
