package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// allocations is a file that notes the space it gets.
type allocations struct {
	vfs.File
	end int64 // of the space, without a gap
	t   *rapid.T
}

func (a *allocations) Write(p []byte) (int, error) { return len(p), nil }

func (a *allocations) Preallocate(off, length int64) error {
	if off != a.end || length <= 0 {
		a.t.Fatalf("%d bytes from %d on, of a file that has %d", length, off, a.end)
	}
	a.end += length
	return nil
}

// A log has space for what is written to it, and for little more.
func TestAllocate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &allocations{t: t}
		f := &guardFile{File: a, g: newGuardFS(vfs.NewMem(), new(shared), func(err error) { t.Error(err) }), name: "000002.log"}
		var size, wanted int64
		buf := make([]byte, 9<<20)
		for range rapid.IntRange(1, 20).Draw(t, "writes") {
			if rapid.Bool().Draw(t, "more") {
				n := rapid.Int64Range(1, 36<<20).Draw(t, "space")
				_ = f.Preallocate(wanted, n)
				wanted += n
			}
			n := rapid.IntRange(1, len(buf)).Draw(t, "bytes")
			_, _ = f.Write(buf[:n])
			size += int64(n)
			if least, most := min(size, wanted), min(max(2*size, minAllocate), wanted); a.end < least || a.end > most {
				t.Fatalf("%d bytes of space for %d bytes, of %d that are wanted; want %d to %d", a.end, size, wanted, least, most)
			}
		}
	})
}
