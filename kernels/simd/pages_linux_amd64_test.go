package simd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stele/kernels/internal/pages"
	"stele/kernels/internal/prep"
)

// inFile returns for each page of code whether it is a page of the program's file.
func inFile(t testing.TB, code []byte) (file []bool) {
	t.Helper()
	pages, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer pages.Close()
	page := os.Getpagesize()
	for at := 0; at < len(code); at += page {
		_ = bytes.Clone(code[at : at+1]) // so that it is present
		entry := make([]byte, 8)
		if _, err := pages.ReadAt(entry, int64(uintptr(unsafe.Pointer(&code[at])))/int64(page)*8); err != nil {
			t.Skip(err)
		}
		x := binary.LittleEndian.Uint64(entry)
		if x>>63 == 0 {
			t.Fatalf("page %d of the code is not present", at/page)
		}
		file = append(file, x>>61&1 == 1)
	}
	return file
}

// protection returns how the memory at p may be used.
func protection(t *testing.T, p unsafe.Pointer) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(maps)) {
		var low, high uintptr
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &low, &high, &mode); err == nil && low <= uintptr(p) && uintptr(p) < high {
			return mode
		}
	}
	t.Fatalf("%p is in no mapping", p)
	return ""
}

// checkFunctions checks that all functions of the kernel are in code.
func checkFunctions(t *testing.T, k *Kernel, code []byte) {
	t.Helper()
	names := map[string]bool{}
	for at := 0; at < len(code); at += 16 {
		names[runtime.FuncForPC(uintptr(unsafe.Pointer(&code[at]))).Name()] = true
	}
	functions := []string{"Search", "Hash", "search", "hash"}
	if k.SharesVersions() {
		functions = append(functions, "SearchVersions", "searchVersions")
	}
	for _, f := range functions {
		if !names["stele/kernels/simd/"+k.name+"."+f] {
			t.Errorf("the code is without %s: %v", f, names)
		}
	}
}

// All functions of a kernel move to pages that are no longer those of the program's
// file, with the same bytes, while they run.
func TestMovePages(t *testing.T) {
	header := randomHeader(newRand(16))
	const first, top = 1<<32 - 100, 1<<31 - 1
	want := candidatesOf(hashesOf(header, first, 20*group), top)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if k.need == nil {
			t.Skip("plain Go")
		}
		code := pages.Code(k.search)
		checkFunctions(t, k, code)
		if err := unix.Madvise(code, unix.MADV_DONTNEED); err != nil { // what was moved returns
			t.Fatal(err)
		}
		if before := inFile(t, code); slices.Contains(before, false) {
			t.Fatalf("pages of the file before: %v", before)
		}
		copied := bytes.Clone(code)

		stop := make(chan struct{})
		var running sync.WaitGroup
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got := make([]uint64, len(want))
				if k.search(prep.New(&header, top), first, got); !slices.Equal(got, want) {
					t.Error("wrong candidates")
					return
				}
			}
		})
		err := pages.Move(k.search)
		close(stop)
		running.Wait()
		if err != nil {
			t.Skip(err) // a system that allows no writes to code
		}
		if after := inFile(t, code); slices.Contains(after, true) {
			t.Errorf("pages of the file after: %v", after)
		}
		if !bytes.Equal(code, copied) {
			t.Error("the code has changed")
		}
		if mode := protection(t, unsafe.Pointer(&code[0])); mode != "r-xp" {
			t.Errorf("the code is mapped %s", mode)
		}
	})
}

// BenchmarkBadPages places the code of avx512 at random physical pages until it is slow.
// Then choose must move it, and choose it; now and then the new placement is slow too. The
// benchmark reports how many placements are slow, how many of them choose leaves slow, and
// the worst time as a ratio to the best.
func BenchmarkBadPages(b *testing.B) {
	k, err := Lookup("avx512")
	if err != nil || !pages.Zen5() {
		b.Skip("for avx512 on Zen 5", err)
	}
	runtime.LockOSThread()
	job, candidates := NewJob(new([headerSize]byte), [32]byte{}), make([]uint64, 20)
	shortest := func(runs int) time.Duration {
		least := time.Hour
		for range runs {
			start := time.Now()
			k.search(job.prep, 0, candidates)
			least = min(least, time.Since(start))
		}
		return least
	}
	fd := manyPages(b)
	best, slow, missed, placements := shortest(200), 0, 0, 0
	var worst float64
	for b.Loop() {
		placements++
		place(b, pages.Code(k.search), fd)
		d := shortest(25)
		best = min(best, d)
		limit := best * 13 / 10
		for tries := 0; d > limit && tries < 10; tries++ { // other load passes
			d = min(d, shortest(25))
		}
		if d <= limit {
			continue
		}
		slow++
		if c, err := choose(); err != nil || c.Search != k || shortest(250) > limit {
			missed++
		}
		worst = max(worst, float64(d)/float64(best))
	}
	if missed > 1+slow/5 {
		b.Errorf("%d of %d slow placements stay slow", missed, slow)
	}
	b.ReportMetric(float64(slow)/float64(placements), "slow/placement")
	b.ReportMetric(worst, "worst-ratio")
	b.ReportMetric(float64(missed)/float64(max(slow, 1)), "missed/slow")
}

const manyBytes = 80 << 20

// manyPages returns a file in memory with many physical pages.
func manyPages(b *testing.B) (fd int) {
	b.Helper()
	fd, err := unix.MemfdCreate("code", 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, manyBytes); err != nil {
		b.Fatal(err)
	}
	noise := make([]byte, 1<<20)
	fill(newRand(21), noise)
	for at := int64(0); at < manyBytes; at += int64(len(noise)) {
		if _, err := unix.Pwrite(fd, noise, at); err != nil {
			b.Fatal(err)
		}
	}
	return fd
}

// place moves the code to random pages of the file. Each page there only ever has the
// bytes of one page of the code, since former places may still be in use.
func place(b *testing.B, code []byte, fd int) {
	b.Helper()
	page := os.Getpagesize()
	for at := 0; at < len(code); at += page {
		to := int64(rand.IntN(manyBytes/len(code))*len(code) + at)
		if _, err := unix.Pwrite(fd, code[at:at+page], to); err != nil {
			b.Fatal(err)
		}
		if _, err := unix.MmapPtr(fd, to, unsafe.Pointer(&code[at]), uintptr(page), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_FIXED); err != nil {
			b.Fatal(err)
		}
	}
}
