package record

import "stele/kernels/sig"

// worker is what one goroutine of a Verifier works with.
type worker struct {
	v         *Verifier
	reference *batch
	kernel    kernel // nil: it was not needed yet

	// Of the chunk that is checked.
	todo    []int // indices of records
	message []byte
	items   []sig.Item
	good    []bool
}

// check checks the signatures of records, and sets the errors of those with bad ones.
// Good ones are remembered.
func (w *worker) check(records []*Record, errs []error) {
	defer w.reset()
	disagreements := w.v.disagreements.Load()
	w.todo = w.v.unknown(w.todo, records)
	for _, i := range w.todo {
		if r := records[i]; len(r.Signatures) == signatureCount(r.Payload) {
			w.add(r)
		} else {
			errs[i] = wrongSignatureCount(len(r.Signatures), signatureCount(r.Payload))
		}
	}
	w.good = append(w.good, make([]bool, len(w.items))...)
	w.verdicts(w.items, w.good)
	next := 0
	for _, i := range w.todo {
		if errs[i] != nil {
			continue
		}
		for n := range records[i].Signatures {
			if !w.good[next] && errs[i] == nil {
				errs[i] = badSignature(records[i], n, Key(*w.items[next].Key))
			}
			next++
		}
	}
	w.v.remember(records, errs, w.todo, disagreements)
}

// add adds the signatures of a record to the items.
func (w *worker) add(r *Record) {
	start := len(w.message)
	w.message = appendSigningMessage(w.message, r)
	message := w.message[start:]
	for i, signers := 0, r.Signers(); i < len(signers); i++ {
		w.items = append(w.items, sig.Item{
			Key: (*[32]byte)(&signers[i]), Sig: (*[64]byte)(&r.Signatures[i]), Message: message,
		})
	}
}

// reset forgets the chunk.
func (w *worker) reset() {
	clear(w.items)
	w.todo, w.message, w.items, w.good = w.todo[:0], w.message[:0], w.items[:0], w.good[:0]
}

// verdicts sets good[i] to whether the signature of items[i] is good.
func (w *worker) verdicts(items []sig.Item, good []bool) {
	switch {
	case len(items) == 1:
		good[0] = signedItem(&items[0])
	case len(items) > 1 && w.v.kernels.preferred():
		w.byKernel(items, good)
	default:
		w.reference.check(items, good)
	}
}

// byKernel is verdicts by the kernel. If the reference differs on one of the items that
// it looks at, it judges all of them.
func (w *worker) byKernel(items []sig.Item, good []bool) {
	if w.kernel == nil {
		w.kernel = w.v.kernels.make()
	}
	w.v.tables.find(items)
	w.kernel.Check(items, good)
	if i := w.v.kernels.disputed(items, good); i >= 0 {
		w.v.distrust(newDisagreement(&items[i], good[i]))
		w.reference.check(items, good)
		return
	}
	w.v.tables.learn(w.kernel, items, good)
}
