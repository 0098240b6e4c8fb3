package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/headerchain"
	"stele/engine/pow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reference is an Engine that checks with package pow.
type reference struct{}

func (reference) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) (engine.VerifyResult, error) {
	pow.Verify(headers, linked, verdicts)
	return engine.VerifyResult{Devices: []engine.DeviceWork{{Device: "reference", Items: uint64(len(verdicts))}}}, ctx.Err()
}

// failing is an Engine that fails at the batch of this number.
type failing struct {
	at  int
	err error
}

func (f *failing) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) (engine.VerifyResult, error) {
	if f.at--; f.at < 0 {
		return engine.VerifyResult{}, f.err
	}
	return reference{}.Verify(ctx, headers, linked, verdicts)
}

// source is a source of these bytes, each time that it is opened.
func source(name string, data []byte) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// streamSource is a source that can be opened once.
func streamSource(name string, r io.Reader) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

// linked are the options without params and height.
var linked = Options{StartHeight: headerchain.UnknownHeight, Workers: 2}

// bitcoin are the options for real blocks.
var bitcoin = Options{StartHeight: headerchain.UnknownHeight, Network: Bitcoin, Workers: 2}

// chain is the real chain, block by block.
type chain struct {
	file    []byte
	offsets []int64 // of the records
}

const frameSize = 8

func realChain(t testing.TB) chain {
	c := chain{file: blockfiletest.Chain(t)}
	r := blockfile.NewReader(bytes.NewReader(c.file), [blockfile.KeySize]byte{})
	var batch blockfile.Batch
	for {
		err := r.Read(&batch)
		for _, rec := range batch.Records {
			c.offsets = append(c.offsets, rec.Offset)
		}
		if err == io.EOF {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// part returns a chain of the blocks from first up to end, which the caller may
// change.
func (c chain) part(first, end int) chain {
	stop := int64(len(c.file))
	if end < len(c.offsets) {
		stop = c.offsets[end]
	}
	base := c.offsets[first]
	p := chain{file: slices.Clone(c.file[base:stop])}
	for _, o := range c.offsets[first:end] {
		p.offsets = append(p.offsets, o-base)
	}
	return p
}

// block returns the bytes of a block in the file.
func (c chain) block(i int) []byte {
	o := c.offsets[i]
	size := binary.LittleEndian.Uint32(c.file[o+4:])
	return c.file[o+frameSize:][:size:size]
}

// headers returns the headers alone, one after the other.
func (c chain) headers() []byte {
	var all []byte
	for i := range c.offsets {
		all = append(all, c.block(i)[:pow.HeaderSize]...)
	}
	return all
}

// mine returns n linked headers with the easiest proof of work that there is.
func mine(n int) []byte {
	all := make([]byte, 0, n*pow.HeaderSize)
	h := pow.Header{Version: 1, Bits: 0x207fffff}
	target, _ := h.Bits.Target()
	for i := range n {
		h.Time = uint32(i + 1)
		for h.Nonce = 0; !target.MetBy(h.Hash()); h.Nonce++ {
		}
		b := h.Encode()
		all = append(all, b[:]...)
		h.Prev = h.Hash()
	}
	return all
}

// reasons returns the reasons of a finding.
func reasons(f *Invalid) []Reason {
	var all []Reason
	for _, fault := range f.Faults {
		all = append(all, fault.Reason)
	}
	return all
}

// texts returns the texts of a finding.
func texts(f *Invalid) string {
	var all []string
	for _, fault := range f.Faults {
		all = append(all, fault.Text)
	}
	return strings.Join(all, "; ")
}

// frame makes a block a record of a blk file.
func frame(block []byte) []byte {
	record := binary.LittleEndian.AppendUint32(slices.Clone(blockfile.MagicBitcoin[:]), uint32(len(block)))
	return append(record, block...)
}
