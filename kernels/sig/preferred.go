package sig

import (
	"crypto/ed25519"
	"encoding/binary"
	"sync"
	"time"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Preferred reports whether Check is faster here than a batch of curve25519-voi: not
// every CPU with the instructions has the pipes for them. It is false if the kernel is
// not [Available]. Safe for concurrent use; the first call measures both, for up to
// 20 ms.
func Preferred() bool { return Available() && preferred() }

var preferred = sync.OnceValue(func() bool {
	items := timedItems()
	c, good := NewChecker(), make([]bool, len(items))
	return faster(
		func() { c.Check(items, good) },
		func() { checkByBatch(items) },
		time.Now,
	)
})

const (
	timedRounds = 4
	minRounds   = 3                     // whatever they take: one is easily disturbed
	maxTiming   = 12 * time.Millisecond // no further round starts later
)

// faster reports whether the fastest of some runs of f is faster than that of g. The
// two take turns, so that both see the same noise. now is the clock.
func faster(f, g func(), now func() time.Time) bool {
	best := [2]time.Duration{1<<63 - 1, 1<<63 - 1}
	begin := now()
	for round := 0; round < timedRounds && (round < minRounds || now().Sub(begin) < maxTiming); round++ {
		for i, run := range [2]func(){f, g} {
			start := now()
			run()
			best[i] = min(best[i], now().Sub(start))
		}
	}
	return best[0] < best[1]
}

// timedItems returns as many good signatures as share an inversion.
func timedItems() []Item {
	const keys = 16
	items := make([]Item, maxItems)
	for i := range items {
		if i >= keys { // the time does not depend on what is signed
			items[i] = items[i-keys]
			continue
		}
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(i))
		private := ed25519.NewKeyFromSeed(seed)
		message := make([]byte, 150)
		items[i] = Item{
			Key:     (*[32]byte)(private.Public().(ed25519.PublicKey)),
			Sig:     (*[64]byte)(ed25519.Sign(private, message)),
			Message: message,
		}
	}
	return items
}

// checkByBatch checks the items as a batch.
func checkByBatch(items []Item) bool {
	v := voi.NewBatchVerifierWithCapacity(len(items))
	for i := range items {
		v.AddWithOptions(items[i].Key[:], items[i].Message, items[i].Sig[:], &voi.Options{Verify: voi.VerifyOptionsZIP_215})
	}
	return v.VerifyBatchOnly(nil)
}
