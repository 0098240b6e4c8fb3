package simd

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"stele/kernels/internal/prep"
)

// errWrong means that a kernel returned a wrong answer.
var errWrong = errors.New("failed its known-answer test")

var tested sync.Map // *Kernel -> func() error

// selfTest runs the known-answer test of the kernel once and returns its result.
func (k *Kernel) selfTest() error {
	test, _ := tested.LoadOrStore(k, sync.OnceValue(k.knownAnswers))
	return test.(func() error)()
}

// genesis is the header of Bitcoin's first block. nonces are all hits at the easy
// target, at least eight leading zero bits, from nonce-2048 to nonce+2047.
var genesis = struct {
	header string
	target [32]byte // of nBits 1d00ffff: 0xffff * 2^208
	nonce  uint32

	easy   [32]byte // 2^248-1
	nonces []uint32
}{
	header: "01000000" +
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" +
		"29ab5f49ffff001d1dac2b7c",
	target: [32]byte{26: 0xff, 27: 0xff},
	nonce:  2083236893,
	easy: [32]byte{
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0,
	},
	nonces: []uint32{
		2083235067, 2083235279, 2083235308, 2083236096, 2083236337, 2083236379,
		2083236683, 2083236893, 2083236970, 2083237170, 2083237236, 2083237261,
		2083237460, 2083237554, 2083237639, 2083238163, 2083238271, 2083238361,
		2083238428, 2083238863, 2083238867,
	},
}

// knownAnswers compares the kernel with doubleSum and with the table of genesis.
func (k *Kernel) knownAnswers() error {
	if err := k.knownNonces(); err != nil {
		return err
	}
	if k.SharesVersions() {
		if err := k.knownVersions(); err != nil {
			return err
		}
	}
	return k.knownHashes()
}

// knownNonces tests the search: at both ends of the nonce space against doubleSum,
// and with the genesis header against the table.
func (k *Kernel) knownNonces() error {
	raw, err := hex.DecodeString(genesis.header)
	if err != nil {
		return err
	}
	header := [headerSize]byte(raw)
	other := header
	other[0], other[75] = 0x55, 0xaa
	for _, first := range []uint32{0, 1<<32 - group - 1} {
		if err := k.knownCandidates(&other, first); err != nil {
			return err
		}
	}

	if got := k.Scan(NewJob(&header, genesis.easy), genesis.nonce-2048, 4096, nil); !slices.Equal(got, genesis.nonces) {
		return fmt.Errorf("%w: nonces of the genesis header", errWrong)
	}
	if got := k.Scan(NewJob(&header, genesis.target), genesis.nonce-100, 200, nil); !slices.Equal(got, []uint32{genesis.nonce}) {
		return fmt.Errorf("%w: the nonce of the genesis block", errWrong)
	}
	return nil
}

// knownCandidates compares the candidates in three groups of nonces with doubleSum.
// With the targets about half of the nonces pass, all, none, and some pass or fail
// by one.
func (k *Kernel) knownCandidates(header *[headerSize]byte, first uint32) error {
	var tops [3 * group]uint32
	trial := *header
	for i := range tops {
		setNonce(&trial, first+uint32(i))
		tops[i] = topOf(doubleSum(trial[:]))
	}
	limits := []uint32{0, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	for _, i := range []int{0, group, len(tops) - 1} {
		limits = append(limits, tops[i], tops[i]-1)
	}
	for _, limit := range limits {
		var want, got [3]uint64
		for i, top := range tops {
			if top <= limit {
				want[i/group] |= 1 << (i % group)
			}
		}
		k.search(prep.New(header, limit), first, got[:])
		if got != want {
			return fmt.Errorf("%w: nonces from %d on", errWrong, first)
		}
	}
	return nil
}

// knownVersions tests the search of versions against doubleSum: few versions with many
// nonces, across the end of the nonce space, and all versions with few.
func (k *Kernel) knownVersions() error {
	raw, err := hex.DecodeString(genesis.header)
	if err != nil {
		return err
	}
	header := [headerSize]byte(raw)
	for _, c := range []struct{ versions, groups int }{{1, 9}, {5, 5}, {MaxVersions, 2}} {
		versions := make([]uint32, c.versions)
		for i := range versions {
			versions[i] = 0x20000000 + 0x9e3779b1*uint32(i)
		}
		const first = 1<<32 - nonceGroup - 1
		if err := k.knownMasks(&header, versions, first, c.groups); err != nil {
			return err
		}
	}
	return nil
}

// knownMasks compares the candidates of a search of versions with doubleSum, for targets
// as in knownCandidates.
func (k *Kernel) knownMasks(header *[headerSize]byte, versions []uint32, first uint32, groups int) error {
	tops := make([][nonceGroup]uint32, groups*len(versions)) // in the order of the masks
	trial := *header
	for i := range tops {
		binary.LittleEndian.PutUint32(trial[versionOffset:], versions[i%len(versions)])
		for lane := range tops[i] {
			setNonce(&trial, first+uint32(i/len(versions)*nonceGroup+lane))
			tops[i][lane] = topOf(doubleSum(trial[:]))
		}
	}
	last := tops[len(tops)-1][nonceGroup-1]
	got := make([]uint16, len(tops))
	for _, limit := range []uint32{0, 1<<31 - 1, 1<<32 - 1, tops[0][0], tops[0][0] - 1, last, last - 1} {
		k.versions(prep.NewVersions(header, versions, limit), first, got)
		for i, lanes := range tops {
			want := uint16(0)
			for lane, top := range lanes {
				if top <= limit {
					want |= 1 << lane
				}
			}
			if got[i] != want {
				return fmt.Errorf("%w: nonces from %d on with %d versions", errWrong, first, len(versions))
			}
		}
	}
	return nil
}

// knownHashes compares hashes with doubleSum.
func (k *Kernel) knownHashes() error {
	const n = 133 // several passes of every kernel, and a rest that no width divides
	headers := make([]byte, n*headerSize)
	for i := range headers {
		headers[i] = byte(i % 251)
	}
	hashes := make([][32]byte, n)
	k.Hash(hashes, headers)
	for i, h := range hashes {
		if h != doubleSum(headers[i*headerSize:(i+1)*headerSize]) {
			return fmt.Errorf("%w: hash of a header", errWrong)
		}
	}
	return nil
}
