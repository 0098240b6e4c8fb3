package cmdline

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// Build says what the program was made from.
type Build struct {
	Version string // such as "v1.2.3"; empty: what the module system knows
	Commit  string // of the source, in hex; empty: what the Go command recorded
	Date    string // of the commit, in RFC 3339; empty: what the Go command recorded
	CUDA    bool   // whether GPUs can be used
}

// buildKey is where an application keeps its [Build].
const buildKey = "build"

func init() {
	cli.VersionPrinter = func(c *cli.Context) {
		build, _ := c.App.Metadata[buildKey].(Build)
		build.Version = c.App.Version
		printVersion(c.App.Writer, build.orRecorded(recorded()))
	}
}

// orRecorded returns the build with what the Go command recorded in the place of what
// the linker did not set.
func (b Build) orRecorded(settings map[string]string) Build {
	if b.Commit != "" {
		return b
	}
	b.Commit, b.Date = settings["vcs.revision"], settings["vcs.time"]
	if settings["vcs.modified"] == "true" {
		b.Commit += " with changes"
	}
	return b
}

// recorded returns the settings that the Go command recorded in the program.
func recorded() map[string]string {
	settings := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	return settings
}

// printVersion prints the version on a line of its own, which programs may read, and
// what else identifies the build below.
func printVersion(w io.Writer, b Build) {
	cuda := "not built in"
	if b.CUDA {
		cuda = "built in"
	}
	fmt.Fprintf(w, "stele version %s\n", b.Version)
	for _, line := range [][2]string{
		{"commit", cmp.Or(b.Commit, "unknown")}, {"date", cmp.Or(b.Date, "unknown")},
		{"go", runtime.Version()}, {"platform", runtime.GOOS + "/" + runtime.GOARCH}, {"cuda", cuda},
	} {
		fmt.Fprintf(w, "%-8s  %s\n", line[0], line[1])
	}
}
