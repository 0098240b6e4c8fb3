package sig

import "crypto/ed25519"

// selfTest compares all stages with the model, and verdicts with those that are known.
func selfTest(e *engine) bool { return sameStages(e) && rightVerdicts(e) }

// sameStages compares all stages with the model: with limbs that are random, small,
// and as high as allowed.
func sameStages(e *engine) bool {
	rng := newSplitMix(1)
	for s := range stages {
		for range 4 {
			g := randomGroup(rng, s.maxInput())
			want := *g
			modelEngine.stages[s](&want)
			e.stages[s](g)
			if *g != want {
				return false
			}
		}
	}
	return true
}

// rightVerdicts checks a good and a bad signature in each of the lanes of two groups, of
// new keys and of known ones.
func rightVerdicts(e *engine) bool {
	goods, bads := knownItems()
	c := newChecker(e)
	for turn := range 4 {
		if turn == 2 {
			makeItemTables(c, goods)
			makeItemTables(c, bads)
		}
		var items [pairItems]Item
		var want, got [pairItems]bool
		for i := range items {
			if want[i] = i%2 == turn%2; want[i] {
				items[i] = goods[i%len(goods)]
			} else {
				items[i] = bads[i%len(bads)]
			}
		}
		c.Check(items[:], got[:])
		if got != want {
			return false
		}
	}
	return true
}

// makeItemTables makes the tables of all items.
func makeItemTables(c *Checker, items []Item) {
	tables, keys := make([]*Table, len(items)), make([]*[32]byte, len(items))
	for i := range items {
		tables[i], keys[i] = new(Table), items[i].Key
		items[i].Table = tables[i]
	}
	c.MakeTables(tables, keys, make([]bool, len(items)))
}

// order8 is the encoding of a point of order 8.
var order8 = [32]byte{
	0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
	0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
}

// knownItems returns good signatures, of which the last two need the factor 8, and bad
// ones: with a bit wrong in the key, in R, in s and in the message, and with s + L.
func knownItems() (goods, bads []Item) {
	for n := range 5 {
		private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(n)))
		message := make([]byte, 60*n+1)
		key := [32]byte(private.Public().(ed25519.PublicKey))
		sig := [64]byte(ed25519.Sign(private, message))
		goods = append(goods, Item{Key: &key, Sig: &sig, Message: message})

		badKey, badSig, badMessage := key, sig, message
		switch n {
		case 0:
			badKey[0] ^= 2
		case 1:
			badSig[31] ^= 128
		case 2:
			badSig[32] ^= 1
		case 3:
			badMessage = append([]byte{1}, message[1:]...)
		case 4:
			var carry uint
			for i := range 32 {
				carry += uint(sig[32+i]) + uint(order[i/8]>>(i%8*8)&255)
				badSig[32+i] = byte(carry)
				carry >>= 8
			}
		}
		bads = append(bads, Item{Key: &badKey, Sig: &badSig, Message: badMessage})
	}
	for range 2 {
		small := new([64]byte) // R is the identity, s = 0
		small[0] = 1
		goods = append(goods, Item{Key: &order8, Sig: small, Message: []byte{byte(len(goods))}})
	}
	return goods, bads
}
