package history

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// changing makes a history in which the program and a kernel change, and a run is
// disturbed, newest first.
func changing(t *testing.T, runs int) []Machine {
	t.Helper()
	m := newMachine(3)
	all := m.runs(runs)
	for i, r := range all[:runs/3] {
		r.Environment.Version = "v2 <script>"
		r.Cases[2].Kernel = "sha\"ni"
		if i == 1 {
			for j := range r.Cases[1].Samples {
				r.Cases[1].Samples[j].Probe = 0.5
			}
		}
	}
	return Machines(all)
}

// The page is well-formed, has no script and loads nothing, and has a chart for each case.
func TestPage(t *testing.T) {
	for _, machines := range [][]Machine{{}, changing(t, 1), changing(t, 60)} {
		var b strings.Builder
		if err := WriteHTML(&b, machines); err != nil {
			t.Fatal(err)
		}
		charts := 0
		ids := map[string]bool{}
		var links []string
		for tokens := html.NewTokenizer(strings.NewReader(b.String())); tokens.Next() != html.ErrorToken; {
			token := tokens.Token()
			switch token.Data {
			case "script", "link", "img", "iframe", "object":
				t.Errorf("element %s", token)
			case "figcaption":
				if token.Type == html.StartTagToken {
					charts++
				}
			}
			for _, a := range token.Attr {
				switch {
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("a second id %q", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "href":
					links = append(links, a.Val)
				case a.Key == "src" || strings.HasPrefix(a.Key, "on"):
					t.Errorf("attribute %s=%q", a.Key, a.Val)
				}
			}
		}
		want := 0
		for _, m := range machines {
			want += len(m.Series)
		}
		if charts != want || slices.ContainsFunc(links, func(l string) bool { return !ids[strings.TrimPrefix(l, "#")] }) {
			t.Errorf("%d charts, want %d; links %q", charts, want, links)
		}
		if len(machines) > 0 && len(machines[0].Changes) > 0 && !strings.Contains(b.String(), "v2 &lt;script&gt;") {
			t.Errorf("the change of the program is not there")
		}
	}
}
