package cmdline

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlagsFirst(t *testing.T) {
	app := NewApp("", nil, io.Discard, io.Discard)
	app.Commands = []*cli.Command{{
		Name:  "do",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json"}},
		Subcommands: []*cli.Command{{
			Name:    "this",
			Aliases: []string{"that"},
			Flags:   []cli.Flag{&cli.BoolFlag{Name: "json"}, &cli.StringFlag{Name: "name", Aliases: []string{"n"}}},
		}, {
			Name: "nothing",
		}},
	}}
	tests := []struct{ in, want string }{
		{"stele", "stele"},
		{"stele --version", "stele --version"},
		{"stele mint --json x", "stele mint --json x"},
		{"stele do this", "stele do this"},
		{"stele do this x --json", "stele do this --json x"},
		{"stele do that x -n y - z", "stele do that -n y x - z"},
		{"stele do this x --name=y --json z", "stele do this --name=y --json x z"},
		{"stele do this --name --json x", "stele do this --name --json x"},
		{"stele do this x --name", "stele do this --name x"},
		{"stele do this x --json -- --name y", "stele do this --json -- x --name y"},
		{"stele do this x --what y", "stele do this --what x y"},
		{"stele do x --json", "stele do --json x"},
		{"stele do this x --json y --help", "stele do this --help"},
		{"stele do this x -h -n y", "stele do this -h"},
		{"stele do nothing x --help", "stele do nothing --help"},
		{"stele do this x --name --help", "stele do this --name --help x"},
		{"stele do this x -- --help", "stele do this -- x --help"},
	}
	for _, tt := range tests {
		if got := strings.Join(flagsFirst(app, strings.Fields(tt.in)), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := flagsFirst(app, nil); len(got) != 0 {
		t.Errorf("nothing became %q", got)
	}
}

func TestParseNumber(t *testing.T) {
	good := map[string]uint64{
		"0": 0, "007": 7, "2083236893": 2083236893, "18446744073709551615": math.MaxUint64,
		"0x0": 0, "0xff": 255, "0XfF": 255, "0xffffffffffffffff": math.MaxUint64,
	}
	for text, want := range good {
		if got, err := parseNumber(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	bad := map[string]error{
		"": errNumber, "x": errNumber, "-1": errNumber, "+1": errNumber, "1.5": errNumber, "1e3": errNumber,
		" 1": errNumber, "1 ": errNumber, "0x": errNumber, "0x-1": errNumber, "0x+1": errNumber, "0b1": errNumber,
		"1_000": errNumber, "ff": errNumber, "18446744073709551616": errRange, "0x10000000000000000": errRange,
	}
	for text, want := range bad {
		if got, err := parseNumber(text); !errors.Is(err, want) {
			t.Errorf("%q: got %d, %v, want %v", text, got, err, want)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{"", "0", "12", "0x1f", "-3", "+", "0x", "99999999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNumber(text)
		if err != nil && (n != 0 || !errors.Is(err, errNumber) && !errors.Is(err, errRange)) {
			t.Errorf("%q: got %d, %v", text, n, err)
		}
	})
}
