package node

import (
	"path/filepath"
	"slices"
	"testing"

	"stele/node/alert"
	"stele/node/query"
)

// Warnings are alerts when the node has run for a minute.
func TestWarningFacts(t *testing.T) {
	warnings := []query.Warning{{Kind: query.DeepReorg, Text: "7 blocks were disconnected"}}
	if r := warningFacts(warnings, settled-1); !r.Partial || len(r.Facts) > 0 {
		t.Errorf("at the start: %+v", r)
	}
	r := warningFacts(warnings, settled)
	if r.Partial || len(r.Facts) != 1 || r.Facts[0].Kind != alert.Warning || r.Facts[0].Subject != "deep-reorg" || r.Facts[0].Text != warnings[0].Text {
		t.Errorf("later: %+v", r)
	}
}

// A running node has a book of alerts, and writes its file when it has some.
func TestAlertsOfNode(t *testing.T) {
	o := testOptions(t)
	o.Alerts = filepath.Join(t.TempDir(), "alerts.json")
	n := start(t, o)
	n.mu.Lock()
	n.trouble = "made up"
	n.mu.Unlock()
	n.wait("an alert", func(query.Status) bool { return n.alerts.Counts()[alert.Trouble] == 1 })
	n.expect(map[string]float64{`stele_alerts{kind="trouble",state="open"}`: 1, `stele_alerts{kind="coverage",state="open"}`: 0})
	n.mu.Lock()
	n.trouble = ""
	n.mu.Unlock()
	n.wait("its end in the file", func(query.Status) bool {
		page, err := alert.NewBook(alert.Options{File: o.Alerts}).List([]alert.State{alert.Resolved}, query.Range{Limit: 200})
		return err == nil && slices.ContainsFunc(page.Items, func(a alert.Alert) bool { return a.Kind == alert.Trouble && a.Text == "made up" })
	})
}
