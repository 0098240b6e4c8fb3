package mine

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/minerflags"
	"stele/engine/cpu"
	"stele/engine/miner/health"
)

// configFile is the content of a configuration file. A key is the name of its flag
// with _ for -.
type configFile struct {
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

	Sources []source `toml:"source"` // in order of preference
}

// maxConfig bounds a configuration file, in bytes.
const maxConfig = 1 << 20

// readConfig reads a configuration file. An unknown key is an error, because it would
// be a setting without effect.
func readConfig(c *cli.Context, name string) (f configFile, err error) {
	text, err := readSoon(c, name, maxConfig)
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
		key, of := unknown[0], reflect.TypeFor[configFile]()
		if len(key) > 1 && key[0] == "source" {
			of = reflect.TypeFor[source]()
		}
		last := key[len(key)-1]
		hint := ""
		if len(key) == 1 && slices.Contains(tomlKeys(reflect.TypeFor[source]()), last) {
			hint = ": it belongs in a [[source]]"
		} else if known := nearest(last, tomlKeys(of)); known != "" {
			hint = fmt.Sprintf("; did you mean %q?", known)
		}
		return f, fmt.Errorf("%s: line %d: unknown key %q%s", name, lineOf(string(text), last), last, hint)
	}
	if key, err := f.check(); err != nil {
		return f, fmt.Errorf("%s: line %d: %s: %w", name, lineOf(string(text), key), key, err)
	}
	return f, nil
}

// check checks the values of the file. With an error it returns the key.
func (f configFile) check() (key string, err error) {
	if f.Threads != nil && (*f.Threads < 1 || *f.Threads > cpu.MaxThreads) {
		return "threads", fmt.Errorf("%d is out of range: must be 1 to %d", *f.Threads, cpu.MaxThreads)
	}
	if f.APIToken != "" && f.APITokenFile != "" {
		return "api_token", errors.New("mutually exclusive with api_token_file")
	}
	for key, limit := range map[string]*float64{
		"temp_limit": f.TempLimit, "temp_resume": f.TempResume, "power_limit": f.PowerLimit, "power_resume": f.PowerResume,
	} {
		if limit != nil && !minerflags.IsLimit(*limit) {
			return key, fmt.Errorf("invalid limit %v: must be a number above 0", *limit)
		}
	}
	return "", nil
}

// limits returns the limits of the file.
func (f configFile) limits() health.Limits {
	value := func(x *float64) float64 {
		if x == nil {
			return 0
		}
		return *x
	}
	return health.Limits{
		Temperature: value(f.TempLimit), TemperatureResume: value(f.TempResume),
		Power: value(f.PowerLimit), PowerResume: value(f.PowerResume),
	}
}

// hooks returns the commands of the file.
func (f configFile) hooks() health.Hooks {
	return health.Hooks{Sick: f.OnSick, Dead: f.OnDead, Recovered: f.OnRecovered, Block: f.OnBlock}
}

// tomlKeys returns the TOML keys of a struct.
func tomlKeys(of reflect.Type) (keys []string) {
	for field := range of.Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		keys = append(keys, key)
	}
	return keys
}

// lineOf returns the number of the first line that sets a key or is the header of
// its table, 1 if there is none.
func lineOf(text, key string) int {
	set := regexp.MustCompile(`^\s*(\[+\s*)?(.*\.)?\s*["']?` + regexp.QuoteMeta(key) + `["']?\s*[=\].]`)
	for i, line := range strings.Split(text, "\n") {
		if set.MatchString(line) {
			return i + 1
		}
	}
	return 1
}

// nearest returns the known word whose spelling is closest to word, "" if none is
// close.
func nearest(word string, known []string) string {
	best, bound := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ReplaceAll(strings.ToLower(word), "-", "_"), k); d < bound {
			best, bound = k, d
		}
	}
	return best
}

// editDistance returns how many bytes must be inserted, deleted or replaced to turn a
// into b (Levenshtein).
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
