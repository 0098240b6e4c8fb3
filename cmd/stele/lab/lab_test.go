package lab_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stele/cmd/stele/internal/steletest"
	labcmd "stele/cmd/stele/lab"
	"stele/cmd/stele/node"
	"stele/node/lab"
)

func TestMain(m *testing.M) { steletest.Main(m, labcmd.Command(), node.Command()) }

// TestPlan: the plan that is printed can be read, and flags that contradict each other
// are rejected.
func TestPlan(t *testing.T) {
	t.Parallel()
	out, code := steletest.Run(t, "lab", "--seed", "7", "--nodes", "5", "--for", "90s", "--print-plan")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	p, err := lab.Parse(out)
	if err != nil || p.Seed != 7 || p.Nodes != 5 {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--plan", "x", "--seed", "7"}, "--plan and --seed are mutually exclusive"},
		{[]string{"--plan", filepath.Join(t.TempDir(), "none")}, "no such file"},
		{[]string{"--nodes", "0"}, "--nodes"},
		{[]string{"more"}, "more"},
	} {
		if out, code := steletest.Run(t, append([]string{"lab"}, c.args...)...); code != 2 || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit code %d, %s; want %q", c.args, code, out, c.want)
		}
	}
}

// write writes a plan into a file.
func write(t *testing.T, plan string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "plan.txt")
	if err := os.WriteFile(name, []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// runs runs a plan that must pass, and returns its report.
func runs(t *testing.T, args ...string) (rep lab.Report) {
	t.Helper()
	dir := t.TempDir()
	out, code := steletest.Run(t, append([]string{"lab", "--report", dir}, args...)...)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, lab.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, lab.HTMLFile)); err != nil {
		t.Error(err)
	}
	if !rep.Passed || rep.Records.Chain == 0 || rep.Blocks == 0 {
		t.Errorf("%+v", rep)
	}
	return rep
}

// TestOneProcess runs a short plan in real time.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	runs(t, "--plan", write(t, "nodes 4 links 3 blocks 8 records 5/s time 16s at 2s cut 0-1 from 2-3 for 2s at 4s kill 3 restart 1s"))
}

// TestProcesses runs four processes for half a minute, with a kill, a stop, a cut and
// hostile peers.
func TestProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	rep := runs(t, "--processes", "--plan", write(t, `nodes 4 links 3 records 4/s time 30s
		at 5s kill 1 restart 2s
		at 9s stop 2 for 3s
		at 12s hostile 2 have-without-record for 5s
		at 13s cut 0-1 from 2-3 for 4s`))
	if len(rep.Missed) > 0 {
		t.Errorf("left out: %v", rep.Missed)
	}
}
