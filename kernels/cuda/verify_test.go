package cuda_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os/exec"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/kernels/cuda"
	"stele/kernels/cuda/host"
)

// where the parameter of verify and link has its addresses
const verifyHeaders, verifyHashes, verifyBad = 32, 40, 48

// check runs a verify or link entry and returns which headers it calls bad.
// hashes may be nil, for verify.
func check(m machine, e cuda.Entry, headers []byte, hashes []pow.Hash, grid, threads int) ([]bool, error) {
	count := len(headers) / pow.HeaderSize
	bad := make([]byte, (count+31)/32*4)
	buffers := []host.Buffer{buffer(verifyHeaders, headers), buffer(verifyBad, bad)}
	flat := make([]byte, 0, 32*count)
	for _, h := range hashes {
		flat = append(flat, h[:]...)
	}
	if hashes != nil {
		buffers = append(buffers, buffer(verifyHashes, flat))
	}
	if err := m.Launch(e.Name, grid, threads, cuda.VerifyParams(0, 0, 0, count), buffers...); err != nil {
		return nil, err
	}
	for i := range hashes {
		copy(hashes[i][:], flat[32*i:])
	}
	verdicts := make([]bool, 8*len(bad))
	for i := range verdicts {
		verdicts[i] = binary.LittleEndian.Uint32(bad[i/32*4:])>>(i%32)&1 == 1
		if i >= count && verdicts[i] {
			return nil, fmt.Errorf("bit %d is set for %d headers", i, count)
		}
	}
	return verdicts[:count], nil
}

// checkVerify compares a launch with the reference.
func checkVerify(m machine, e cuda.Entry, headers []byte, grid, threads int, withHashes bool) error {
	count := len(headers) / pow.HeaderSize
	verdicts := make([]pow.Verdict, count)
	pow.Verify(headers, false, verdicts)
	var hashes []pow.Hash
	if withHashes {
		hashes = make([]pow.Hash, count)
	}
	bad, err := check(m, e, headers, hashes, grid, threads)
	if err != nil {
		return err
	}
	for i := range count {
		header := headers[i*pow.HeaderSize:][:pow.HeaderSize]
		if bad[i] != (verdicts[i] != pow.Valid) {
			return fmt.Errorf("header %d of %d, %x: bad %v, the reference says %v", i, count, header, bad[i], verdicts[i])
		}
		if withHashes && hashes[i] != pow.Sum(header) {
			return fmt.Errorf("header %d of %d, %x: hash %v, want %v", i, count, header, hashes[i], pow.Sum(header))
		}
	}
	return nil
}

// allBits returns nBits of every size with mantissas at all edges: negative,
// zero, too large, and those that random hashes meet.
func allBits() []uint32 {
	var all []uint32
	for size := range uint32(256) {
		for _, mantissa := range []uint32{0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffff, 0x800000, 0x800001, 0xffffff} {
			all = append(all, size<<24|mantissa)
		}
	}
	return all
}

func TestVerifyEveryBits(t *testing.T) {
	everywhere(t, cuda.Verify, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		r := newRand(1)
		var headers []byte
		for _, bits := range allBits() {
			if size := bits >> 24; slow && (size > 2 && size < 31 || size > 36 && size < 255) {
				continue
			}
			h := randomHeader(r)
			binary.LittleEndian.PutUint32(h[72:], bits)
			headers = append(headers, h[:]...)
		}
		if err := checkVerify(m, e, headers, 3, 128, true); err != nil {
			t.Error(err)
		}
	})
}

func TestVerifyRealHeaders(t *testing.T) {
	everywhere(t, cuda.Verify, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		var headers []byte
		for i, text := range blocks {
			good := parse(text).Encode()
			headers = append(headers, good[:]...)
			good[7*i] ^= 1 // no longer
			headers = append(headers, good[:]...)
		}
		bad, err := check(m, e, headers, nil, 1, 32)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range bad {
			if b != (i%2 == 1) {
				t.Errorf("header %d: bad %v", i, b)
			}
		}
	})
}

// Any number of headers, in launches that do not fit it.
func TestVerifyShapes(t *testing.T) {
	everywhere(t, cuda.Verify, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		r := newRand(2)
		for count := range 70 {
			if slow && count%32 > 1 {
				continue
			}
			var headers []byte
			for range count {
				h := randomHeader(r)
				binary.LittleEndian.PutUint32(h[72:], 0x20000000|r.Uint32N(0x10000)<<8&0x7fffff) // one in two is good
				headers = append(headers, h[:]...)
			}
			if err := checkVerify(m, e, headers, 1+count%3, 1+(37*count)%128, count%2 == 0); err != nil {
				t.Error(err)
			}
		}
	})
}

// checkLinks runs link over headers of which some do not name the one before.
func checkLinks(m machine, e cuda.Entry, count int, s shape) error {
	r := newRand(uint64(count))
	headers, hashes, want := make([]byte, 0, 80*count), make([]pow.Hash, count), make([]bool, count)
	for i := range count {
		h := randomHeader(r)
		if i > 0 {
			copy(h[4:], hashes[i-1][:])
			if r.IntN(3) == 0 {
				h[4+r.IntN(32)] ^= 1 << r.IntN(8)
				want[i] = true
			}
		}
		headers, hashes[i] = append(headers, h[:]...), pow.Sum(h[:])
	}
	got, err := check(m, e, headers, hashes, s.grid, s.threads)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("%d headers, %v: bad %v, want %v", count, s, got, want)
	}
	return err
}

func TestLink(t *testing.T) {
	everywhere(t, cuda.Link, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		for _, count := range []int{0, 1, 2, 3, 31, 32, 33, 100} {
			for _, s := range []shape{{1, 256, 1}, {2, 3, 1}} {
				if err := checkLinks(m, e, count, s); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// A header that is wrongly called valid would not be looked at again. So the
// comparison with the target is tested with hashes at the target itself and
// beside it, for every size of nBits.
func TestMeets(t *testing.T) {
	program := host.Program(t)
	var request []byte
	var want []bool
	ask := func(n *big.Int, bits pow.Bits) {
		var h pow.Hash
		if n.Sign() < 0 || n.BitLen() > 256 {
			return
		}
		slices.Reverse(n.FillBytes(h[:]))
		request = binary.LittleEndian.AppendUint32(append(request, h[:]...), uint32(bits))
		target, err := bits.Target()
		want = append(want, err == nil && target.MetBy(h))
	}
	r := newRand(4)
	for _, raw := range allBits() {
		bits := pow.Bits(raw)
		n := new(big.Int)
		if target, err := bits.Target(); err == nil {
			n = target.Big()
		}
		for _, d := range []int64{0, 1, -1, 256, -256} {
			ask(new(big.Int).Add(n, big.NewInt(d)), bits)
		}
		ask(new(big.Int).Lsh(n, 32), bits)
		ask(new(big.Int).Rsh(n, 32), bits)
		for range 3 {
			bit := new(big.Int).Lsh(big.NewInt(1), uint(r.IntN(256)))
			ask(new(big.Int).Add(n, bit), bits)
			ask(new(big.Int).Sub(n, bit), bits)
			ask(bit, bits)
		}
	}
	cmd := exec.Command(program, "meets")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		in.Write(request)
		in.Close()
	}()
	got, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Log(string(exit.Stderr))
		}
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d", len(got), len(want))
	}
	for i, w := range want {
		if (got[i] == 1) != w {
			record := request[36*i:][:36]
			t.Errorf("hash %x, nBits %08x: meets %v, want %v", record[:32], binary.LittleEndian.Uint32(record[32:]), got[i], w)
		}
	}
}
