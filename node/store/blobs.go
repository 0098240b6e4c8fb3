package store

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	blobSuffix = ".blob"
	// minBlob is the size in bytes from which a body or undo data go into a blob file.
	minBlob = 1 << 10
	// maxFlushedFile is larger than what a flush writes: it makes one blob file of the
	// bodies, and one of the undo data.
	maxFlushedFile = 64 << 20
	// minTable is half the size of tables in the first level below that of flushes.
	minTable = 2 << 20
)

// separateBodies makes Pebble write bodies and undo data into blob files beside the
// tables, when it flushes them. Compactions then rewrite only the keys. Tables end where
// these spaces do, so that a blob file belongs to bodies of neighbouring heights, and
// Pebble removes it when the last of them is pruned.
func separateBodies(o *pebble.Options) {
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled:               true,
			MinimumSize:           minBlob,
			MaxBlobReferenceDepth: 100, // values are written again if more blob files overlap, which none do
			TargetGarbageRatio:    1,   // no blob file is written again
		}
	}
	o.Experimental.SpanPolicyFunc = spanPolicy
	o.TargetFileSizes[0] = maxFlushedFile
	for i := 1; i < len(o.TargetFileSizes); i++ {
		o.TargetFileSizes[i] = minTable << i // Pebble's default is twice the size of the level above
	}
}

// spanPolicy returns how values are kept from the key start on, and where that ends.
func spanPolicy(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	inTable := pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}
	for _, in := range []space{bodies, undos} { // sorted
		switch {
		case bytes.Compare(start, in.start()) < 0:
			return inTable, in.start(), nil
		case bytes.Compare(start, in.end()) < 0:
			return pebble.SpanPolicy{}, in.end(), nil
		}
	}
	return inTable, nil, nil
}

// checkBlob reads the end of a blob file. Pebble 2.1.7 panics if that is damaged.
func checkBlob(f vfs.File) error {
	file, err := sstable.NewSimpleReadable(f)
	if err == nil {
		_, err = blob.NewFileReader(context.Background(), file, blob.FileReaderOptions{})
	}
	return err
}

// blobNumber finds the number of a blob file in the text of an error of Pebble.
var blobNumber = regexp.MustCompile(`\bfile ([0-9]{6,}): `)

// noteBlob notes a damage that was found in a blob file, and adds the name of the file.
// Pebble 2.1.7 does both for tables only.
func (s *Store) noteBlob(d *database, err error) {
	var damage *Damage
	if !errors.As(err, &damage) || damage.Field != "file" {
		return
	}
	if number := blobNumber.FindStringSubmatch(damage.Detail); damage.File == "" && number != nil {
		damage.File = databaseFile(number[1] + blobSuffix)
	}
	if failure, _ := d.guard.state(); isBlob(damage.File) && (failure == nil || d.readOnly) {
		s.corrupt(damage)
	}
}

func isBlob(name string) bool { return strings.HasSuffix(name, blobSuffix) }
