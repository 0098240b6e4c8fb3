package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"stele/internal/qr"
	"stele/node/digitallink"
	"stele/node/epcis"
	"stele/node/ledger/record"
	"stele/node/query"
)

// maxItemEvents is how many records of an item, and recalls of its product, fit into an
// EPCIS document.
const maxItemEvents = 2000

type (
	epcisInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
	}
	qrInput struct {
		GTIN   string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Serial string `path:"serial" maxLength:"20"`
		Base   string `query:"base" maxLength:"100" default:"https://id.gs1.org" doc:"what the link begins with: http or https and a host"`
	}
)

func (a *API) registerEPCIS(api huma.API) {
	op := get("get-item-epcis", "/v1/items/{gtin}/{serial}/epcis", "The history of an item as an EPCIS 2.0 document")
	op.Description = "JSON-LD, valid by GS1's schema of EPCIS 2.0."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The document", Content: map[string]*huma.MediaType{epcis.ContentType: {Schema: &huma.Schema{Type: huma.TypeObject}}},
	}}
	huma.Register(api, op, a.getItemEPCIS)
	op = get("get-item-qr", "/v1/items/{gtin}/{serial}/qr.svg", "The QR code of the GS1 Digital Link of an item")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The image", Content: map[string]*huma.MediaType{"image/svg+xml": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, op, getItemQR)
}

// parseItem reads the name of an item.
func parseItem(digits, text string) (record.GTIN, record.Serial, error) {
	gtin, err := parseGTIN(digits)
	if err != nil {
		return 0, "", err
	}
	serial, err := record.ParseSerial(text)
	if err != nil {
		return 0, "", newProblem(http.StatusUnprocessableEntity, cut(err.Error()))
	}
	return gtin, serial, nil
}

func (a *API) getItemEPCIS(_ context.Context, in *epcisInput) (*file, error) {
	gtin, serial, err := parseItem(in.GTIN, in.Serial)
	if err != nil {
		return nil, err
	}
	history, err := a.query.ItemHistory(gtin, serial, query.Range{Limit: maxItemEvents})
	if err != nil {
		return nil, queryProblem(err)
	}
	product, err := a.query.ProductHistory(gtin, query.Range{Limit: maxItemEvents})
	if err != nil {
		return nil, queryProblem(err)
	}
	switch {
	case len(history.Items) == 0:
		return nil, newProblem(http.StatusNotFound, "the chain has no record about this item")
	case history.Next != "" || product.Next != "":
		return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("the history has more than %d records, which is the most that a document has", maxItemEvents))
	}
	events := history.Items
	for _, e := range product.Items {
		if recall, ok := e.Payload.(record.RecallNotice); ok && recall.Serial == "" {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b query.Event) int {
		return cmp.Or(cmp.Compare(a.Place.Height, b.Place.Height), cmp.Compare(a.Place.Index, b.Place.Index))
	})
	text, err := json.Marshal(epcis.Of(gtin, serial, events))
	if err != nil {
		return nil, newProblem(http.StatusInternalServerError, err.Error())
	}
	return &file{epcis.ContentType, append(text, '\n')}, nil
}

func getItemQR(_ context.Context, in *qrInput) (*file, error) {
	gtin, serial, err := parseItem(in.GTIN, in.Serial)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(in.Base)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, "invalid base: must be a URL such as https://id.gs1.org")
	}
	svg, err := qr.SVG(digitallink.URI(in.Base, gtin, serial))
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return &file{"image/svg+xml", svg}, nil
}
