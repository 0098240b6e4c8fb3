package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/match"
	"stele/node/query"
	"stele/node/seen"
)

// described is the OpenAPI document of an API, with which answers are compared.
type described struct {
	t       *testing.T
	api     *API
	paths   map[string]map[string]operation
	schemas *jsonschema.Compiler
	seen    map[string]bool // operation and status
}

type operation struct {
	OperationID string
	Responses   map[string]struct {
		Content map[string]struct{ Schema map[string]any }
	}
}

func describe(t *testing.T, a *API) *described {
	t.Helper()
	d := &described{t: t, api: a, schemas: jsonschema.NewCompiler(), seen: map[string]bool{}}
	var document struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal(a.spec, &document); err != nil {
		t.Fatal(err)
	}
	d.paths = document.Paths
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.spec))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.schemas.AddResource("https://stele.invalid/openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	return d
}

// check sends a request to an operation and compares what comes back with what
// the document has: status, content type, and the form of the body. Answers
// without an operation, as to an unknown path, have to be problems.
func (d *described) check(path string, r *http.Request) {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.api.Handler().ServeHTTP(w, r)
	kind := w.Header().Get("Content-Type")
	what := fmt.Sprintf("%s %.200s: %d %s %.200s", r.Method, r.URL, w.Code, kind, w.Body)
	op, known := d.paths[path][strings.ToLower(r.Method)]
	if !known {
		if w.Code < 400 || kind != "application/problem+json" {
			d.t.Errorf("no operation, and no problem: %s", what)
		}
		return
	}
	if w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed {
		// What the request said instead of the path's parameters may lead elsewhere.
		if _, ok := op.Responses[fmt.Sprint(w.Code)]; !ok && kind == "application/problem+json" {
			return
		}
	}
	response, ok := op.Responses[fmt.Sprint(w.Code)]
	if !ok {
		d.t.Errorf("the status is not described: %s", what)
		return
	}
	d.seen[fmt.Sprint(op.OperationID, " ", w.Code)] = true
	if _, ok := response.Content[kind]; !ok {
		d.t.Errorf("the content type is not described: %s", what)
		return
	}
	if !strings.Contains(kind, "json") {
		return
	}
	pointer := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B")
	schema, err := d.schemas.Compile(fmt.Sprintf("https://stele.invalid/openapi.json#/paths/%s/%s/responses/%d/content/%s/schema",
		pointer.Replace(path), strings.ToLower(r.Method), w.Code, pointer.Replace(kind)))
	if err != nil {
		d.t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		d.t.Errorf("%v: %s", err, what)
		return
	}
	if err := schema.Validate(body); err != nil {
		d.t.Errorf("%v: %s", err, what)
	}
	// The document promises what is there, not only what may be: each property
	// that an answer has is described.
	if missing := undescribed(schema, body); missing != "" {
		d.t.Errorf("%s is not described: %s", missing, what)
	}
}

// undescribed returns the first property of a value that its schema does not
// have, unless the schema leaves its properties open by having none.
func undescribed(s *jsonschema.Schema, v any) string {
	for s.Ref != nil {
		s = s.Ref
	}
	switch v := v.(type) {
	case map[string]any:
		if len(s.Properties) == 0 {
			return ""
		}
		for name, value := range v {
			property, ok := s.Properties[name]
			if !ok {
				return name
			}
			if missing := undescribed(property, value); missing != "" {
				return name + "." + missing
			}
		}
	case []any:
		items, ok := s.Items2020, s.Items2020 != nil
		for i, value := range v {
			if !ok {
				break
			}
			if missing := undescribed(items, value); missing != "" {
				return fmt.Sprint(i, ".", missing)
			}
		}
	}
	return ""
}

func request(method, target, contentType string, body []byte, edit ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, "http://localhost/", bytes.NewReader(body))
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r.RemoteAddr = "127.0.0.1:1"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, e := range edit {
		e(r)
	}
	return r
}

// Every route answers as the OpenAPI document says, whether the request is good
// or bad.
func TestAnswersAreAsDescribed(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Sell()
	story.Send()
	story.HandOver()
	story.Deliver()
	story.Complain()
	story.Refund()
	story.Evaluate()
	story.Tip = story.Grow(story.Tip, match.Epoch+match.Depth, 0) // so that sellers are drawn
	s := newServiceOf(t, story.Builder, story.Tip, withCustody(t), func(o *Options) {
		o.Rate = 1e9
		o.Miners = func() query.Miners { return query.Miners{All: []query.Miner{{Name: "x"}}} }
		o.Status = func() query.Status {
			return query.Status{Peers: new(query.Peers), Warnings: []query.Warning{{Kind: query.Alone, Text: "x"}}}
		}
		o.Peers = somePeers
		o.Feed = endedFeed(t, o)
		o.Seen = seen.New(seen.Options{})
	})
	s.check(s.options.Views.Update(t.Context()))
	d := describe(t, s.api)

	// What is good: each route with what the story has.
	carrier := network.DevFaucets()[story.FirstCarrier]
	pay := s.builder.Pay(s.tip, story.Maker, story.Seller, 5)
	pending := s.builder.Pay(s.tip, story.Supervisor, story.Seller, 6)
	if err := s.pool.Add(pending)[0]; err != nil {
		t.Fatal(err)
	}
	for _, b := range story.Tip.Chain() {
		s.options.Seen.Changed(chain.Change{Connected: []*block.Block{b.Block}})
	}
	payText, err := json.Marshal(pay)
	s.check(err)
	notice, err := recipient.NewNotice(carrier)
	s.check(err)
	noticeText, err := json.Marshal(map[string]string{"key": hex.EncodeToString(notice.Key[:]), "signature": hex.EncodeToString(notice.Signature[:])})
	s.check(err)
	blob := blobs.Hash(recipient.BlobHash(story.FirstBlob))
	good := map[string]string{ // path of the document: what is in place of its parameters, and a query
		"/v1/headers/{id}":                    story.Tip.Hash().String(),
		"/v1/blocks/{id}/records":             "5",
		"/v1/records/{id}/raw":                story.Voucher.String(),
		"/v1/products/{gtin}":                 chaintest.GTIN.String(),
		"/v1/vouchers/{id}/claims":            story.Voucher.String(),
		"/v1/vouchers/{id}/entitlements":      story.Voucher.String(),
		"/v1/claims/{id}/turn":                story.Claim.String(),
		"/v1/claims/{id}/case":                story.Claim.String(),
		"/v1/vouchers/{id}/shipments":         story.Voucher.String(),
		"/v1/accounts/{key}/payments":         story.Seller.String(),
		"/v1/blocks/{id}":                     "5",
		"/v1/records/{id}":                    story.Voucher.String(),
		"/v1/records/{id}/proof":              story.Voucher.String(),
		"/v1/records/{id}/seen":               story.Voucher.String(),
		"/v1/accounts/{key}":                  story.Seller.String(),
		"/v1/vouchers/{id}":                   story.Voucher.String(),
		"/v1/claims/{id}":                     story.Claim.String(),
		"/v1/shipments/{id}":                  story.Shipment.String(),
		"/v1/items/{gtin}/{serial}":           chaintest.GTIN.String() + "/Z9",
		"/v1/parties/{key}/vouchers":          story.Buyer.String(),
		"/v1/parties/{key}/claims":            story.Seller.String(),
		"/v1/parties/{key}/shipments":         story.Seller.String(),
		"/v1/parties/{key}/history":           story.Seller.String(),
		"/v1/vouchers/{id}/history":           story.Voucher.String(),
		"/v1/claims/{id}/history":             story.Claim.String(),
		"/v1/shipments/{id}/history":          story.Shipment.String(),
		"/v1/products/{gtin}/history":         chaintest.GTIN.String(),
		"/v1/bundles/{kind}/{id}":             "voucher/" + story.Voucher.String(),
		"/v1/blobs/{hash}":                    blob.String(),
		"/v1/carriers/{key}/notice":           record.PublicOf(carrier).String(),
		"/v1/credit/sellers/{key}":            story.Seller.String(),
		"/v1/credit/products/{gtin}":          chaintest.GTIN.String(),
		"/v1/credit/sellers/{key}/evidence":   story.Seller.String(),
		"/v1/credit/products/{gtin}/evidence": chaintest.GTIN.String(),
		"/v1/items/{gtin}/{serial}/history":   chaintest.GTIN.String() + "/Z9",
		"/v1/items/{gtin}/{serial}/epcis":     chaintest.GTIN.String() + "/Z9",
		"/v1/items/{gtin}/{serial}/qr.svg":    chaintest.GTIN.String() + "/Z9",
		"/v1/export/{table}":                  "vouchers",
		"/v1/export/{table}/manifest":         "vouchers",
	}
	target := func(path, values string) string {
		for _, v := range strings.SplitN(values, "/", strings.Count(path, "{")) {
			if from := strings.Index(path, "{"); from >= 0 {
				path = path[:from] + v + path[from+strings.Index(path[from:], "}")+1:]
			}
		}
		return path
	}
	d.check("/v1/carriers/{key}/notice", request("POST", target("/v1/carriers/{key}/notice", good["/v1/carriers/{key}/notice"]), "application/json", noticeText))
	d.check("/v1/blobs", request("POST", "/v1/blobs", octets, story.FirstBlob))
	d.check("/v1/records", request("POST", "/v1/records", "application/json", payText))
	d.check("/v1/records", request("POST", "/v1/records", octets, pay.Encode()))
	d.check("/v1/peers/forget", request("POST", "/v1/peers/forget", "application/json", []byte(`{"address":"192.0.2.7"}`)))
	d.check("/v1/records/{id}", request("GET", "/v1/records/"+pending.ID().String(), "", nil))
	for kind, id := range map[string]record.ID{"vouchers": story.Voucher, "claims": story.Claim, "shipments": story.Shipment} {
		d.check("/v1/"+kind+"/{id}/actions", request("GET", "/v1/"+kind+"/"+id.String()+"/actions?key="+story.Buyer.String(), "", nil))
		good["/v1/"+kind+"/{id}/actions"] = id.String()
	}
	d.check("/v1/items/{gtin}/{serial}/epcis", request("GET", "/v1/items/"+chaintest.GTIN.String()+"/A/1/epcis", "", nil, func(r *http.Request) {
		r.URL.RawPath = "/v1/items/" + chaintest.GTIN.String() + "/A%2F1/epcis"
	}))
	d.check("/v1/search", request("GET", "/v1/search?q="+story.Voucher.String(), "", nil))
	d.check("/v1/match", request("GET", "/v1/match?product="+chaintest.GTIN.String()+"&query="+story.Voucher.String(), "", nil))
	d.check("/v1/accounts", request("GET", "/v1/accounts?role=seller", "", nil))
	for path, operations := range d.paths {
		if _, ok := operations["get"]; !ok {
			continue
		}
		if _, ok := good[path]; !ok && strings.Contains(path, "{") {
			t.Errorf("no good request for %s", path)
			continue
		}
		d.check(path, request("GET", target(path, good[path]), "", nil, ask(carrier, blob, time.Now())))
	}
	for path, operations := range d.paths {
		for method, op := range operations {
			if !d.seen[op.OperationID+" 200"] && op.OperationID != "get-blob" {
				t.Errorf("%s %s was never answered with 200", method, path)
			}
		}
	}

	// What is bad: parts of good requests in wrong places, and nonsense.
	random := rand.New(rand.NewPCG(1, 2))
	paths := slices.Sorted(maps.Keys(d.paths))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	value := func() string {
		v := pick("0", "-1", "1", "99999999999999999999", "x", strings.Repeat("ab", 32), strings.Repeat("zz", 32), "voucher", "held", "é", "%00",
			"..", " ", "\x00", strings.Repeat("long", 400), story.Seller.String(), story.Claim.String(), chaintest.GTIN.String(), "null")
		if random.IntN(4) == 0 {
			b := []byte(v)
			if len(b) > 0 {
				b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
			}
			v = string(b)
		}
		return v
	}
	bodies := [][]byte{nil, payText, pay.Encode(), noticeText, []byte("{}"), []byte("null"), []byte("[1,2"), []byte(`{"key":7}`),
		bytes.Repeat([]byte("["), 60_000), bytes.Repeat([]byte("x"), maxBody+1), []byte(`{"type":"PAY"}`), story.FirstBlob}
	for range 5_000 {
		path := paths[random.IntN(len(paths))]
		method := pick("GET", "GET", "GET", "POST", "HEAD", "DELETE")
		values := good[path]
		if random.IntN(3) > 0 {
			values = value() + "/" + value()
		}
		at := target(path, values)
		for random.IntN(3) == 0 {
			at += pick("?", "&") + pick("limit", "from", "at", "kind", "type", "after", "party", "voucher", "relation", "all_headers", "seller", "gtin", "state", "status", "order", "role", "q", "height", "period", "product", "query", "colour", value()) + "=" + value()
			at = strings.Replace(at, "&", "?", 1-min(1, strings.Count(at, "?")))
		}
		var body []byte
		if method == "POST" || random.IntN(10) == 0 {
			body = slices.Clone(bodies[random.IntN(len(bodies))])
			if len(body) > 0 && random.IntN(3) == 0 {
				body[random.IntN(len(body))] ^= byte(1 + random.IntN(255))
			}
		}
		if method == "HEAD" { // as GET, without a body to compare
			method = "GET"
		}
		d.check(path, request(method, at, pick("application/json", octets, "text/plain", ""), body, func(r *http.Request) {
			switch random.IntN(12) {
			case 0:
				r.Host = "evil.example"
			case 1:
				r.Header.Set("Origin", "https://evil.example")
			case 2:
				r.RemoteAddr = "192.0.2.1:1"
			case 3:
				r.Header.Set("Content-Encoding", "gzip")
			case 4:
				ask(carrier, blob, time.Now())(r)
			case 5:
				r.Header.Set("Accept", pick("text/html", "application/cbor", "*/*", "x"))
			case 6:
				r.Header.Set("Stele-Time", value())
				r.Header.Set("Stele-Key", value())
			}
		}))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kinds of answers", len(d.seen))
}
