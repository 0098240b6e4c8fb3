package sig

import (
	"crypto/ed25519"
	"encoding/binary"
	"sync"
	"time"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/kernels/internal/timing"
)

// Preferred reports whether Check is faster here than a batch of curve25519-voi: not
// every CPU with the instructions has the pipes for them. It is false if the kernel is
// not [Available]. Safe for concurrent use; the first call measures both, for about 20 ms.
func Preferred() bool { return Available() && preferred() }

var preferred = sync.OnceValue(func() bool {
	items := timedItems()
	c, good := NewChecker(), make([]bool, len(items))
	times := timing.Shortest(3, 12*time.Millisecond, // one turn is easily disturbed
		func() { c.Check(items, good) },
		func() { checkByBatch(items) },
	)
	return times[0] <= times[1] // equal if the clock stands still: see timing
})

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
