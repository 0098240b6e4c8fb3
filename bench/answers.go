package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Answers names the answers that were found to a list of items.
type Answers struct {
	List string `json:"list"`
	// Digest is the SHA-256, in hex, of the answers in the order of the items: a byte 1
	// for a good signature and 0 for a bad one; the hashes; or of blocks the hash of the
	// last one and the digest of the state after it.
	Digest string `json:"digest"`
}

// CaseAnswers are the answers that a case found.
type CaseAnswers struct {
	Answers
	// Passes is the number of complete passes through the list in the items of the
	// samples. It is at least 1, because the first pass is completed after them.
	Passes int `json:"passes"`
}

// knownList is a list whose answers are known.
type knownList struct {
	Answers
	items uint64
}

// knownLists has the list of each mode. The answers of a list never change: with other
// items it gets another name.
var knownLists = map[Mode]knownList{
	SignaturesNew:   {Answers{"signatures-new-1", "f5896a692774f8e2e5da3b21431748a0d175fd27354b4a33585bef6d8d2d7225"}, signatureCount},
	SignaturesKnown: {Answers{"signatures-known-1", "f5896a692774f8e2e5da3b21431748a0d175fd27354b4a33585bef6d8d2d7225"}, signatureCount},
	RecordHashes:    {Answers{"records-1", "22529ef1dc9a1a64431195814d2a39bdd55bc30110c2b39019c7f52bc4760087"}, recordCount},
	RecordMerkle:    {Answers{"nodes-1", "f98d08eecf87224ea78d1d18993eec10cd1dd2766f76d03116437932c799bcf6"}, nodeCount},
	BlocksCold:      {Answers{"blocks-1", "4ba1841e7038fb67b2d705c18f9fbbddba228e4ad218308dd8fa68de6acf640f"}, BlockCount * BlockRecords},
	BlocksWarm:      {Answers{"blocks-1", "4ba1841e7038fb67b2d705c18f9fbbddba228e4ad218308dd8fa68de6acf640f"}, BlockCount * BlockRecords},
}

// Known returns the known answers of a mode; the zero value if it has none.
func (m Mode) Known() Answers { return knownLists[m].Answers }

// The chain of the modes BlocksCold and BlocksWarm has BlockCount blocks that are
// measured, each with BlockRecords records and a coinbase, which does not count.
const (
	BlockCount   = 2
	BlockRecords = 1000
)

// A Worker does the items of the list of a mode.
type Worker[Answer comparable] interface {
	// Do does count items from first on, and stores their answers.
	Do(ctx context.Context, first, count int) error
	// Answers returns the memory in which Do stores the answers, as many for each item;
	// or answers to the whole list, if Do always does all of it.
	Answers() []Answer
}

// Repeat is the [Workload] of a list: a Worker does it from the first item to the last,
// and then again from the first. Every pass must find the known answers.
type Repeat[Answer comparable] struct {
	worker Worker[Answer]
	list   knownList
	at     uint64   // items done in this pass
	passes int      // completed
	first  []Answer // of the first pass
	other  []Answer // of the first pass with others than the first
}

// NewRepeat returns a workload through the list of a mode, which must have one.
func NewRepeat[Answer comparable](mode Mode, w Worker[Answer]) *Repeat[Answer] {
	return &Repeat[Answer]{worker: w, list: knownLists[mode]}
}

// Begin does nothing.
func (r *Repeat[Answer]) Begin(uint64) {}

// Prepare lets a worker that is a [Preparer] prepare.
func (r *Repeat[Answer]) Prepare(ctx context.Context, items uint64) error {
	if p, ok := r.worker.(Preparer); ok {
		return p.Prepare(ctx, items)
	}
	return nil
}

// Run does the next items.
func (r *Repeat[Answer]) Run(ctx context.Context, items uint64) error {
	for items > 0 {
		if r.at == 0 {
			clear(r.worker.Answers()) // so that none stays from the pass before
		}
		n := min(items, r.list.items-r.at)
		if err := r.worker.Do(ctx, int(r.at), int(n)); err != nil {
			return err
		}
		r.at += n
		items -= n
		if r.at == r.list.items {
			r.compare()
			r.passes++
			r.at = 0
		}
	}
	return nil
}

// compare compares the answers of this pass, as far as it is done, with the first pass.
func (r *Repeat[Answer]) compare() {
	found := r.worker.Answers()
	found = found[:uint64(len(found))*r.at/r.list.items]
	switch {
	case r.passes == 0:
		r.first = slices.Clone(found)
	case r.other == nil && !slices.Equal(found, r.first[:len(found)]):
		r.other = slices.Concat(found, r.first[len(found):])
	}
}

// Finish ends the work and returns the answers: the known ones if all passes found them,
// otherwise the first others. It completes a first pass that is unfinished. Of a later
// one the part that is done counts.
func (r *Repeat[Answer]) Finish(ctx context.Context) (Answers, error) {
	if r.passes == 0 {
		rest := r.list.items - r.at
		if err := r.Prepare(ctx, rest); err != nil {
			return Answers{}, err
		}
		if err := r.Run(ctx, rest); err != nil {
			return Answers{}, err
		}
	}
	r.compare()
	found := Answers{r.list.List, digestOf(r.first)}
	if found == r.list.Answers && r.other != nil {
		found.Digest = digestOf(r.other)
	}
	return found, nil
}

// digestOf returns the digest of answers, see [Answers.Digest].
func digestOf[Answer any](answers []Answer) string {
	encoded, err := binary.Append(nil, binary.LittleEndian, answers)
	if err != nil {
		panic(err) // answers are verdicts or hashes
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
