package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"stele/node/chain/corpus"
	"stele/node/ledger/record"
)

var update = flag.Bool("update", false, "write testdata/answers.json")

// answerPaths returns requests about a chain: every route that reads it, with
// the first records of each kind and with the last.
func answerPaths(s *service) []string {
	paths := []string{
		"/v1/tip", "/v1/headers?from=2&limit=2", "/v1/headers/3", "/v1/blocks/0", "/v1/blocks/7?from=1&limit=2", "/v1/state",
		"/v1/claims?limit=3", "/v1/claims?limit=2&from=1.0",
	}
	ids := map[record.Type][]string{}
	keys := map[string]bool{}
	items := map[string]bool{}
	for _, b := range s.tip.Chain()[1:] {
		for _, r := range b.Records {
			ids[r.Type()] = append(ids[r.Type()], r.ID().String())
			switch p := r.Payload.(type) {
			case record.VoucherIssue:
				keys[r.Key.String()], keys[p.Buyer.String()] = true, true
				items[p.GTIN.String()+"/"+string(p.Serial)] = true
			case record.RecallNotice:
				keys[r.Key.String()] = true
			}
		}
	}
	for kind, all := range ids {
		for _, id := range slices.Compact([]string{all[0], all[len(all)-1]}) {
			paths = append(paths, "/v1/records/"+id)
			switch kind {
			case record.TypeVoucherIssue:
				paths = append(paths, "/v1/records/"+id+"/proof", "/v1/vouchers/"+id, "/v1/vouchers/"+id+"/history?limit=3")
			case record.TypeClaimOpen:
				paths = append(paths, "/v1/claims/"+id, "/v1/claims/"+id+"/history?limit=2")
			case record.TypeShipmentCreate:
				paths = append(paths, "/v1/shipments/"+id, "/v1/shipments/"+id+"/history?limit=2")
			}
		}
	}
	for i, key := range slices.Sorted(maps.Keys(keys)) {
		if i%16 == 0 {
			paths = append(paths, "/v1/accounts/"+key, "/v1/parties/"+key+"/vouchers?limit=2", "/v1/parties/"+key+"/vouchers?relation=sold&limit=2",
				"/v1/parties/"+key+"/claims?limit=2", "/v1/parties/"+key+"/shipments?limit=2", "/v1/parties/"+key+"/history?limit=1")
		}
	}
	for i, item := range slices.Sorted(maps.Keys(items)) {
		if i%16 == 0 {
			paths = append(paths, "/v1/items/"+item)
		}
	}
	slices.Sort(paths)
	return paths
}

// Later versions may add members to answers. Those that were there stay as they
// are: name, value and form.
func TestAnswersStay(t *testing.T) {
	c := corpus.Build()
	s := newServiceAt(t, c.Params, c.Tip, func() time.Time { return c.Now }, withViews(t)).listen()
	got := map[string]json.RawMessage{}
	for _, path := range answerPaths(s) {
		_, text := s.do(http.MethodGet, path, "", nil)
		got[path] = text
	}
	const name = "testdata/answers.json"
	if *update {
		text, err := json.Marshal(got)
		s.check(err)
		s.check(os.MkdirAll("testdata", 0o755))
		text = bytes.ReplaceAll(text, []byte(`,"/v1/`), []byte(",\n\"/v1/")) // a line for each answer
		s.check(os.WriteFile(name, append(text, '\n'), 0o644))
	}
	text, err := os.ReadFile(name)
	s.check(err)
	var want map[string]json.RawMessage
	s.check(json.Unmarshal(text, &want))
	for path, answer := range want {
		if missing := compare(answer, got[path]); missing != "" {
			t.Errorf("%s: %s", path, missing)
		}
	}
}

// compare reports where an answer is not what it was.
func compare(want, got json.RawMessage) string {
	var wantMembers, gotMembers map[string]json.RawMessage
	var wantItems, gotItems []json.RawMessage
	switch {
	case json.Unmarshal(want, &wantMembers) == nil:
		if json.Unmarshal(got, &gotMembers) != nil {
			return fmt.Sprintf("%.100s is no object", got)
		}
		for name, value := range wantMembers {
			if missing := compare(value, gotMembers[name]); missing != "" {
				return name + ": " + missing
			}
		}
		return ""
	case json.Unmarshal(want, &wantItems) == nil:
		if json.Unmarshal(got, &gotItems) != nil || len(gotItems) != len(wantItems) {
			return fmt.Sprintf("%d items, want %d", len(gotItems), len(wantItems))
		}
		for i := range wantItems {
			if missing := compare(wantItems[i], gotItems[i]); missing != "" {
				return fmt.Sprint(i, ": ", missing)
			}
		}
		return ""
	case !bytes.Equal(want, got):
		return fmt.Sprintf("%s, want %s", got, want)
	}
	return ""
}
