package sig

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// benchBatch is the size of the batches that are compared.
const benchBatch = 256

// signedBy returns good signatures of messages with so many bytes, with the keys in a
// random order.
func (s signer) signedBy(keys, count, bytes int) []Item {
	private := make([]ed25519.PrivateKey, keys)
	for i := range private {
		private[i] = ed25519.NewKeyFromSeed(s.bytes(ed25519.SeedSize))
	}
	items := make([]Item, count)
	for i := range items {
		message, key := s.bytes(bytes), private[i%keys]
		items[i] = Item{
			Key: (*[32]byte)(key.Public().(ed25519.PublicKey)), Sig: (*[64]byte)(ed25519.Sign(key, message)), Message: message,
		}
	}
	for i := range items {
		other := i + int(s.rng.next()%uint64(len(items)-i))
		items[i], items[other] = items[other], items[i]
	}
	return items
}

// shareTables returns the items with a table for each key.
func shareTables(c *Checker, items []Item) []Item {
	items = slices.Clone(items)
	made := map[[32]byte]*Table{}
	for i := range items {
		if made[*items[i].Key] == nil {
			t := new(Table)
			c.MakeTables([]*Table{t}, []*[32]byte{items[i].Key}, make([]bool, 1))
			made[*items[i].Key] = t
		}
		items[i].Table = made[*items[i].Key]
	}
	return items
}

// alternate runs f and g in the order f, g, g, f, each with the next batch, and reports
// how much longer g takes: the ratio of the medians, and that of the minima.
func alternate(b *testing.B, batches int, f, g func(batch int), fName, gName string) {
	var times [2][]time.Duration
	for turn := 0; b.Loop(); turn++ {
		for _, which := range []int{0, 1, 1, 0} {
			run := [2]func(int){f, g}[which]
			start := time.Now()
			run((turn + which) % batches)
			times[which] = append(times[which], time.Since(start))
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	median := func(i int) float64 { return float64(times[i][len(times[i])/2]) / benchBatch }
	b.ReportMetric(median(1)/median(0), "ratio")
	b.ReportMetric(float64(times[1][0])/float64(times[0][0]), "ratio-min")
	b.ReportMetric(median(0), fName)
	b.ReportMetric(median(1), gName)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCheck compares the kernel with voi's batch: with keys that are new, and with
// known ones, of which voi has expanded forms.
func BenchmarkCheck(b *testing.B) {
	needKernel(b)
	s, c, good := signer{newSplitMix(26)}, newChecker(&assembly), make([]bool, benchBatch)
	const count = 4096
	for _, bytes := range []int{150, 250} {
		for _, keys := range []int{256, 4096} {
			items := s.signedBy(keys, count, bytes)
			at := func(items []Item, batch int) []Item { return items[batch*benchBatch:][:benchBatch] }
			kernel := func(items []Item) func(int) {
				return func(batch int) {
					c.Check(at(items, batch), good)
					if slices.Contains(good, false) {
						b.Fatal("not good")
					}
				}
			}
			if keys == count {
				b.Run(fmt.Sprintf("new/bytes=%d", bytes), func(b *testing.B) {
					alternate(b, count/benchBatch, kernel(items), func(batch int) {
						if !checkByBatch(at(items, batch)) {
							b.Fatal("not good")
						}
					}, "ns/signature", "voi-ns/signature")
				})
			}
			b.Run(fmt.Sprintf("known/keys=%d/bytes=%d", keys, bytes), func(b *testing.B) {
				known, expanded := shareTables(c, items), expandKeys(b, items)
				alternate(b, count/benchBatch, kernel(known), func(batch int) {
					if !checkExpanded(at(items, batch), expanded[batch*benchBatch:]) {
						b.Fatal("not good")
					}
				}, "ns/signature", "voi-ns/signature")
			})
		}
	}
}

// expandKeys returns voi's form of the key of each item.
func expandKeys(b *testing.B, items []Item) []*voi.ExpandedPublicKey {
	made, all := map[[32]byte]*voi.ExpandedPublicKey{}, make([]*voi.ExpandedPublicKey, len(items))
	for i := range items {
		if made[*items[i].Key] == nil {
			expanded, err := voi.NewExpandedPublicKey(items[i].Key[:])
			if err != nil {
				b.Fatal(err)
			}
			made[*items[i].Key] = expanded
		}
		all[i] = made[*items[i].Key]
	}
	return all
}

func checkExpanded(items []Item, keys []*voi.ExpandedPublicKey) bool {
	v := voi.NewBatchVerifierWithCapacity(len(items))
	for i := range items {
		v.AddExpandedWithOptions(keys[i], items[i].Message, items[i].Sig[:], &voi.Options{Verify: voi.VerifyOptionsZIP_215})
	}
	return v.VerifyBatchOnly(nil)
}

// BenchmarkHostile compares signatures that cost most with good ones: the ratio is what
// hostile ones cost.
func BenchmarkHostile(b *testing.B) {
	needKernel(b)
	s, c, good := signer{newSplitMix(27)}, newChecker(&assembly), make([]bool, benchBatch)
	honest, hostile := s.signedBy(benchBatch, benchBatch, 150), make([]Item, benchBatch)
	oneBad := slices.Clone(honest)
	for i := range hostile {
		hostile[i] = s.withTorsion(b, 150)
		if i%lanes == lanes-1 {
			oneBad[i] = s.spoiled(b, oneBad[i], 2)
			hostile[i] = s.spoiled(b, hostile[i], 2)
		}
	}
	check := func(items []Item) func(int) { return func(int) { c.Check(items, good) } }
	for name, items := range map[string][]Item{"cofactor": hostile, "one-bad": oneBad} {
		b.Run("new/"+name, func(b *testing.B) {
			alternate(b, 1, check(honest), check(items), "ns/signature", "hostile-ns/signature")
		})
		b.Run("known/"+name, func(b *testing.B) {
			alternate(b, 1, check(shareTables(c, honest)), check(shareTables(c, items)), "ns/signature", "hostile-ns/signature")
		})
	}
}
