package headerchain

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

// header returns a header for a chain that has no use for hashes.
func header(time uint32, bits pow.Bits) []byte {
	h := pow.Header{Prev: pow.Hash{1}, Time: time, Bits: bits}.Encode()
	return h[:]
}

// wantViolation fails the test unless err is a violation of the rule with this text.
func wantViolation(t *testing.T, err error, rule Rule, text string) {
	t.Helper()
	if !errors.Is(err, rule) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %s with %q", err, rule, text)
	}
}

func TestRealHeaders(t *testing.T) {
	headers := blockfiletest.Headers(t)
	for _, test := range []struct {
		name          string
		params        *pow.Params
		first         int
		height, after int64
	}{
		{"from genesis", pow.Bitcoin, 0, UnknownHeight, 14132},
		{"from genesis without params", nil, 0, UnknownHeight, 14132},
		{"from genesis at height 0", pow.Bitcoin, 0, 0, 14132},
		{"from the middle", pow.Bitcoin, 5000, UnknownHeight, UnknownHeight},
		{"from the middle, height known", pow.Bitcoin, 5000, 5000, 14132},
		{"from a retarget", pow.Bitcoin, 2016, 2016, 14132},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := New(test.params, test.height)
			for i, h := range headers[test.first:] {
				if err := c.Append(h); err != nil {
					t.Fatalf("header %d: %v", test.first+i, err)
				}
			}
			if c.Height() != test.after {
				t.Errorf("height %d after all, want %d", c.Height(), test.after)
			}
		})
	}
}

func TestGenesis(t *testing.T) {
	headers := blockfiletest.Headers(t)
	wantViolation(t, New(pow.Bitcoin, 0).Append(headers[1]), BadGenesis,
		"the first block is 00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048, expected 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
	other := pow.Header{Time: 1, Bits: 0x1d00ffff}.Encode() // no parent
	wantViolation(t, New(pow.Bitcoin, UnknownHeight).Append(other[:]), BadGenesis, "expected 0000")

	for _, params := range []*pow.Params{nil, pow.Bitcoin} {
		wantViolation(t, New(params, 7).Append(headers[0]), BadGenesis, "the first block has no parent, expected one at height 7")
	}

	c := New(nil, UnknownHeight)
	if err := c.Append(other[:]); err != nil || c.Height() != 1 {
		t.Errorf("another chain, no params: %v, height %d", err, c.Height())
	}
}

func TestLimit(t *testing.T) {
	c := New(pow.Bitcoin, UnknownHeight)
	for i, test := range []struct {
		bits  pow.Bits
		above bool
	}{
		{0x1d00ffff, false}, {0x1d010000, true}, {0x1d010000, true}, {0x1c7fffff, false},
		{0x207fffff, true}, {0x1d00ffff, false},
		{0, false}, {0x1d80ffff, false}, {0xff00ffff, false}, // no targets at all
	} {
		err := c.Append(header(uint32(i), test.bits))
		if alone := CheckLimit(pow.Bitcoin, test.bits); (alone != nil) != test.above {
			t.Errorf("%v alone: %v", test.bits, alone)
		}
		if test.above {
			wantViolation(t, err, BitsAboveLimit, "nBits "+test.bits.String()+", expected at most 1d00ffff")
		} else if err != nil {
			t.Errorf("%v: %v", test.bits, err)
		}
	}
	if err := CheckLimit(nil, 0x207fffff); err != nil {
		t.Errorf("without params: %v", err)
	}
}

// The vectors are those of Bitcoin Core (pow_tests.cpp): the period that ends
// at that height, and the nBits after it.
func TestRetarget(t *testing.T) {
	const interval = 2016
	for _, test := range []struct {
		name        string
		last        int64 // height
		first, end  uint32
		bits, after pow.Bits
	}{
		{"ordinary", 32255, 1261130161, 1262152739, 0x1d00ffff, 0x1d00d86a},
		{"at the limit", 4031, 1231006505, 1233061996, 0x1d00ffff, 0x1d00ffff},
		{"down by 4", 68543, 1279008237, 1279297671, 0x1c05a3f4, 0x1c0168fd},
		{"up by 4", 46367, 1263163443, 1269211443, 0x1c387f6f, 0x1d00e1fd},
	} {
		t.Run(test.name, func(t *testing.T) {
			// period returns a chain that has seen the period, but for its
			// first skip headers.
			period := func(skip int64) *Chain {
				c := New(pow.Bitcoin, test.last+1-interval+skip)
				for i := skip; i < interval; i++ {
					time := test.first
					if i == interval-1 {
						time = test.end
					} else {
						time += uint32(i)
					}
					if err := c.Append(header(time, test.bits)); err != nil {
						t.Fatal(err)
					}
				}
				return c
			}
			if err := period(0).Append(header(test.end, test.after)); err != nil {
				t.Error(err)
			}
			for _, wrong := range []pow.Bits{test.after - 1, 0x1b00ffff} {
				err := period(0).Append(header(test.end, wrong))
				wantViolation(t, err, BadRetarget, "nBits "+wrong.String()+", expected "+test.after.String()+" after the retarget from "+test.bits.String())
			}
			// Without the first header of the period any nBits will do, but
			// only at this height.
			c := period(1)
			if err := c.Append(header(test.end, 0x1b00ffff)); err != nil {
				t.Error(err)
			}
			wantViolation(t, c.Append(header(test.end, test.bits)), BadRetarget, "expected 1b00ffff as in the header before")
		})
	}
}

func TestBitsChangeWithoutRetarget(t *testing.T) {
	known, unknown := New(pow.Bitcoin, 100), New(pow.Bitcoin, UnknownHeight)
	noParams := New(nil, 100)
	for i, test := range []struct {
		bits pow.Bits
		bad  bool
	}{
		{0x1b00ffff, false}, {0x1b00ffff, false}, {0x1b00fffe, true}, {0x1b00fffe, false}, {0x1b00ffff, true},
	} {
		h := header(uint32(i), test.bits)
		if err := known.Append(h); test.bad {
			wantViolation(t, err, BadRetarget, "nBits change only at heights that 2016 divides")
		} else if err != nil {
			t.Errorf("header %d: %v", i, err)
		}
		if err := unknown.Append(h); err != nil {
			t.Errorf("header %d, unknown height: %v", i, err)
		}
		if err := noParams.Append(h); err != nil {
			t.Errorf("header %d, no params: %v", i, err)
		}
	}
}

// A retarget after a header with impossible nBits is not judged, and no panic.
func TestRetargetFromBadBits(t *testing.T) {
	c := New(pow.Bitcoin, 2016)
	for i := range uint32(2016) {
		if err := c.Append(header(i, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Append(header(3000, 0x1d00ffff)); err != nil {
		t.Error(err)
	}
}

// A time is too old if it is not greater than what pow.MedianTime gives for
// the headers before. Where those are not all known, there is no rule until 11
// of them are.
func TestMedianTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fromStart := rapid.Bool().Draw(t, "from the start of the chain")
		times := rapid.SliceOfN(rapid.Uint32Range(0, 20), 1, 40).Draw(t, "times")
		c := New(nil, UnknownHeight)
		for i, time := range times {
			h := header(time, 0x207fffff)
			if fromStart && i == 0 {
				clear(h[4:36]) // no parent
			}
			err := c.Append(h)
			judged := i >= 11 || fromStart && i > 0
			median := pow.MedianTime(times[:i])
			if tooOld := judged && time <= median; tooOld != errors.Is(err, TimeTooOld) {
				t.Fatalf("header %d: time %d, median %d: %v", i, time, median, err)
			}
		}
	})

	c := New(nil, UnknownHeight)
	for i := range uint32(11) {
		if err := c.Append(header(100+i, 0)); err != nil {
			t.Fatal(err)
		}
	}
	wantViolation(t, c.Append(header(105, 0)), TimeTooOld, "time 105, expected more than 105, the median of the headers before")
}

// A header can break several rules: all are reported, in their order.
func TestOrderOfRules(t *testing.T) {
	c := New(pow.Bitcoin, 100)
	for i := range uint32(11) {
		if err := c.Append(header(100+i, 0x1b00ffff)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		bits pow.Bits
		want []Rule
	}{
		{0x1e00ffff, []Rule{BitsAboveLimit, BadRetarget, TimeTooOld}},
		{0x1c00ffff, []Rule{BadRetarget, TimeTooOld}},
		{0x1c00ffff, []Rule{TimeTooOld}},
	} {
		var all Violations
		err := c.Append(header(0, test.bits))
		errors.As(err, &all)
		var got []Rule
		for _, v := range all {
			got = append(got, v.Rule)
			wantViolation(t, err, v.Rule, v.Text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("nBits %v: %v, want %v", test.bits, got, test.want)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	h := header(0, 0x1d00ffff)
	c := New(pow.Bitcoin, 1)
	time := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		time++
		binary.LittleEndian.PutUint32(h[68:], time)
		if err := c.Append(h); err != nil && !errors.Is(err, BadRetarget) {
			b.Fatal(err)
		}
	}
}
