// Package blockfiletest provides real Bitcoin blocks for tests. They are test data
// of btcd (licence ISC), which the go command fetches through the module proxy
// the first time and keeps in the module cache.
package blockfiletest

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The modules that have the data.
const (
	btcdModule = "github.com/btcsuite/btcd@v0.26.2"
	wireModule = "github.com/btcsuite/btcd/wire/v2@v2.0.1"
)

// Facts about the file of [ChainPath].
const (
	ChainBlocks       = 14_132    // heights 0 to 14131
	ChainTransactions = 14_247    // in all blocks
	ChainEnd          = 3_272_717 // bytes; zeros follow
)

// ChainPath returns the path of a blk file with the first blocks of the main
// network, from the genesis block on, in the order of their heights.
func ChainPath(t testing.TB) string {
	return filepath.Join(moduleDir(t, btcdModule), "blockchain", "testdata", "blk_0_to_14131.dat")
}

// Chain returns the content of the file of [ChainPath], without the zeros.
func Chain(t testing.TB) []byte {
	return read(t, ChainPath(t))[:ChainEnd]
}

// Headers returns the 80-byte headers of the blocks of [Chain].
func Headers(t testing.TB) (headers [][]byte) {
	const magic, frame, header = 4, 8, 80 // bytes; the frame is the magic and a length
	for rest := Chain(t); len(rest) > 0; {
		headers = append(headers, rest[frame:frame+header])
		rest = rest[frame+int(binary.LittleEndian.Uint32(rest[magic:])):]
	}
	return headers
}

// Block277647 returns the block of that height, with 213 transactions, as a
// record of a blk file.
func Block277647(t testing.TB) []byte {
	packed := read(t, filepath.Join(moduleDir(t, btcdModule), "blockchain", "testdata", "277647.dat.bz2"))
	data, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// SegwitBlocks returns two raw blocks with witnesses by their hashes.
func SegwitBlocks(t testing.TB) map[string][]byte {
	blocks := map[string][]byte{}
	for _, hash := range []string{
		"0000000000000000001602407ac49862a7bca9d00f7f402db20b7be2f5de59d2",
		"00000000000000000021868c2cefc52a480d173c849412fe81c4e5ab806f94ab",
	} {
		blocks[hash] = read(t, filepath.Join(moduleDir(t, wireModule), "testdata", "block-"+hash+".blk"))
	}
	return blocks
}

// moduleDir returns the folder of a module in the module cache.
func moduleDir(t testing.TB, module string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatalf("go mod download -json %s: %v\n%s", module, err, out)
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(out, &info); err != nil {
		t.Fatal(err)
	}
	return info.Dir
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
