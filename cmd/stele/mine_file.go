package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"stele/engine/cpu"
)

// mineFile is what a configuration file of "stele mine" holds. A key is the
// name of the flag with _ for -.
type mineFile struct {
	API          string   `toml:"api,omitempty"`
	APIToken     string   `toml:"api_token,omitempty"`
	APITokenFile string   `toml:"api_token_file,omitempty"`
	Cgminer      string   `toml:"cgminer,omitempty"`
	Device       string   `toml:"device,omitempty"`
	Kernel       string   `toml:"kernel,omitempty"`
	Threads      *int     `toml:"threads,omitempty"`
	Cache        string   `toml:"cache,omitempty"`
	VersionMask  string   `toml:"version_mask,omitempty"`
	TempLimit    *float64 `toml:"temp_limit,omitempty"`
	TempResume   *float64 `toml:"temp_resume,omitempty"`
	PowerLimit   *float64 `toml:"power_limit,omitempty"`
	PowerResume  *float64 `toml:"power_resume,omitempty"`
	OnSick       []string `toml:"on_sick,omitempty"` // a program and its arguments
	OnDead       []string `toml:"on_dead,omitempty"`
	OnRecovered  []string `toml:"on_recovered,omitempty"`
	OnBlock      []string `toml:"on_block,omitempty"`

	Sources []mineSource `toml:"source"` // in order of preference
}

// maxMineFile bounds a configuration file, in bytes.
const maxMineFile = 1 << 20

// readMineFile reads a configuration file. A key that it does not know is an
// error: it would be a setting that has no effect.
func readMineFile(c *cli.Context, name string) (f mineFile, err error) {
	text, err := readSoon(c, name, maxMineFile)
	if err != nil {
		return f, err
	}
	meta, err := toml.Decode(string(text), &f)
	if err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return f, fmt.Errorf("%s: line %d: %s", name, at.Position.Line, at.Message)
		}
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key, of := unknown[0], reflect.TypeFor[mineFile]()
		if len(key) > 1 && key[0] == "source" {
			of = reflect.TypeFor[mineSource]()
		}
		last := key[len(key)-1]
		hint := ""
		if known := nearest(last, tomlKeys(of)); known != "" {
			hint = fmt.Sprintf("; did you mean %q?", known)
		}
		return f, fmt.Errorf("%s: line %d: unknown key %q%s", name, lineOf(string(text), last), last, hint)
	}
	if key, err := f.check(); err != nil {
		return f, fmt.Errorf("%s: line %d: %s: %w", name, lineOf(string(text), key), key, err)
	}
	return f, nil
}

// check judges what the file can be judged by alone. It returns the key that is
// wrong.
func (f mineFile) check() (key string, err error) {
	if f.Threads != nil && (*f.Threads < 1 || *f.Threads > cpu.MaxThreads) {
		return "threads", fmt.Errorf("%d is out of range, want 1 to %d", *f.Threads, cpu.MaxThreads)
	}
	if f.APIToken != "" && f.APITokenFile != "" {
		return "api_token", errors.New("there is api_token_file too")
	}
	for key, limit := range map[string]*float64{
		"temp_limit": f.TempLimit, "temp_resume": f.TempResume, "power_limit": f.PowerLimit, "power_resume": f.PowerResume,
	} {
		if limit != nil && !goodLimit(*limit) {
			return key, fmt.Errorf("%v is no number above 0", *limit)
		}
	}
	return "", nil
}

// goodLimit reports whether x, of degrees or watts, is a limit at all.
func goodLimit(x float64) bool { return x > 0 && x < 1e6 }

// tomlKeys returns the keys that a struct has.
func tomlKeys(of reflect.Type) (keys []string) {
	for field := range of.Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		keys = append(keys, key)
	}
	return keys
}

// lineOf returns the first line that sets a key or is the header of its table,
// or else 1.
func lineOf(text, key string) int {
	set := regexp.MustCompile(`^\s*(\[+\s*)?(.*\.)?\s*["']?` + regexp.QuoteMeta(key) + `["']?\s*[=\].]`)
	for i, line := range strings.Split(text, "\n") {
		if set.MatchString(line) {
			return i + 1
		}
	}
	return 1
}

// nearest returns the known word that is spelt most like word, "" if none is.
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ReplaceAll(strings.ToLower(word), "-", "_"), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// editDistance returns how many letters have to be put in, taken out or changed
// to make a of b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
