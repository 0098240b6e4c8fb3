package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// hive is the folder of the miner in a root of its own.
type hive struct {
	*testing.T
	root, dir, port string
}

// newHive installs the miner as custom-get of HiveOS does.
func newHive(t *testing.T, d *dist) *hive {
	t.Helper()
	h := &hive{T: t, root: t.TempDir(), port: freePort(t)}
	const name = "stele-1.2.3_4_gc0ffee"
	// HiveOS takes the name of the miner from that of the archive.
	miner := name[:strings.LastIndex(name, "-")]
	custom := filepath.Join(h.root, "hive/miners/custom")
	unpack(t, d, "hiveos/"+name+".tar.gz", custom)
	h.dir = filepath.Join(custom, miner)
	manifest := filepath.Join(h.dir, "h-manifest.conf")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]string{{"/hive/miners", h.root + "/hive/miners"}, {"/var/log", h.root + "/var/log"}, {"8691", h.port}} {
		if strings.Count(string(text), r[0]) != 1 {
			t.Fatalf("h-manifest.conf has not one %s:\n%s", r[0], text)
		}
		text = []byte(strings.ReplaceAll(string(text), r[0], r[1]))
	}
	if err := os.WriteFile(manifest, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return h
}

// shell runs a script of bash in the empty folder "cwd" of the root.
func (h *hive) shell(script string) string {
	h.Helper()
	cwd := filepath.Join(h.root, "cwd")
	if err := os.MkdirAll(cwd, 0o755); err != nil {
		h.Fatal(err)
	}
	out, err := rigRun(h.T, cwd, "bash", "-c", script, "bash", h.dir)
	if err != nil {
		h.Fatalf("%v: %s", err, out)
	}
	return out
}

// flightSheet is what wallet.conf and rig.conf define.
type flightSheet struct{ url, template, pass, algo, extra, worker string }

// config calls h-config.sh as miner-run does, and returns what it prints. All that it
// may leave behind are the variables of h-manifest.conf.
func (h *hive) config(s flightSheet) string {
	h.Helper()
	var wallet strings.Builder
	for _, v := range [][2]string{
		{"CUSTOM_URL", s.url}, {"CUSTOM_TEMPLATE", s.template}, {"CUSTOM_PASS", s.pass},
		{"CUSTOM_ALGO", s.algo}, {"CUSTOM_USER_CONFIG", s.extra}, {"WORKER_NAME", s.worker},
	} {
		fmt.Fprintf(&wallet, "%s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	return h.shell(wallet.String() + `
		names() { compgen -v; compgen -A function; set +o; shopt; pwd; }
		config_gen() { . "$1/h-manifest.conf" && . "$1/h-config.sh"; }
		before=$(names)
		config_gen "$1"
		comm -13 <(sort <<<"$before") <(names | sort) | grep -vxE 'before|CUSTOM_(NAME|VERSION|CONFIG_FILENAME|LOG_BASENAME)|STELE_API'
		true`)
}

// stats sources h-stats.sh in a function, as the agent does, and returns khs and stats.
func (h *hive) stats() (khs float64, stats string) {
	h.Helper()
	out := h.shell(`
		miner_stats() { khs=7 stats=old; . "$1/h-stats.sh"; }
		before=$(compgen -v; compgen -A function)
		miner_stats "$1"
		printf '%s\n%s\n' "$khs" "$stats"
		comm -13 <(sort <<<"$before") <({ compgen -v; compgen -A function; } | sort) | grep -vxE 'before|khs|stats|PIPESTATUS|FUNCNAME'
		true`)
	first, rest, _ := strings.Cut(out, "\n")
	khs, err := strconv.ParseFloat(first, 64)
	if err != nil || strings.Count(rest, "\n") != 1 {
		h.Fatalf("h-stats.sh: %q", out)
	}
	return khs, strings.TrimSpace(rest)
}

// read returns a file that only its owner can read; "" if there is none.
func (h *hive) read(name string) string {
	h.Helper()
	name = filepath.Join(h.dir, name)
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	if info.Mode().Perm() != 0o600 {
		h.Errorf("%s has mode %v", name, info.Mode())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		h.Fatal(err)
	}
	return string(text)
}

func testHive(t *testing.T, d *dist, pool string) {
	h := newHive(t, d)
	if khs, stats := h.stats(); khs != 0 || stats != "null" {
		t.Errorf("before the start: khs %v, stats %s", khs, stats)
	}
	run := filepath.Join(h.dir, "h-run.sh")
	if out, err := rigRun(t, "/", run); err == nil || !strings.Contains(out, "h-config.sh writes it") {
		t.Errorf("without a flight sheet: %q %v", out, err)
	}
	if out := h.config(flightSheet{
		url: "127.0.0.1:1\n" + pool, template: "node.%WORKER_NAME%", pass: "x", algo: "SHA256d", worker: "rig & 1",
		extra: "temp_limit = 80\n--device cpu --threads 1\r\n--cache " + h.root,
	}); out != "" {
		t.Errorf("h-config.sh: %s", out)
	}
	miner := start(t, "/", run)
	before := awaitShares(t, h.port)
	khs, text := h.stats()
	after := awaitShares(t, h.port)
	var stats struct {
		HS         []float64
		Units      string `json:"hs_units"`
		Temp, Fan  []int
		Uptime     float64
		Ver, Algo  string
		User       string
		AR         []uint64
		BusNumbers []*int `json:"bus_numbers"`
	}
	if err := json.Unmarshal([]byte(text), &stats); err != nil {
		t.Fatalf("stats: %v: %s", err, text)
	}
	if len(stats.HS) != 1 || stats.Units != "khs" || len(stats.Temp) != 1 || len(stats.Fan) != 1 || len(stats.BusNumbers) != 1 || stats.BusNumbers[0] != nil ||
		stats.Ver != rigVersionText || stats.Algo != "sha256d" || stats.User != "node.rig & 1" || len(stats.AR) != 2 ||
		stats.Uptime < before.Uptime-1 || stats.Uptime > after.Uptime || stats.HS[0] != khs {
		t.Fatalf("khs %v, stats %s", khs, text)
	}
	checkReport(t, khs*1000, stats.AR[0], stats.AR[1], before, after)

	miner.suspend()
	if khs, stats := h.stats(); khs != 0 || stats != "null" {
		t.Errorf("of a miner that hangs: khs %v, stats %s", khs, stats)
	}
	miner.signal(syscall.SIGCONT)
	miner.signal(syscall.SIGINT) // Ctrl-C: "miner stop"
	if s := miner.wait(); !s.Signaled() || s.Signal() != syscall.SIGINT {
		t.Errorf("after Ctrl-C h-run.sh ended with %v, so that HiveOS starts it again", s)
	}
	if khs, stats := h.stats(); khs != 0 || stats != "null" {
		t.Errorf("after the end: khs %v, stats %s", khs, stats)
	}
	log, err := os.ReadFile(filepath.Join(h.root, "var/log/miner/custom/stele.log"))
	if err != nil || !strings.Contains(string(log), "stopped after") || string(log) != miner.printed() {
		t.Errorf("the log is not what was printed: %v\n%s", err, log)
	}
	h.testTerm(run)
}

// testTerm checks that SIGTERM to the script alone ends the miner too.
func (h *hive) testTerm(run string) {
	miner := start(h.T, "/", run)
	awaitShares(h.T, h.port)
	if err := miner.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.Error(err)
	}
	if s := miner.wait(); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		h.Errorf("after SIGTERM h-run.sh ended with %v", s)
	}
	if _, err := getStatus(h.port); err == nil {
		h.Error("after SIGTERM to h-run.sh the miner runs on")
	}
}

// Nothing in a flight sheet is executed, and each text reaches the miner as it is.
func testFlightSheets(t *testing.T, d *dist) {
	h := newHive(t, d)
	texts := []string{
		"plain", `"`, `\`, `\"`, "'", "''' \"\"\"", "a\nb", "a\r\nb", "\t", "\x01\x1f\x7f", "$(touch pwned)", "`touch pwned`", "$HOME ${PATH} $((1+1))",
		"; touch pwned", "| touch pwned &", "> pwned", "* ? [a-z] ~ {a,b}", "&", `\& \\& \u0041`, "-n", "-- %s %d %n", "käse 矿工 ⛏", "#", "]\n[[source]]\nurl = \"x\"", "%WORKER_NAME%",
	}
	random, letters := rand.New(rand.NewPCG(1, 2)), []rune("\"\\'`$(){}[]<>|&;*?~!#%= \t\n\r\x01\x7fäßnu0x")
	for range 25 {
		var b strings.Builder
		for range random.IntN(30) {
			b.WriteRune(letters[random.IntN(len(letters))])
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		s := flightSheet{url: "a.example:1 " + text, template: text, pass: text, worker: text, algo: text, extra: "--x " + strings.ReplaceAll(text, "\n", " ")}
		if out := h.config(s); out != "" {
			t.Errorf("flight sheet %q: printed %s", text, out)
		}
		h.check(s)
		if _, err := os.Stat(filepath.Join(h.root, "cwd/pwned")); err == nil {
			t.Fatalf("flight sheet %q: it was executed", text)
		}
	}
	h.checkErrors()
}

// check compares the files of h-config.sh with the flight sheet.
func (h *hive) check(s flightSheet) {
	h.Helper()
	want := func(text string) string { // bash removes line feeds at the end
		return strings.TrimRight(strings.ReplaceAll(strings.TrimRight(text, "\n"), "%WORKER_NAME%", s.worker), "\n")
	}
	urls := strings.FieldsFunc(s.url, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	var got []string
	for line := range strings.Lines(h.read("stele.toml")) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		var text string
		// The escapes that h-config.sh writes mean the same in JSON.
		if !ok || json.Unmarshal([]byte(value), &text) != nil {
			continue
		}
		switch key {
		case "url":
			if len(urls) == 0 || text != urls[0] {
				h.Errorf("flight sheet %q: url %q", s, text)
				return
			}
			urls = urls[1:]
		case "user", "password":
			if text != want(s.template) {
				h.Errorf("flight sheet %q: %s %q", s, key, text)
			}
		default:
			continue
		}
		got = append(got, key)
	}
	if len(urls) > 0 || len(got) == 0 {
		h.Errorf("flight sheet %q: %d URLs are missing:\n%s", s, len(urls), h.read("stele.toml"))
	}
	algo := strings.NewReplacer("\r", "", "\n", "").Replace(s.algo)
	if s.algo == "" {
		algo = "sha256d"
	}
	if args := h.read("stele.toml.args"); !strings.HasPrefix(args, "--algo="+algo+"\n--x\n") {
		h.Errorf("flight sheet %q: arguments %q", s, args)
	}
}

// checkErrors checks that the miner explains what is wrong in a flight sheet.
func (h *hive) checkErrors() {
	for _, c := range []struct {
		sheet flightSheet
		want  string
	}{
		{flightSheet{}, "no pool configured"},
		{flightSheet{url: "a.example:1", algo: "ethash"}, `unknown algorithm "ethash": must be sha256d`},
		{flightSheet{url: "a.example:1 a.example:1", template: "x"}, "duplicate of"},
		{flightSheet{url: `ftp://x"$(touch pwned)`}, "source 1"},
		{flightSheet{url: "a.example:1", extra: "temp_limit = hot"}, "stele.toml"},
		{flightSheet{url: "a.example:1", extra: "--no-such-flag"}, "no-such-flag"},
	} {
		if out := h.config(c.sheet); out != "" {
			h.Errorf("flight sheet %q: printed %s", c.sheet, out)
		}
		out, err := rigRun(h.T, "/", filepath.Join(h.dir, "h-run.sh"))
		if err == nil || !strings.Contains(out, c.want) {
			h.Errorf("flight sheet %q: %v, %s: must name %q", c.sheet, err, out, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(h.dir, "pwned")); err == nil {
		h.Error("a flight sheet was executed by h-run.sh")
	}
}
