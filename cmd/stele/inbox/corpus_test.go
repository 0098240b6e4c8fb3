package inbox

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/cmd/stele/internal/steletest"
	"stele/node/api"
	"stele/node/chain"
	"stele/node/chain/corpus"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// A servicer finds the claim whose goods it has to inspect, and a supervisor the goods
// that a carrier could not deliver.
func TestServicerAndSupervisor(t *testing.T) {
	made := corpus.Build()
	n := serve(t, made)
	var supervisor record.Key
	inspected, ruled := false, false
	for _, b := range made.Tip.Chain()[1:] {
		if _, err := n.chain.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			switch p := r.Payload.(type) {
			case record.Ruling:
				supervisor = r.Key
			case record.DeliveryConfirm:
				inspected = inspected || n.inspection(p.Shipment)
			case record.ProofOfAttempt:
				if supervisor != (record.Key{}) && !ruled {
					ruled = true
					n.has(supervisor, p.Shipment, record.TypeRuling)
				}
			}
		}
		if inspected && ruled {
			return
		}
	}
	t.Errorf("goods for a servicer: %v, goods that were not delivered: %v", inspected, ruled)
}

// parts are the parts of a node that serves its API.
type parts struct {
	*testing.T
	chain  *chain.Chain
	views  *views.Views
	reader *query.Reader
	url    string
}

// serve lets the API of a node with an empty chain answer until the test ends.
func serve(t *testing.T, made *corpus.Corpus) *parts {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := &parts{T: t}
	st, err := store.Open("store", store.Identity{Network: made.Params.ID, Genesis: made.Tip.Chain()[0].Hash()}, store.Options{FS: vfs.NewMem()})
	check(err)
	t.Cleanup(func() { check(st.Close()) })
	n.chain, err = chain.Open(t.Context(), chain.Options{Store: st, Params: made.Params, Clock: func() time.Time { return made.Now }})
	check(err)
	records, err := pool.New(pool.Options{Params: made.Params, View: n.chain.View, Context: n.chain.NextContext})
	check(err)
	n.views, err = views.Open("views", views.Options{Chain: n.chain, FS: vfs.NewMem()})
	check(err)
	t.Cleanup(func() { check(n.views.Close()) })
	n.reader = query.New(query.Options{Params: made.Params, Chain: n.chain, Pool: records, Views: n.views})
	a, err := api.New(api.Options{
		Params: made.Params, Chain: n.chain, Pool: records, Views: n.views, Status: func() query.Status { return query.Status{} },
	})
	check(err)
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

// inspection checks the inbox of the servicer of a claim whose goods have arrived, and
// reports whether there is one.
func (n *parts) inspection(shipment record.ID) bool {
	n.Helper()
	h, err := n.reader.Shipment(shipment)
	if err != nil {
		n.Fatal(err)
	}
	if h.Claim == (record.ID{}) {
		return false
	}
	c, err := n.reader.Claim(h.Claim)
	if err != nil {
		n.Fatal(err)
	}
	if c.State != rules.ClaimReceived || c.Servicer == (record.Key{}) || c.Servicer == c.Seller {
		return false
	}
	n.has(c.Servicer, c.ID, record.TypeInspectionReport)
	return true
}

// has checks that the inbox of a key has a thing with a record that it has to write.
func (n *parts) has(key record.Key, id record.ID, want record.Type) {
	n.Helper()
	if err := n.views.Update(n.Context()); err != nil {
		n.Fatal(err)
	}
	out, code := steletest.Run(n.T, "inbox", "--api", n.url, "--key", key.String(), "--json")
	var res result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != 0 {
		n.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if !slices.ContainsFunc(res.Items, func(i item) bool {
		return i.ID == id.String() && i.Must && slices.ContainsFunc(i.Actions, func(a api.Action) bool { return a.Type == want.String() })
	}) {
		n.Errorf("no %v of %v for %v: %s", want, id, key, out)
	}
}
