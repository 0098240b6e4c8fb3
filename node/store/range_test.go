package store

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/ledger/rules"
)

// The entries of a snapshot under a prefix are those of the whole state that have it.
func TestSnapshotRange(t *testing.T) {
	s, err := Open(testDir, testIdentity, Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	batch := s.NewBatch()
	var changes []rules.Change
	for _, key := range []string{"a", "a\xff", "a\xff\xffx", "ab", "b", "c"} {
		changes = append(changes, rules.Change{Key: []byte(key), New: []byte("of " + key)})
	}
	batch.SetState(changes)
	commit(t, batch)
	snapshot := s.Snapshot()
	defer snapshot.Close()
	for _, prefix := range []string{"a", "a\xff", "a\xff\xff", "b", "d"} {
		var got, want []string
		for key, value := range snapshot.State {
			if bytes.HasPrefix(key, []byte(prefix)) {
				want = append(want, string(key)+string(value))
			}
		}
		err := snapshot.Range([]byte(prefix), func(key, value []byte) error {
			got = append(got, string(key)+string(value))
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("under %q: %q, %v; want %q", prefix, got, err, want)
		}
	}
}
