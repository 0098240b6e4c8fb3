package node

import (
	"bufio"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"stele/node/api"
	"stele/node/chain/chaintest"
	"stele/node/query"
)

// events reads the stream of a node, after an id if it is not empty, until stop returns
// true for the kind and the data of an event. It returns the id of that event.
func (n *testNode) events(query, last string, stop func(kind string, data map[string]any) bool) string {
	n.Helper()
	r, err := http.NewRequestWithContext(n.Context(), http.MethodGet, "http://"+n.Status().API+"/v1/events"+query, nil)
	if err != nil {
		n.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		n.Fatal(err)
	}
	defer answer.Body.Close()
	kind, data := "", map[string]any{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			last = value
		case "event":
			kind, data = value, map[string]any{}
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				n.Fatal(err)
			}
		case "":
			if kind != "" && stop(kind, data) {
				return last
			}
			kind = ""
		}
	}
	n.Fatalf("the stream ended; log:\n%s", n.log.String())
	return ""
}

// record reads a record.
func (n *testNode) record(id string) (r api.Record) {
	n.Helper()
	answer, err := http.Get("http://" + n.Status().API + "/v1/records/" + id)
	if err != nil {
		n.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&r); err != nil || answer.StatusCode != http.StatusOK {
		n.Fatalf("record %s: %d, %v", id, answer.StatusCode, err)
	}
	return r
}

// A client of a node that mines and makes traffic sees records admitted and confirmed; what
// an event reports is there when it asks. After a restart it goes on where it was, and the
// node still knows when it saw the record.
func TestLive(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	o := testOptions(t)
	o.Params = chaintest.CaseNetwork()
	o.Seen = filepath.Join(t.TempDir(), "seen")
	n := start(t, o)
	pooled := map[any]bool{}
	var found api.Record
	height := 0.0
	last := n.events("", "", func(kind string, data map[string]any) bool {
		switch kind {
		case "pooled":
			pooled[data["id"]] = true
		case "gap", "dropped":
			t.Errorf("%s %v", kind, data)
		case "record":
			if !pooled[data["id"]] || data["claim"] == nil {
				return false
			}
			height = data["height"].(float64)
			found = n.record(data["id"].(string))
			if found.Claim != data["claim"] {
				t.Errorf("claim %v, the API has %s", data["claim"], found.Claim)
			}
			return true
		}
		return false
	})
	s := found.Seen
	if s == nil || s.From != "traffic" || s.First == 0 || s.Admitted < s.First || s.Confirmed < s.Admitted || len(found.RevertChances) != len(query.AttackerShares) {
		t.Errorf("seen %+v", s)
	}
	n.reach(uint32(height) + 2)
	n.stop()
	n = start(t, o)
	blocks := 0
	n.events("?kind=block", last, func(kind string, data map[string]any) bool {
		if kind != "block" || data["height"] != height+1 {
			t.Errorf("%s %v after height %v", kind, data, height)
		}
		height++
		blocks++
		return blocks == 3
	})
	if again := n.record(found.ID); again.Seen == nil || *again.Seen != *s {
		t.Errorf("after a restart %+v, before %+v", again.Seen, s)
	}
	n.stop()
}
