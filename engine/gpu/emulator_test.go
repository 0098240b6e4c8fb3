//go:build linux && cuda && cgo

package gpu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/cgo/cuda"
	"stele/cgo/cuda/emulator"
	"stele/engine"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
	"stele/engine/verify"
)

// These tests take the whole way from the engine through cgo to the emulated
// driver. A process loads one driver, so that each case is a process of its own:
// the test program, with a task in the variable childTask.

const (
	childTask  = "STELE_GPU_TEST_TASK"
	childFault = "STELE_GPU_TEST_FAULT" // a rule that holds once the GPUs are open
)

// impatience is the deadline where calls hang. A machine that is busy can make
// a good call hang too, which those tests allow.
const impatience = 150 * time.Millisecond

func init() {
	if task := os.Getenv(childTask); task != "" {
		child(task)
		os.Exit(0)
	}
}

// childReport is what a child found.
type childReport struct {
	Devices  []string // IDs of the GPUs that opened
	Absent   []string
	Kinds    []string // of the absences
	Search   string   // what is wrong with the search; "": nothing
	Verify   string
	Merkle   string
	OnDevice int64 // blocks hashed by the GPU
	States   []engine.DeviceStatus
	Recover  string
	Leftover string // error of Close
	Roll     shape  // of the first GPU
}

// child does the task in a process of its own: "alone" works with the GPUs
// only, "both" also with the reference, "impatient" too with a short deadline,
// "recover" mines, and "blocks FILE" verifies blocks.
func child(task string) {
	var rep childReport
	opts := quick()
	if task == "impatient" {
		opts.Deadline = impatience
	}
	if task != "recover" {
		opts.SpotCheck = time.Nanosecond
	}
	devices, absent := Open(opts)
	if rule := os.Getenv(childFault); rule != "" {
		name := strings.TrimPrefix(os.Getenv("STELE_EMU_FAULT"), "@")
		if err := os.WriteFile(name, []byte(rule), 0o644); err != nil {
			panic(err)
		}
	}
	all := []engine.Device{engine.Reference()}
	for _, d := range devices {
		rep.Devices = append(rep.Devices, d.Info().ID+" "+d.Info().UUID+" "+d.Info().PCI)
		all = append(all, d)
		rep.Roll = devices[0].session.multiVersion.used.Load().shape
	}
	for _, a := range absent {
		rep.Absent = append(rep.Absent, a.ID+": "+a.Err.Error())
		for name, kind := range map[string]error{
			"too old": cuda.ErrDriverTooOld, "no device": cuda.ErrNoDevice, "no memory": cuda.ErrOutOfMemory,
			"unfit": ErrUnfit, "hung": ErrHung, "image": cuda.ErrInvalidImage,
		} {
			if errors.Is(a.Err, kind) {
				rep.Kinds = append(rep.Kinds, name)
			}
		}
	}
	if task == "alone" || task == "recover" {
		all = all[1:]
	}
	e := engine.New(all, nil)
	switch file, isBlocks := strings.CutPrefix(task, "blocks "); {
	case isBlocks:
		rep.Verify, rep.OnDevice = verifyBlocks(e, file)
	case task == "recover":
		rep.Recover = mineThroughFault(e)
	default:
		rep.Search, rep.Verify = searchAndVerify(e)
		rep.Merkle = hashBlocks(e)
	}
	rep.States = e.Status()
	if err := e.Close(); err != nil {
		rep.Leftover = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(rep); err != nil {
		panic(err)
	}
}

// searchAndVerify compares what an engine finds with the reference.
func searchAndVerify(e *engine.Engine) (search, verify string) {
	job := engine.Job{Target: pow.MaxTarget}
	for i := range job.Header {
		job.Header[i] = byte(11 * i)
	}
	job.Target[3] >>= 8
	r := pow.Range{First: 1<<32 - 15_000, Count: 40_000}
	var want, got []uint32
	pow.Search(&job.Header, job.Target, r, func(n uint32) { want = append(want, n-r.First) })
	_, err := e.Search(context.Background(), job, r, func(h engine.Hit) { got = append(got, h.Nonce-r.First) })
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		search = fmt.Sprintf("%v: %d found, want %d", err, len(got), len(want))
	}
	rolled := versionsJob(5, 8)
	r = pow.Range{First: 1<<32 - 90, Count: 300}
	versions := 0
	_, err = e.Search(context.Background(), rolled, r, func(engine.Hit) { versions++ }) // the engine checks each
	if want := len(expectedVersions(rolled, r)); err != nil || versions != want {
		search += fmt.Sprintf("versions: %v: %d found, want %d", err, versions, want)
	}
	const n = 6000
	headers := testChain(n)
	verdicts, reference := make([]pow.Verdict, n), make([]pow.Verdict, n)
	pow.Verify(headers, true, reference)
	if _, err := e.Verify(context.Background(), headers, true, verdicts); err != nil || !slices.Equal(verdicts, reference) {
		verify = fmt.Sprintf("%v: equal %v", err, slices.Equal(verdicts, reference))
	}
	return search, verify
}

// wrongAnswer is what hashBlocks says of an answer that must not count.
const wrongAnswer = "a wrong answer"

// hashBlocks compares the hashes and roots of an engine with the reference.
func hashBlocks(e *engine.Engine) string {
	for seed := range uint64(3) {
		got, want := randomWork(seed, 400), randomWork(seed, 400)
		want.Compute()
		if err := e.Merkle(context.Background(), got); err != nil {
			return err.Error()
		}
		if !equalWork(got, want) {
			return wrongAnswer
		}
	}
	return ""
}

// verifyBlocks checks a file of valid blocks, and tries the device early.
func verifyBlocks(e *engine.Engine, file string) (wrong string, onDevice int64) {
	src := verify.Source{Name: file, Open: func() (io.ReadCloser, error) { return os.Open(file) }}
	r, err := verify.Blocks(context.Background(), e, []verify.Source{src}, verify.Options{Workers: 2, DeviceAfter: 1})
	if err != nil || r.Valid != r.Items || r.Transactions != blockfiletest.ChainTransactions {
		wrong = fmt.Sprintf("%v, report %+v", err, r)
	}
	return wrong, r.OnDevice
}

// mineThroughFault mines until hits come after the device was put aside.
func mineThroughFault(e *engine.Engine) string {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	job := engine.Job{Target: pow.MaxTarget}
	job.Target[3] >>= 10
	jobs := make(chan engine.Job, 1)
	jobs <- job
	var fell, came bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fell = fell || e.Status()[0].State == engine.Dead
			time.Sleep(time.Millisecond)
		}
	}()
	_ = e.Mine(ctx, jobs, func(j engine.Job) (engine.Job, bool) { j.Header[0]++; return j, true }, func(engine.Hit) {
		if s := e.Status()[0]; s.State == engine.OK && s.Nonces > 200_000 {
			came = true
			cancel()
		}
	})
	<-done
	if !fell || !came {
		return fmt.Sprintf("fell %v, came back %v: %+v", fell, came, e.Status()[0])
	}
	return ""
}

// later gives the variables for a fault that begins when the GPUs are open, so
// that it does not matter how many launches that takes.
func later(t *testing.T, rule string) []string {
	name := filepath.Join(t.TempDir(), "faults")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"STELE_EMU_FAULT=@" + name, childFault + "=" + rule}
}

// runChild runs a task with the emulated driver and these variables. A child
// that ends badly is an error of the test.
func runChild(t *testing.T, library, task string, env ...string) (rep childReport) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, cuda.LibraryVariable+"="+library)
	cmd.Env = append(cmd.Env, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v: %v\n%s%s", env, err, out, stderr.String())
	} else if err := json.Unmarshal(out, &rep); err != nil {
		t.Errorf("%v: %v in %q", env, err, out)
	}
	return rep
}

// One, two and eight GPUs: all work, in the order of their addresses.
func TestEmulatedDevices(t *testing.T) {
	library := emulator.Build(t)
	for _, n := range []int{1, 2, 8} {
		rep := runChild(t, library, "alone", fmt.Sprintf("STELE_EMU_DEVICES=%d", n))
		if len(rep.Devices) != n || rep.Absent != nil || rep.Search != "" || rep.Verify != "" || rep.Merkle != "" || rep.Leftover != "" {
			t.Errorf("%d GPUs: %+v", n, rep)
		}
		pci := func(s string) string { return s[strings.LastIndex(s, " ")+1:] }
		if !slices.IsSortedFunc(rep.Devices, func(a, b string) int { return strings.Compare(pci(a), pci(b)) }) {
			t.Errorf("order %v", rep.Devices)
		}
		for i, s := range rep.States {
			if s.State != engine.OK || s.HardwareErrors != 0 || s.Info.ID != fmt.Sprintf("cuda:%d", i) {
				t.Errorf("%+v", s)
			}
		}
	}
}

// The grid has as many blocks as the driver says that fit, with all the shared
// memory that there is.
func TestEmulatedOccupancy(t *testing.T) {
	library := emulator.Build(t)
	for capability, want := range map[string]int{"7.5": 4, "9.0": 6} {
		if rep := runChild(t, library, "alone", "STELE_EMU_CC="+capability); rep.Roll.Blocks != want {
			t.Errorf("sm_%s: %+v, want %d blocks", capability, rep.Roll, want)
		}
	}
}

// What cannot be used says why, and the others do the work.
func TestEmulatedAbsent(t *testing.T) {
	library := emulator.Build(t)
	for _, tt := range []struct{ env, kind string }{
		{"STELE_EMU_DEVICES=0", "no device"},
		{"STELE_EMU_DRIVER=10020", "too old"},
		{"STELE_EMU_CC=7.0", "unfit"},
		{"STELE_EMU_MEMORY=65536", "no memory"},
		{"STELE_EMU_FAULT=cuModuleLoadDataEx:*:218", "image"},
		{"STELE_EMU_FAULT=cuDevicePrimaryCtxRetain:*:hang", "hung"},
	} {
		task := "both"
		if strings.HasSuffix(tt.env, "hang") {
			task = "impatient"
		}
		rep := runChild(t, library, task, tt.env)
		if len(rep.Devices) != 0 || len(rep.Absent) != 1 || !slices.Contains(rep.Kinds, tt.kind) || rep.Search != "" || rep.Verify != "" {
			t.Errorf("%s: %+v, want %s", tt.env, rep, tt.kind)
		}
	}
}

// One of two GPUs fails to open.
func TestEmulatedOneOfTwo(t *testing.T) {
	rep := runChild(t, emulator.Build(t), "alone", "STELE_EMU_DEVICES=2", "STELE_EMU_FAULT=cuMemAlloc:*:2@0")
	if len(rep.Devices) != 1 || len(rep.Absent) != 1 || !slices.Contains(rep.Kinds, "no memory") || rep.Search != "" || rep.Verify != "" {
		t.Errorf("%+v", rep)
	}
}

// A GPU that lies is found out.
func TestEmulatedLies(t *testing.T) {
	library := emulator.Build(t)
	for _, fault := range []string{"kernel:*:wrong-hit", "kernel:*:lost-hit"} {
		rep := runChild(t, library, "alone", later(t, fault)...)
		if !strings.HasPrefix(rep.Search, engine.ErrNoDevice.Error()) || rep.Verify != "" || rep.Merkle == "" || rep.Merkle == wrongAnswer || len(rep.States) != 1 || rep.States[0].State != engine.Sick {
			t.Errorf("%s: %+v", fault, rep)
		}
	}
}

// A GPU hashes real blocks, and one that fails or lies changes no verdict.
func TestEmulatedBlocks(t *testing.T) {
	library, task := emulator.Build(t), "blocks "+blockfiletest.ChainPath(t)
	if rep := runChild(t, library, task); rep.Verify != "" || rep.OnDevice == 0 {
		t.Errorf("%+v", rep)
	}
	for _, fault := range []string{"kernel:*:wrong-hit", "kernel:*:lost-hit", "kernel:1:719", "kernel:3:lost-hit", "copy:4:700"} {
		if rep := runChild(t, library, task, later(t, fault)...); rep.Verify != "" {
			t.Errorf("%s: %+v", fault, rep)
		}
	}
}

// A GPU that is lost for a while comes back.
func TestEmulatedRecovery(t *testing.T) {
	rep := runChild(t, emulator.Build(t), "recover", later(t, "kernel:5:lost=200")...)
	if rep.Recover != "" {
		t.Error(rep.Recover)
	}
}

// Each function of the driver fails, breaks the context, and hangs, the first
// time and later. No answer is lost, and the process ends.
func TestEmulatedFaults(t *testing.T) {
	library := emulator.Build(t)
	trace := filepath.Join(t.TempDir(), "trace")
	if rep := runChild(t, library, "both", "STELE_EMU_TRACE="+trace); len(rep.Devices) != 1 || rep.Search != "" {
		t.Fatalf("%+v", rep)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{"kernel": 10, "copy": 30}
	for name := range strings.Lines(string(text)) {
		name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
		counts[strings.TrimSuffix(name, "_v2")]++
	}
	if len(counts) < 20 {
		t.Fatalf("calls %v", counts)
	}
	var rules []string
	for name, n := range counts {
		rules = append(rules, name+":1:999:sticky", name+":1:hang")
		if later := n - n/4; n > 5 {
			rules = append(rules, fmt.Sprintf("%s:%d:1", name, later), fmt.Sprintf("%s:%d:hang", name, later))
		}
	}
	ask := make(chan string)
	var children sync.WaitGroup
	for range 8 { // most of their time they wait
		children.Go(func() {
			for rule := range ask {
				rep := runChild(t, library, "impatient", "STELE_EMU_FAULT="+rule)
				if rep.Search != "" || rep.Verify != "" || rep.Merkle == wrongAnswer || len(rep.Devices)+len(rep.Absent) != 1 {
					t.Errorf("%s: %+v", rule, rep)
				}
			}
		})
	}
	for _, rule := range rules {
		ask <- rule
	}
	close(ask)
	children.Wait()
}
