package sig

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vectors reads a file of test vectors from the module of voi.
func vectors(t *testing.T, name string) io.Reader {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/oasisprotocol/curve25519-voi").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(out)), "primitives/ed25519/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func decodeVectors(t *testing.T, name string, to any) {
	t.Helper()
	if err := json.NewDecoder(vectors(t, name)).Decode(to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// itemOf makes an item of hexadecimal strings; false: the key or the signature has
// another length.
func itemOf(t *testing.T, key, sig string, message []byte) (Item, bool) {
	t.Helper()
	k, s := unhex(t, key), unhex(t, sig)
	if len(k) != 32 || len(s) != 64 {
		return Item{}, false
	}
	return Item{Key: (*[32]byte)(k), Sig: (*[64]byte)(s), Message: message}, true
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// publishedItems are the published vectors: CCTV, Wycheproof, ed25519-speccheck, ZIP-215,
// and a part of those of the first implementation, with RFC 8032's.
func publishedItems(t *testing.T) (all []Item) {
	t.Helper()
	add := func(key, sig string, message []byte) {
		if i, ok := itemOf(t, key, sig, message); ok {
			all = append(all, i)
		}
	}
	var cctv []struct{ A, R, S, M string }
	decodeVectors(t, "ed25519vectors.json.gz", &cctv)
	for _, v := range cctv {
		add(v.A, v.R+v.S, []byte(v.M))
	}
	var wycheproof struct {
		TestGroups []struct {
			Key   struct{ PK string }
			Tests []struct{ Msg, Sig string }
		}
	}
	decodeVectors(t, "eddsa_test.json.gz", &wycheproof)
	for _, g := range wycheproof.TestGroups {
		for _, v := range g.Tests {
			add(g.Key.PK, v.Sig, unhex(t, v.Msg))
		}
	}
	var speccheck []struct {
		Message   string
		PubKey    string `json:"pub_key"`
		Signature string
	}
	decodeVectors(t, "speccheck_cases.json.gz", &speccheck)
	for _, v := range speccheck {
		add(v.PubKey, v.Signature, unhex(t, v.Message))
	}
	var zip215 [][2]string
	decodeVectors(t, "zip215.json.gz", &zip215)
	for _, v := range zip215 {
		add(v[0], v[1], []byte("Zcash"))
	}
	lines := bufio.NewScanner(vectors(t, "sign.input.gz"))
	for n := 0; lines.Scan(); n++ {
		if f := strings.Split(lines.Text(), ":"); n < 4 || n%16 == 15 {
			add(f[1], f[3][:128], unhex(t, f[2]))
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// The verdicts on the published vectors are those of the references, in every lane,
// alone and between others.
func TestPublishedVectors(t *testing.T) {
	items := publishedItems(t)
	want, goods := make([]bool, len(items)), 0
	for i := range items {
		if want[i] = reference(t, items[i]); want[i] {
			goods++
		}
	}
	if goods < 1000 || len(items)-goods < 50 {
		t.Errorf("%d vectors, %d of them good", len(items), goods)
	}
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		known := withTables(c, items, 1)
		shifts := 1
		if fast {
			shifts = pairItems
		}
		for _, items := range [][]Item{items, known, withTables(c, items, 2)} {
			for shift := range shifts {
				got := make([]bool, len(items)-shift)
				c.Check(items[shift:], got)
				for i := range got {
					if got[i] != want[shift+i] {
						t.Fatalf("shift %d: %v, want %v: %s", shift, got[i], want[shift+i], items[shift+i])
					}
				}
			}
		}
		if !fast {
			return
		}
		for i := range items {
			var got [2]bool
			c.Check(items[i:i+1], got[:1])
			c.Check(known[i:i+1], got[1:])
			if got[0] != want[i] || got[1] != want[i] {
				t.Fatalf("alone: %v, want %v: %s", got, want[i], items[i])
			}
		}
	})
}
