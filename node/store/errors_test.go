package store

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// What Pebble says of a damaged table becomes one line, which names the file
// and says nothing twice.
func TestDamageIsOneLine(t *testing.T) {
	disk, models := sealedStore(t)
	files, err := storeFiles(disk, testDir)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 1))
	flips, found := 0, 0
	for _, name := range files {
		if !isTable(name) {
			continue
		}
		content, err := disk.UnsafeGetFileDataBuffer(disk.PathJoin(testDir, name))
		if err != nil {
			t.Fatal(err)
		}
		for range rounds(20, 500) {
			flips++
			i, bit := rng.IntN(len(content)), byte(1)<<rng.IntN(8)
			content[i] ^= bit
			err := openDamaged(disk, models, true)
			content[i] ^= bit
			var damage *Damage
			if !errors.As(err, &damage) {
				continue // the bit is not read, or not from this file
			}
			found++
			if damage.File != name {
				t.Errorf("byte %d of %s is changed, but the file is %q: %v", i, name, damage.File, damage)
			}
			if text := err.Error(); strings.ContainsAny(text, "\n<") || strings.Count(text, "mismatch") > 1 {
				t.Errorf("byte %d of %s: %q", i, name, text)
			}
		}
	}
	if found == 0 || found < flips/2 {
		t.Errorf("only %d of %d found", found, flips)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"a\n<corruption detail carrier>\na\n<corruption detail carrier>": "a",
		" a\r\n\n  b\na\n":           "a; b",
		"invalid key=value: \"a<b\"": "invalid key=value: \"a<b\"",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
