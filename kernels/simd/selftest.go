package simd

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"stele/engine/pow"
)

// errWrong is the reason why a kernel is refused that gives wrong answers.
var errWrong = errors.New("failed its known-answer test")

var tested sync.Map // *Kernel -> func() error

// selfTest runs the known-answer test of the kernel, once.
func (k *Kernel) selfTest() error {
	test, _ := tested.LoadOrStore(k, sync.OnceValue(k.knownAnswers))
	return test.(func() error)()
}

// genesis is the header of Bitcoin's first block. The nonces are all those
// from 2083236893-2048 to 2083236893+2047 with at least eight zero bits.
var genesis = struct {
	header string
	nonce  uint32
	nonces []uint32
}{
	header: "01000000" +
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" +
		"29ab5f49ffff001d1dac2b7c",
	nonce: 2083236893,
	nonces: []uint32{
		2083235067, 2083235279, 2083235308, 2083236096, 2083236337, 2083236379,
		2083236683, 2083236893, 2083236970, 2083237170, 2083237236, 2083237261,
		2083237460, 2083237554, 2083237639, 2083238163, 2083238271, 2083238361,
		2083238428, 2083238863, 2083238867,
	},
}

// knownAnswers compares the kernel with a table for the header of the genesis
// block, and with the reference at both ends of the nonce space and for
// headers of another pattern.
func (k *Kernel) knownAnswers() error {
	parsed, err := pow.ParseHeader(genesis.header)
	if err != nil {
		return err
	}
	header := parsed.Encode()
	easy := pow.MaxTarget
	easy[3] >>= 8
	got := k.Scan(NewJob(&header, easy), genesis.nonce-2048, 4096, nil)
	if !slices.Equal(got, genesis.nonces) {
		return fmt.Errorf("%w: nonces of the genesis header", errWrong)
	}

	easy[3] >>= 1
	pow.SetNonce(&header, 0)
	header[0], header[79] = 0x55, 0xaa
	for _, first := range []uint32{0, 1<<32 - 65} {
		var want []uint32
		pow.Search(&header, easy, pow.Range{First: first, Count: 130}, func(n uint32) { want = append(want, n) })
		if got := k.Scan(NewJob(&header, easy), first, 130, nil); !slices.Equal(got, want) {
			return fmt.Errorf("%w: nonces from %d on", errWrong, first)
		}
	}

	headers := make([]byte, 37*pow.HeaderSize) // a length that no vector width divides
	for i := range headers {
		headers[i] = byte(i % 251)
	}
	hashes := make([]pow.Hash, 37)
	k.Hash(hashes, headers)
	for i, h := range hashes {
		if h != pow.Sum(headers[i*pow.HeaderSize:(i+1)*pow.HeaderSize]) {
			return fmt.Errorf("%w: hash of a header", errWrong)
		}
	}
	return nil
}
