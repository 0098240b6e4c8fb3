package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stele/internal/browsertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	browsertest.Close()
	os.Exit(code)
}

// The page holds in a browser, light and dark, narrow and wide: see
// [browsertest.Tab.CheckPage].
func TestPageInBrowser(t *testing.T) {
	var b strings.Builder
	if err := WriteHTML(&b, changing(t, 60)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "history.html")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := browsertest.AxeAbsent(); err != nil {
		t.Logf("accessibility is not checked: %v", err)
	}
	for _, look := range []browsertest.Look{{Width: 1280}, {Width: 360, Dark: true}} {
		tab := browsertest.Open(t, look)
		tab.Goto("file://" + name)
		tab.CheckPage("history", 1<<20, []int64{320, 360, 1280})
	}
}
