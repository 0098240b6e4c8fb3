package prep

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// The jobs of several versions are those of New.
func TestVersionsArePreparedAsOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	for _, n := range []int{1, 2, 128} {
		var header [80]byte
		for i := range header {
			header[i] = byte(rng.Uint32())
		}
		versions := make([]uint32, n)
		for i := range versions {
			versions[i] = rng.Uint32()
		}
		top := rng.Uint32()
		before := header
		job := NewVersions(&header, versions, top)
		if header != before {
			t.Fatal("the header has changed")
		}
		if len(job.Jobs()) != n {
			t.Fatalf("%d jobs for %d versions", len(job.Jobs()), n)
		}
		for i, got := range job.Jobs() {
			binary.LittleEndian.PutUint32(header[:], versions[i])
			if got != *New(&header, top) {
				t.Errorf("%d versions: job %d is not that of version %#x", n, i, versions[i])
			}
		}
	}
}

// The jobs share all that the schedule of the second block is made of.
func TestVersionsShareTheSchedule(t *testing.T) {
	header := [80]byte{70: 1}
	jobs := NewVersions(&header, []uint32{1, 2}, 3).Jobs()
	shared := func(j Job) Job {
		j.Mid, j.A4, j.E4, j.S4 = [8]uint32{}, 0, 0, [6]uint32{}
		j.H4KW, j.H5KW, j.H6KW = 0, 0, 0
		j.MidABEF, j.MidCDGH, j.ABEF4, j.CDGH4 = [4]uint32{}, [4]uint32{}, [4]uint32{}, [4]uint32{}
		j.State3 = [8]uint32{}
		return j
	}
	if jobs[0] == jobs[1] {
		t.Error("two versions have the same job")
	}
	if a, b := shared(jobs[0]), shared(jobs[1]); a != b {
		t.Errorf("the versions differ in\n%+v\n%+v", a, b)
	}
}

func TestVersionsWantAVersion(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewVersions(new([80]byte), nil, 0)
}
