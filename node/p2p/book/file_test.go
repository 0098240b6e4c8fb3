package book

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled returns a book with something of everything.
func filled(n int) *Book {
	b := New(options(1))
	for i := range n {
		b.Add(start, addr(300+i%7, 1).Addr(), announced(addr(i%50, i), start))
	}
	for i := range n / 3 {
		b.Good(start, addr(i%50, i), 5)
	}
	for i := range n / 10 {
		b.Failed(start, addr(i%50, i), true)
		b.Discourage(start, addr(900, i).Addr())
	}
	return b
}

func TestSaveLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "peers")
	if _, err := Load(name, start, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	b := filled(3000)
	for range 2 {
		if err := b.Save(name); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(name, start, options(9))
		if err != nil {
			t.Fatal(err)
		}
		checkTables(t, loaded)
		if !bytes.Equal(loaded.Encode(), b.Encode()) {
			t.Error("another book")
		}
		b = loaded
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// The options may have changed.
	none, err := Load(name, start, Options{Group: func(a netip.Addr) Group { return netip.PrefixFrom(a, a.BitLen()) }})
	if err != nil {
		t.Fatal(err)
	}
	checkTables(t, none)
}

// The text of the file is part of what other versions have to read.
func TestFileText(t *testing.T) {
	o := Options{Secret: [32]byte{1}, Private: true}
	b := New(o)
	b.Add(start, netip.MustParseAddr("11.2.0.1"), announced(netip.MustParseAddrPort("[2a00::1]:8699"), start), announced(netip.MustParseAddrPort("127.0.0.1:8699"), start))
	b.Good(start, netip.MustParseAddrPort("127.0.0.1:8699"), 5)
	b.Failed(start, netip.MustParseAddrPort("[2a00::1]:8699"), true)
	b.Discourage(start, netip.MustParseAddr("11.3.0.1"))
	header, body, _ := strings.Cut(string(b.Encode()), "\n")
	want := `{"secret":"0100000000000000000000000000000000000000000000000000000000000000"}
{"addr":"127.0.0.1:8699","services":5,"seen":1800000000,"attempt":1800000000,"success":1800000000,"tried":true,"sources":["11.2.0.0/16"]}
{"addr":"[2a00::1]:8699","services":1,"seen":1799992800,"attempt":1800000000,"failures":1,"sources":["11.2.0.0/16"]}
{"discouraged":"11.3.0.1","until":1800086400}
`
	if body != want {
		t.Errorf("%s\nwant\n%s", body, want)
	}
	if want := fmt.Sprintf(`{"version":1,"sha256":"%x"}`, sha256.Sum256([]byte(body))); header != want {
		t.Errorf("%s, want %s", header, want)
	}
	// Without private addresses one is left.
	public, err := Decode(b.Encode(), start, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fresh, tried := public.Len(); fresh != 1 || tried != 0 {
		t.Errorf("%d and %d addresses", fresh, tried)
	}
}

// signed returns a file with this body and the right checksum.
func signed(body string) []byte {
	return append(encodeLine(header{fileVersion, sha256.Sum256([]byte(body))}), body...)
}

// A file with any byte changed, and one that ends early, is damaged.
func TestDamaged(t *testing.T) {
	data := filled(40).Encode()
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 0x10
		if _, err := Decode(changed, start, Options{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := Decode(data[:i], start, Options{}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at byte %d: %v", i, err)
		}
	}

	secret := `{"secret":"0100000000000000000000000000000000000000000000000000000000000000"}` + "\n"
	for _, test := range []struct{ name, body, text string }{
		{"nothing", "", "no secret"},
		{"no secret", `{"addr":"1.2.3.4:5","sources":["1.2.0.0/16"]}`, "no secret"},
		{"two secrets", secret + secret, "line 3: expected an address"},
		{"both", secret + `{"addr":"1.2.3.4:5","discouraged":"1.2.3.4","sources":["1.2.0.0/16"]}`, "expected an address"},
		{"no source", secret + `{"addr":"1.2.3.4:5"}`, "0 sources"},
		{"bad source", secret + `{"addr":"1.2.3.4:5","sources":[""]}`, "not a network"},
		{"nine sources", secret + `{"addr":"1.2.3.4:5","sources":[` + strings.Repeat(`"1.2.0.0/16",`, 8) + `"1.2.0.0/16"]}`, "too large"},
		{"tried, two sources", secret + `{"addr":"1.2.3.4:5","tried":true,"sources":["1.2.0.0/16","1.3.0.0/16"]}`, "2 sources"},
		{"failures", secret + `{"addr":"1.2.3.4:5","failures":-1,"sources":["1.2.0.0/16"]}`, "-1 failures"},
		{"time", secret + `{"addr":"1.2.3.4:5","seen":-1,"sources":["1.2.0.0/16"]}`, "time -1"},
		{"unknown name", secret + `{"what":1}`, "unknown name"},
		{"long", secret + `{"addr":"` + strings.Repeat("1", 4000) + `"}`, "too large"},
		{"empty line", secret + "\n", "line 3"},
		{"many lines", secret + strings.Repeat(`{"discouraged":"1.2.3.4"}`+"\n", maxRows), "more than"},
	} {
		_, err := Decode(signed(test.body), start, Options{})
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %q", test.name, err, test.text)
		}
	}
	other := strings.Replace(string(data), `"version":1`, `"version":2`, 1)
	if _, err := Decode([]byte(other), start, Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "version 2, expected 1") {
		t.Errorf("another version: %v", err)
	}
}

// A damaged file is set aside, and names itself in the error.
func TestSetAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "peers")
	for _, text := range []string{"first", "second"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(name, start, Options{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
		to, err := SetAside(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if err := os.Truncate(name+".damaged", maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name+".damaged", start, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a file that is too long: %v", err)
	}
}

// Times of a clock that was ahead do not last.
func TestClockWasAhead(t *testing.T) {
	b := New(options(1))
	ahead := start.Add(1000 * time.Hour)
	a := addr(0, 1)
	b.Add(ahead, addr(1, 1).Addr(), announced(a, ahead))
	b.Good(ahead, a, 1)
	b.Discourage(ahead, a.Addr())
	loaded, err := Decode(b.Encode(), start, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := loaded.Get(a)
	if !got.Seen.Equal(start) || !got.Success.Equal(start) || !got.Attempt.Equal(start) {
		t.Errorf("%+v", got)
	}
	if loaded.IsDiscouraged(start.Add(discouragedTime), a.Addr()) {
		t.Error("discouraged for more than a day")
	}
}

func TestAnchors(t *testing.T) {
	name := filepath.Join(t.TempDir(), "anchors")
	if _, err := LoadAnchors(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	all := []netip.AddrPort{addr(0, 1), netip.MustParseAddrPort("[2a00::1]:8699"), addr(0, 3)}
	for n := range len(all) + 1 {
		if err := SaveAnchors(name, all[:n]); err != nil {
			t.Fatal(err)
		}
		got, err := LoadAnchors(name)
		if err != nil || !slices.Equal(got, all[:min(n, MaxAnchors)]) {
			t.Errorf("%v, %v", got, err)
		}
	}
	for _, body := range []string{
		`{"until":1}`,
		strings.Repeat(`{"addr":"1.2.3.4:5"}`+"\n", MaxAnchors+1),
		`x`,
	} {
		if err := os.WriteFile(name, signed(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadAnchors(name); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Whatever the file says, it is damaged or a consistent book that survives a reload.
func FuzzDecode(f *testing.F) {
	_, body, _ := strings.Cut(string(filled(10).Encode()), "\n") // short, so that inputs are minimized fast
	f.Add(body, true)
	f.Add(string(filled(5).Encode()), false)
	f.Fuzz(func(t *testing.T, text string, sign bool) {
		data := []byte(text)
		if sign {
			data = signed(text) // otherwise nothing comes past the checksum
		}
		b, err := Decode(data, start, Options{})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		checkTables(t, b)
		again, err := Decode(b.Encode(), start, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Encode(), b.Encode()) {
			t.Fatal("a reload changes the book")
		}
	})
}
