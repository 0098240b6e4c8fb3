package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is the highest score that "systemd-analyze security" may give a unit:
// 0 is none, 10 is a program that may do everything, and below 2 is "OK".
const maxExposure = 1.9

var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// The units of the packages are valid to systemd, and confine their services.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skipf("no systemd-analyze (package systemd): %v", err)
	}
	units, err := filepath.Glob("../packaging/systemd/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("units %q, %v", units, err)
	}
	for _, unit := range units {
		name := filepath.Base(unit)
		// The program and its man page are not installed here: true(1) takes their places.
		raw, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(raw), "\nExecStart=stele ", "\nExecStart=/bin/true ", 1)
		text = regexp.MustCompile(`(?m)^Documentation=man:.*$`).ReplaceAllString(text, "")
		copied := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil || strings.Contains(string(out), name) {
			t.Errorf("systemd-analyze verify: %v\n%s", err, out)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", copied).CombinedOutput()
		found := exposure.FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("systemd-analyze security: %v\n%s", err, out)
		}
		if score, err := strconv.ParseFloat(string(found[1]), 64); err != nil || score > maxExposure {
			t.Errorf("%s: exposure %s, must be at most %v\n%s", name, found[1], maxExposure, out)
		}
	}
}

// The file for systemd-sysusers is valid, and has the user of the units.
func TestSysusers(t *testing.T) {
	sysusers, err := exec.LookPath("systemd-sysusers")
	if err != nil {
		t.Skipf("no systemd-sysusers (package systemd): %v", err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("../packaging/systemd/stele.sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), sysusers, "--root="+root, "-")
	if c.Stdin, err = os.Open(file); err != nil {
		t.Fatal(err)
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !regexp.MustCompile(`(?m)^stele:x:\d+:\d+:Stele miner and node:/var/lib/stele:/\S*nologin$`).Match(passwd) {
		t.Errorf("%v, users\n%s", err, passwd)
	}
}
