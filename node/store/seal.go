package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	sha256simd "github.com/minio/sha256-simd"

	"stele/engine/pow"
)

const (
	sealFile    = "SEAL"
	oldSealFile = "SEAL.old"
	lockFile    = "LOCK"
	maxSeal     = 64 << 20 // bytes: some 600,000 files
	sealTitle   = "stele seal 1\n"
	sealEnd     = "sum "
)

// SealState is the state of the seal of a folder.
type SealState int

// States of a seal.
const (
	Unsealed SealState = iota // none: not closed properly, or open for writing
	Sealed                    // closed properly: every file is in the seal
	BadSeal                   // there is one, but it is damaged: nothing can be compared with it
)

// fileDigest is the entry of a file in a seal.
type fileDigest struct {
	size int64
	sum  [sha256.Size]byte
}

// differs returns how a file differs from its entry in a seal, or "".
func (d fileDigest) differs(got fileDigest) string {
	switch {
	case got.size != d.size:
		return fmt.Sprintf("it has %d bytes, but %d in the seal", got.size, d.size)
	case got != d:
		return "it was changed: its SHA-256 differs from that in the seal"
	}
	return ""
}

// encodeSeal returns the text of a seal: a title, a line for each file with SHA-256,
// size in bytes and name, and the SHA-256d of the lines before.
func encodeSeal(files map[string]fileDigest) []byte {
	var b bytes.Buffer
	b.WriteString(sealTitle)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%x %d %s\n", files[name].sum, files[name].size, name)
	}
	return fmt.Appendf(b.Bytes(), "%s%s\n", sealEnd, pow.Sum(b.Bytes()))
}

// decodeSeal is the inverse of encodeSeal, and accepts no other form.
func decodeSeal(text []byte) (map[string]fileDigest, error) {
	end := bytes.LastIndex(text, []byte("\n"+sealEnd))
	if end < 0 || string(text[end+1:]) != fmt.Sprintf("%s%s\n", sealEnd, pow.Sum(text[:end+1])) {
		return nil, errors.New("its checksum is wrong")
	}
	lines, ok := strings.CutPrefix(string(text[:end+1]), sealTitle)
	if !ok {
		return nil, errors.New("its title is wrong")
	}
	files := map[string]fileDigest{}
	for line := range strings.Lines(lines) {
		var d fileDigest
		var sum, name string
		if _, err := fmt.Sscanf(line, "%64s %d %s\n", &sum, &d.size, &name); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		b, err := hex.DecodeString(sum)
		if err != nil || len(b) != len(d.sum) {
			return nil, fmt.Errorf("line %q has no SHA-256", line)
		}
		d.sum = [sha256.Size]byte(b)
		files[name] = d
	}
	if !bytes.Equal(encodeSeal(files), text) {
		return nil, errors.New("its form is not the one that is written")
	}
	return files, nil
}

// seal writes the seal, after Pebble is closed. Tables whose digest is known from their
// writing are not read again.
func (s *Store) seal() error {
	names, err := storeFiles(s.fs, s.dir)
	if err != nil {
		return diskError(err)
	}
	files := map[string]fileDigest{}
	for _, name := range names {
		d, known := s.shared.sums[s.fs.PathBase(name)]
		if !known {
			if d, err = digestFile(context.Background(), s.fs, s.path(name)); err != nil {
				return diskError(err)
			}
		}
		files[name] = d
	}
	if err := writeFile(s.fs, s.dir, sealFile, encodeSeal(files)); err != nil {
		return diskError(err)
	}
	if err := s.fs.Remove(s.path(oldSealFile)); err != nil && !missing(err) {
		return diskError(err)
	}
	return nil
}

// breakSeal renames the seal to the old seal, before anything else is written. The old
// seal stays until the next seal, which then need not read old tables again.
//
// A seal that cannot be read is a [*Damage]: no crash leaves one, and continuing would
// replace the evidence that files were changed. So is a changed file that Pebble reads
// whole when it opens: it would take damage there for the end that a crash leaves, and
// continue without the last commits.
func (s *Store) breakSeal() error {
	files, err := readSeal(s.fs, s.dir, sealFile)
	switch {
	case missing(err):
		if files, err = readSeal(s.fs, s.dir, oldSealFile); err != nil {
			return nil // an old seal only saves work
		}
	case err != nil:
		return err
	default:
		if err = s.checkOpened(files); err != nil {
			return err
		}
		if err = s.fs.Rename(s.path(sealFile), s.path(oldSealFile)); err == nil {
			err = syncFolder(s.fs, s.dir)
		}
		if err != nil {
			return diskError(err)
		}
	}
	for name, d := range files {
		if isTable(name) {
			s.shared.sums[s.fs.PathBase(name)] = d
		}
	}
	return nil
}

// checkOpened compares the files of a seal that are not tables with it. There are few,
// and they are small: the tables, of which Pebble checks each part when it reads it, are
// the rest.
func (s *Store) checkOpened(files map[string]fileDigest) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if isTable(name) {
			continue
		}
		got, err := digestFile(context.Background(), s.fs, s.path(name))
		if err != nil && !missing(err) {
			return diskError(err)
		}
		detail := files[name].differs(got)
		if err != nil {
			detail = "it is missing"
		}
		if detail != "" {
			return &Damage{Height: NoHeight, Field: "file", File: name, Detail: detail}
		}
	}
	return nil
}

// VerifySeal compares the files in the folder of a store with its seal and
// returns all that are changed, missing or unknown, by name. The store must
// not be open for writing. Of an unsealed store only tables are compared, with its
// last seal, because a table never changes. A seal that cannot be read is BadSeal and the only damage. The file
// system nil is the operating system's.
func VerifySeal(ctx context.Context, dir string, fs vfs.FS) (SealState, []*Damage, error) {
	if fs == nil {
		fs = Disk
	}
	state, name := Sealed, sealFile
	files, err := readSeal(fs, dir, name)
	if missing(err) {
		state, name = Unsealed, oldSealFile
		files, err = readSeal(fs, dir, name)
	}
	damage := (*Damage)(nil)
	switch {
	case missing(err):
		return Unsealed, nil, nil
	case errors.As(err, &damage):
		if state == Sealed {
			state = BadSeal
		}
		return state, []*Damage{damage}, nil
	case err != nil:
		return state, nil, err
	}
	names, err := storeFiles(fs, dir)
	if err != nil {
		return state, nil, diskError(err)
	}
	all, err := compareFiles(ctx, fs, dir, names, files, state == Unsealed)
	return state, all, err
}

// compareFiles returns which of the files in dir differ from the seal. With tablesOnly it
// compares only tables that are in the seal. The error is that of ctx.
func compareFiles(ctx context.Context, fs vfs.FS, dir string, names []string, files map[string]fileDigest, tablesOnly bool) ([]*Damage, error) {
	var all []*Damage
	found := func(name, format string, args ...any) {
		all = append(all, &Damage{Height: NoHeight, Field: "file", File: name, Detail: fmt.Sprintf(format, args...)})
	}
	for _, name := range names {
		want, known := files[name]
		delete(files, name)
		switch {
		case tablesOnly && (!known || !isTable(name)):
			continue
		case !known:
			found(name, "it is not in the seal")
			continue
		}
		got, err := digestFile(ctx, fs, fs.PathJoin(dir, name))
		switch {
		case err != nil && ctx.Err() != nil:
			return all, ctx.Err()
		case err != nil:
			found(name, "it cannot be read: %v", err)
		case want.differs(got) != "":
			found(name, "%s", want.differs(got))
		}
	}
	if !tablesOnly {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			found(name, "it is missing")
		}
	}
	return all, nil
}

// VerifySeal is the function of the same name, for the store's own folder.
func (s *Store) VerifySeal(ctx context.Context) (SealState, []*Damage, error) {
	return VerifySeal(ctx, s.dir, s.fs)
}

// readSeal reads a seal. A fault in it is a [*Damage]; other errors are those of readFile.
func readSeal(fs vfs.FS, dir, name string) (map[string]fileDigest, error) {
	text, err := readFile(fs, dir, name, maxSeal)
	if err != nil {
		return nil, err
	}
	files, err := decodeSeal(text)
	if err != nil {
		return nil, &Damage{Height: NoHeight, Field: "file", File: name, Detail: err.Error()}
	}
	return files, nil
}

// storeFiles lists the files that a seal covers: all except seals and lock.
func storeFiles(fs vfs.FS, dir string) ([]string, error) {
	var all []string
	for _, folder := range []string{"", "db/"} {
		names, err := fs.List(fs.PathJoin(dir, folder))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			switch folder + name {
			case sealFile, oldSealFile, lockFile, "db":
			case "views", "blobs", "p2p": // of the node, which checks them itself, or can lose them
			default:
				all = append(all, folder+name)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// isTable reports whether a file is a table, or a blob file with values of tables: Pebble
// writes both once, in order, and never changes them.
func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || isBlob(name)
}

// digestFile reads a file, and returns its size and SHA-256.
func digestFile(ctx context.Context, fs vfs.FS, name string) (d fileDigest, err error) {
	f, err := fs.Open(name)
	if err != nil {
		return d, err
	}
	defer f.Close()
	sum := sha256simd.New()
	for err == nil {
		if err = ctx.Err(); err == nil {
			var n int64
			n, err = io.CopyN(sum, f, 8<<20)
			d.size += n
		}
	}
	if err != io.EOF {
		return d, err
	}
	sum.Sum(d.sum[:0])
	return d, nil
}
