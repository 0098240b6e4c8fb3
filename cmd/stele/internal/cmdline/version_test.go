package cmdline

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// versionOf returns what --version prints of a build.
func versionOf(t *testing.T, build Build) string {
	t.Helper()
	var out strings.Builder
	app := NewApp(build.Version, nil, &out, &out, &cli.Command{Name: "do"})
	app.Metadata = map[string]any{buildKey: build}
	if code := Run(t.Context(), app, []string{"stele", "--version"}); code != ExitGood {
		t.Fatalf("exit code %d: %s", code, out.String())
	}
	return out.String()
}

func TestVersion(t *testing.T) {
	got := versionOf(t, Build{Version: "v1.2.3", Commit: "c0ffee", Date: "2026-01-31T12:00:00Z", CUDA: true})
	want := fmt.Sprintf("stele version v1.2.3\ncommit    c0ffee\ndate      2026-01-31T12:00:00Z\ngo        %s\nplatform  %s/%s\ncuda      built in\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := versionOf(t, Build{}); !strings.HasSuffix(got, "\ncuda      not built in\n") {
		t.Errorf("got\n%s", got)
	}
}

// Without values of the linker, what the Go command recorded is shown.
func TestVersionRecorded(t *testing.T) {
	settings := map[string]string{"vcs.revision": "beef", "vcs.time": "2026-02-01T00:00:00Z"}
	if got := (Build{}).orRecorded(settings); got.Commit != "beef" || got.Date != "2026-02-01T00:00:00Z" {
		t.Errorf("got %+v", got)
	}
	settings["vcs.modified"] = "true"
	if got := (Build{}).orRecorded(settings); got.Commit != "beef with changes" {
		t.Errorf("got %+v", got)
	}
	if got := (Build{Commit: "c0ffee"}).orRecorded(settings); got.Commit != "c0ffee" || got.Date != "" {
		t.Errorf("got %+v", got)
	}
}
