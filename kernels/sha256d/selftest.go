package sha256d

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

var tested sync.Map // *Kernel -> func() error

// selfTest runs the known-answer test of the kernel once and returns its result.
func (k *Kernel) selfTest() error {
	test, _ := tested.LoadOrStore(k, sync.OnceValue(k.knownAnswers))
	return test.(func() error)()
}

// knownAnswers compares the kernel with SHA-256 of the standard library.
func (k *Kernel) knownAnswers() error {
	// The lengths give blocks of every kind, in one part, two and three, batches of one
	// length and of several, more than one call for a batch, and a rest.
	const longest = 700
	text := make([]byte, longest)
	for i := range text {
		text[i] = byte(i % 251)
	}
	messages := make([]Message, 6*maxLanes+1)
	for i := range messages {
		n := i * 7 % 200
		switch {
		case i%16 == 5:
			n += 500
		case i > 4*maxLanes:
			n = 150
		}
		m := text[:n]
		messages[i] = Message{m[:n*(i%3)/2], m[n*(i%3)/2:], nil}
		if i%5 == 0 {
			messages[i] = Message{m[:n/3], m[n/3 : n/2], m[n/2:]}
		}
	}
	hashes := make([][32]byte, len(messages))
	k.Sum(hashes, messages)
	for i, m := range messages {
		if hashes[i] != doubleSum(m[:]...) {
			return fmt.Errorf("%w: hash of %d bytes", ErrWrong, m.size())
		}
	}

	nodes := make([][32]byte, 2*len(hashes)-2)
	copy(nodes, hashes)
	copy(nodes[len(hashes):], hashes)
	parents := make([][32]byte, len(nodes)/2)
	k.Pairs(parents, nodes)
	for i, p := range parents {
		if p != doubleSum(nodes[2*i][:], nodes[2*i+1][:]) {
			return fmt.Errorf("%w: hash of two nodes", ErrWrong)
		}
	}
	return nil
}

// doubleSum is the double SHA-256 of the standard library.
func doubleSum(parts ...[]byte) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p) // never returns an error
	}
	return sha256.Sum256(h.Sum(nil))
}
