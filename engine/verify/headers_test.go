package verify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"stele/engine/blockfile"
	"stele/engine/headerchain"
	"stele/engine/pow"
)

func TestRealHeaders(t *testing.T) {
	headers := realChain(t).headers()
	unlinked := Options{Unlinked: true, StartHeight: headerchain.UnknownHeight}
	for _, test := range []struct {
		name   string
		first  int
		opts   Options
		checks []string
	}{
		{"bitcoin", 0, bitcoin, []string{CheckProofOfWork, CheckLink, CheckMedianTime, CheckLimit, CheckRetarget}},
		{"no params", 0, linked, []string{CheckProofOfWork, CheckLink, CheckMedianTime}},
		{"unknown height", 1, bitcoin, []string{CheckProofOfWork, CheckLink, CheckMedianTime, CheckLimit}},
		{"unlinked", 0, unlinked, []string{CheckProofOfWork}},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := headers[test.first*pow.HeaderSize:]
			r, err := Headers(t.Context(), reference{}, source("x", data), test.opts)
			if err != nil {
				t.Fatal(err)
			}
			n := int64(len(data) / pow.HeaderSize)
			if r.Items != n || r.Valid != n || r.Bytes != int64(len(data)) || r.First != nil {
				t.Errorf("report %+v, first %+v", r, r.First)
			}
			if !slices.Equal(r.Checks, test.checks) {
				t.Errorf("checks %v, want %v", r.Checks, test.checks)
			}
			if len(r.Devices) != 1 || r.Devices[0].Items != uint64(n) {
				t.Errorf("devices %v", r.Devices)
			}
		})
	}
}

// One flipped bit in each field is reported with the right reasons and place. The
// next header then has another parent.
func TestFlippedHeaderFields(t *testing.T) {
	headers := realChain(t).headers()
	const item = 5000
	for _, test := range []struct {
		field   string
		at      int // byte in the header
		bit     byte
		reasons []Reason
		text    string
	}{
		{"version", 0, 2, []Reason{HighHash}, "expected at most 00000000ffff0000000000"},
		{"parent", 4, 1, []Reason{HighHash, BadLink}, "parent 00000000c9a61ea18fbf06b03e10033355e6eab3de038d975f40af9babbe0659, expected 00000000c9a61ea18fbf06b03e10033355e6eab3de038d975f40af9babbe0658, the item before"},
		{"Merkle root", 67, 128, []Reason{HighHash}, ""},
		{"time, later", 71, 32, []Reason{HighHash}, ""},
		{"time, earlier", 70, 8, []Reason{HighHash, TimeTooOld}, "the median of the headers before"},
		{"nBits, easier", 75, 2, []Reason{HighHash, BitsAboveLimit, BadRetarget}, "nBits 1f00ffff, expected at most 1d00ffff"},
		{"nBits, harder", 75, 1, []Reason{HighHash, BadRetarget}, "nBits 1c00ffff, expected 1d00ffff as in the header before"},
		{"nBits, negative", 74, 128, []Reason{BadBits, BadRetarget}, "nBits is negative: 1d80ffff, expected a target"},
		{"nBits, zero", 75, 0x1d, []Reason{BadBits, BadRetarget}, "nBits is zero"},
		{"nonce", 79, 64, []Reason{HighHash}, ""},
	} {
		t.Run(test.field, func(t *testing.T) {
			data := slices.Clone(headers)
			data[item*pow.HeaderSize+test.at] ^= test.bit
			r, err := Headers(t.Context(), reference{}, source("x", data), bitcoin)
			if err != nil {
				t.Fatal(err)
			}
			if r.Items != 14132 || r.Valid != 14130 || r.First == nil {
				t.Fatalf("report %+v", r)
			}
			f := r.First
			if f.Index != item || f.Offset != item*pow.HeaderSize || f.Height != item || f.Source != "x" {
				t.Errorf("finding %+v", f)
			}
			if f.Hash != pow.Sum(data[item*pow.HeaderSize:][:pow.HeaderSize]) {
				t.Errorf("hash %v", f.Hash)
			}
			if !slices.Equal(reasons(f), test.reasons) {
				t.Errorf("reasons %v, want %v", reasons(f), test.reasons)
			}
			if !strings.Contains(texts(f), test.text) {
				t.Errorf("text %q, want %q in it", texts(f), test.text)
			}

			// Alone, that header breaks fewer rules, and no other does.
			r, err = Headers(t.Context(), reference{}, source("x", data), Options{Unlinked: true, Network: Bitcoin})
			if err != nil || r.Valid != 14131 || r.First.Index != item || r.First.Height != headerchain.UnknownHeight {
				t.Errorf("unlinked: %v, report %+v, first %+v", err, r, r.First)
			}
		})
	}
}

// Items at the borders of batches are linked like all others.
func TestBatchBorders(t *testing.T) {
	n := 2*maxHeadersInBatch + 3
	headers := mine(n)
	r, err := Headers(t.Context(), reference{}, source("x", headers), linked)
	if err != nil || r.Items != int64(n) || r.Valid != r.Items {
		t.Fatalf("%v, report %+v, first %+v", err, r, r.First)
	}
	for _, item := range []int{1, maxHeadersInBatch - 1, maxHeadersInBatch, maxHeadersInBatch + 1, 2 * maxHeadersInBatch, n - 1} {
		// Left out, it makes the next one lose its parent.
		data := slices.Delete(slices.Clone(headers), item*pow.HeaderSize, (item+1)*pow.HeaderSize)
		r, err := Headers(t.Context(), reference{}, source("x", data), linked)
		if err != nil {
			t.Fatal(err)
		}
		if item == n-1 {
			if r.First != nil {
				t.Errorf("without the last: %+v", r.First)
			}
			continue
		}
		if f := r.First; f == nil || f.Index != int64(item) || !slices.Equal(reasons(f), []Reason{BadLink}) || r.Valid != int64(n-2) {
			t.Errorf("without %d: %+v, report %+v", item, f, r)
		}
	}
}

func TestHeadersThatCannotBeRead(t *testing.T) {
	headers := mine(3)
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		src   Source
		items int64
		kind  error
		text  string
	}{
		{"ends inside a header", source("x", headers[:2*80+13]), 2, blockfile.ErrTruncated, "x: offset 160: the file ends inside a header: expected 80 bytes, got 13"},
		{"shorter than a header", source("x", headers[:79]), 0, blockfile.ErrTruncated, "x: offset 0: the file ends inside a header: expected 80 bytes, got 79"},
		{"empty", source("x", nil), 0, ErrEmpty, "x: nothing to verify: the file is empty, expected headers of 80 bytes"},
		{"error", streamSource("x", io.MultiReader(bytes.NewReader(headers[:100]), iotest.ErrReader(broken))), 1, broken, "x: offset 100: cannot read: broken"},
		{"does not open", Source{Name: "x", Open: func() (io.ReadCloser, error) { return os.Open("testdata/not there") }}, 0, os.ErrNotExist, "open testdata/not there: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Headers(t.Context(), reference{}, test.src, linked)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %q", err, test.text)
			}
			if r.Items != test.items || r.Valid != test.items {
				t.Errorf("report %+v, want %d items", r, test.items)
			}
		})
	}
}

// An invalid item is reported beside an error of reading.
func TestFindingAndError(t *testing.T) {
	data := mine(4)
	data[80+5] ^= 1 // another parent; the hash may be good or not
	r, err := Headers(t.Context(), reference{}, source("x", data[:4*80-1]), linked)
	if !errors.Is(err, blockfile.ErrTruncated) || r.Items != 3 || r.First == nil || r.First.Index != 1 {
		t.Errorf("%v, report %+v, first %+v", err, r, r.First)
	}
}

func TestEngineFails(t *testing.T) {
	headers := mine(4*maxHeadersInBatch + 1)
	broken := errors.New("broken")
	r, err := Headers(t.Context(), &failing{2, broken}, source("x", headers), linked)
	if !errors.Is(err, broken) || r.Items != 2*maxHeadersInBatch || r.Valid != r.Items {
		t.Errorf("%v, report %+v", err, r)
	}
}

// endless gives headers until the context ends.
type endless struct {
	ctx  context.Context
	stop func()
	left int // reads until stop is called
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left--; e.left == 0 {
		e.stop()
	}
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestCancel(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, err := Headers(ctx, reference{}, streamSource("x", &endless{ctx, stop, 5}), linked)
	if !errors.Is(err, context.Canceled) || r.Items >= 5*maxHeadersInBatch {
		t.Errorf("%v, report %+v", err, r)
	}
}
