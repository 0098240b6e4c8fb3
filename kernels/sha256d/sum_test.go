package sha256d

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// vectors are messages of FIPS 180-4's examples, and one that Bitcoin's documentation
// has. The hashes are from Python's hashlib.
var vectors = []struct{ message, hash string }{
	{"", "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"},
	{"abc", "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "0cffe17f68954dac3a84fb1458bd5ec99209449749b2b308b7cb55812f9563af"},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", "accd7bd1cb0fcbd85cf0ba5ba96945127776373a7d47891eb43ed6b1e2ee60fe"},
	{strings.Repeat("a", 1000000), "80d1189477563e1b5206b2749f1afe4807e5705e8bd77887a60187a712156688"},
	{"hello", "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"},
}

// Every vector in each lane, and all of them together.
func TestVectors(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, v := range vectors {
			n := maxLanes + 1
			if len(v.message) > 1000 {
				n = k.least
			}
			messages, hashes := make([]Message, n), make([][32]byte, n)
			for j := range messages {
				messages[j][j%3] = []byte(v.message)
			}
			k.Sum(hashes, messages)
			for j, h := range hashes {
				if hex.EncodeToString(h[:]) != v.hash {
					t.Errorf("vector %d at %d: hash %x, want %s", i, j, h, v.hash)
				}
			}
		}
		var messages []Message
		for _, v := range vectors {
			messages = append(messages, Message{[]byte(v.message)}, Message{nil, nil, []byte(v.message)})
		}
		checkSum(t, k, messages)
	})
}

// checkSum compares the hashes of a kernel with those of the standard library.
func checkSum(t interface{ Fatalf(string, ...any) }, k *Kernel, messages []Message) {
	const guard = 0xa5
	got := make([][32]byte, len(messages)+2)
	for i := range got {
		got[i] = [32]byte(bytes.Repeat([]byte{guard}, 32))
	}
	k.Sum(got[1:len(got)-1], messages)
	for i, want := range doubleSums(messages) {
		if got[1+i] != want {
			m := messages[i]
			t.Fatalf("%s: message %d of %d, of %d, %d and %d bytes: hash %x, want %x",
				k.name, i, len(messages), len(m[0]), len(m[1]), len(m[2]), got[1+i], want)
		}
	}
	if got[0] != got[len(got)-1] || got[0][0] != guard {
		t.Fatalf("%s: %d messages: wrote beside the hashes", k.name, len(messages))
	}
}

// Every length up to 300 bytes, in one part, in two and in three, where the borders
// of blocks are too.
func TestLengths(t *testing.T) {
	text := randomBytes(1, 300)
	var messages []Message
	for n := range text {
		m := text[:n]
		messages = append(messages, Message{m}, Message{nil, m}, Message{nil, nil, m})
		for _, cut := range []int{1, 54, 55, 56, 63, 64, 65, 119, 120, 128, n / 2, n - 1} {
			if cut < 0 || cut > n {
				continue
			}
			messages = append(messages,
				Message{m[:cut], m[cut:]}, Message{m[:cut], nil, m[cut:]},
				Message{m[:cut], m[cut : cut+(n-cut)/2], m[cut+(n-cut)/2:]},
				Message{m[:cut/3], m[cut/3 : cut], m[cut:]})
		}
	}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		checkSum(t, k, messages)
		for chunk := range slices.Chunk(messages, 40) { // of one length, about
			checkSum(t, k, chunk)
		}
	})
}

// Every number of messages up to three batches: of one length, of few, and with one
// among them that is long.
func TestCounts(t *testing.T) {
	text := randomBytes(2, 20_000)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for n := range 3*maxLanes + 2 {
			same, few := make([]Message, n), make([]Message, n)
			for i := range same {
				same[i][0] = text[i : i+200]
				few[i][i%3] = text[i : i+100+i*37%500]
			}
			checkSum(t, k, same)
			checkSum(t, k, few)
			if n > 0 {
				few[n/2][0] = text[:n*150]
				checkSum(t, k, few)
			}
		}
	})
}

// The longest messages first, and each of them once.
func TestByLength(t *testing.T) {
	text := make([]byte, 10_000)
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, len(text))), 0, 200).Draw(t, "sizes")
		messages := make([]Message, len(sizes))
		for i, n := range sizes {
			messages[i] = Message{text[:n/2], text[n/2 : n]}
		}
		sorted := byLength(make([]order, 3), messages)
		seen := make([]bool, len(sizes))
		for i, o := range sorted {
			if want := len(text[:sizes[o.index]])/64 + 1; int(o.blocks) != want && int(o.blocks) != want+1 {
				t.Fatalf("%d blocks for %d bytes", o.blocks, sizes[o.index])
			}
			if i > 0 && o.blocks > sorted[i-1].blocks {
				t.Fatalf("%d blocks after %d", o.blocks, sorted[i-1].blocks)
			}
			if seen[o.index] {
				t.Fatalf("message %d twice", o.index)
			}
			seen[o.index] = true
		}
		if slices.Contains(seen, false) {
			t.Fatal("a message is missing")
		}
	})
}

// Messages that are much longer than the others are hashed by themselves, and the
// others together.
func TestAlone(t *testing.T) {
	blocks := func(counts ...uint32) (some []order) {
		for _, n := range counts {
			some = append(some, order{blocks: n})
		}
		return append(some, make([]order, 40)...)
	}
	k := &Kernel{lanes: 32, least: 4}
	for _, c := range []struct {
		sorted []order
		want   int
	}{
		{blocks(5, 5, 5, 5), 0},
		{blocks(5, 4, 4, 4), 0},
		{blocks(6, 4, 4, 4), 1},
		{blocks(257, 4, 4, 4), 1},
		{blocks(257, 256, 4, 4), 2},
		{blocks(257, 257, 257, 4), 3},
		{blocks(257, 257, 257, 257, 4), 0},
	} {
		if got := k.alone(c.sorted); got != c.want {
			t.Errorf("%v: %d alone, want %d", c.sorted[:5], got, c.want)
		}
	}
}

func TestSumProperty(t *testing.T) {
	text := randomBytes(3, 4000)
	part := rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 150), rapid.IntRange(0, 1200)).Draw(t, "length")
		at := rapid.IntRange(0, len(text)-n).Draw(t, "at")
		return text[at : at+n]
	})
	message := rapid.Custom(func(t *rapid.T) Message {
		return Message{part.Draw(t, "first"), part.Draw(t, "second"), part.Draw(t, "third")}
	})
	eachKernel(t, func(t *testing.T, k *Kernel) {
		rapid.Check(t, func(t *rapid.T) {
			checkSum(t, k, rapid.SliceOfN(message, 0, 80).Draw(t, "messages"))
		})
	})
}

// Every number of parents up to three turns of the widest kernel, and more than one call
// has; apart from the nodes, and in their place.
func TestPairs(t *testing.T) {
	counts := []int{maxTurns*4 - 1, maxTurns*4 + 5, maxTurns*maxLanes - 1, maxTurns*maxLanes + 37}
	for n := range 3*maxLanes + 2 {
		counts = append(counts, n)
	}
	all := randomHashes(4, 2*slices.Max(counts))
	want := doublePairs(all)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, n := range counts {
			nodes, parents := slices.Clone(all[:2*n]), make([][32]byte, n+1)
			k.Pairs(parents[:n], nodes)
			if !slices.Equal(parents[:n], want[:n]) || parents[n] != [32]byte{} {
				t.Errorf("%d parents differ", n)
			}
			if !slices.Equal(nodes, all[:2*n]) {
				t.Errorf("%d parents: the nodes have changed", n)
			}
			k.Pairs(nodes[:n], nodes)
			if !slices.Equal(nodes[:n], want[:n]) || !slices.Equal(nodes[n:], all[n:2*n]) {
				t.Errorf("%d parents in the place of the nodes differ", n)
			}
		}
	})
}

// A type of the caller's own, and the kernel of the process.
func TestGeneric(t *testing.T) {
	type hash [32]byte
	hashes := make([]hash, 40)
	messages := make([]Message, len(hashes))
	for i := range messages {
		messages[i][1] = []byte(fmt.Sprint("message ", i))
	}
	Sum(hashes, messages)
	for i, want := range doubleSums(messages) {
		if hashes[i] != hash(want) {
			t.Errorf("hash %d is %x, want %x", i, hashes[i], want)
		}
	}
	want := doubleSum(hashes[38][:], hashes[39][:])
	if Pairs(hashes[:20], hashes); hashes[19] != hash(want) {
		t.Errorf("parent %x, want %x", hashes[19], want)
	}
	Sum([]hash{}, nil)
	Pairs([]hash(nil), nil)
}

func TestNumbersDiffer(t *testing.T) {
	mustPanic := func(want string, f func()) {
		t.Helper()
		defer func() {
			if got := recover(); got != want {
				t.Errorf("panic %v, want %s", got, want)
			}
		}()
		f()
	}
	some := make([][32]byte, 5)
	mustPanic("sha256d: 5 hashes for 4 messages", func() { Sum(some, make([]Message, 4)) })
	mustPanic("sha256d: 2 parents for 5 nodes", func() { Pairs(some[:2], some) })
	mustPanic("sha256d: 5 parents for 5 nodes", func() { Pairs(some, some) })
}

// A kernel may serve several goroutines, whose stacks are as small as stacks begin.
func TestKernelsAreShared(t *testing.T) {
	text := randomBytes(5, 2000)
	messages := make([]Message, 100)
	for i := range messages {
		messages[i][0] = text[i : i+i*17%900]
	}
	want, nodes := doubleSums(messages), randomHashes(6, 100)
	wantParents := doublePairs(nodes)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					hashes, parents := make([][32]byte, len(want)), make([][32]byte, len(wantParents))
					k.Sum(hashes, messages)
					k.Pairs(parents, nodes)
					if !slices.Equal(hashes, want) || !slices.Equal(parents, wantParents) {
						t.Error("hashes differ from the reference")
					}
				}
			})
		}
		all.Wait()
	})
}
