package book

import (
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// start is when the tests begin.
var start = time.Unix(1_800_000_000, 0)

// options returns options with which a book behaves the same each time.
func options(seed uint64) Options {
	o := Options{Rand: mathrand.New(mathrand.NewPCG(seed, 1))}
	binary.LittleEndian.PutUint64(o.Secret[:], seed+1)
	return o
}

// addr returns the n-th address of a group. All are routable.
func addr(group, n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(11 + group/256), byte(group), byte(n >> 8), byte(n)}), 8699)
}

// announced returns the announcement of an address that was seen at a time.
func announced(a netip.AddrPort, seen time.Time) Announced {
	return Announced{Addr: a, Services: 1, Seen: seen}
}

// anyAddress accepts all addresses.
func anyAddress(Address) bool { return true }

// checkTables fails the test unless the tables, the entries and the counts agree.
func checkTables(t rapid.TB, b *Book) {
	t.Helper()
	places := map[*entry]int{}
	for row := range b.fresh {
		for slot, e := range b.fresh[row] {
			if e == nil {
				continue
			}
			places[e]++
			here := place{row, slot}
			if e.tried || !slices.ContainsFunc(e.sources, func(s Group) bool { return b.newPlace(e.Addr, s) == here }) {
				t.Fatalf("%v is at %v of the new table: tried %v, sources %v", e.Addr, here, e.tried, e.sources)
			}
		}
	}
	tried := 0
	for row := range b.tried {
		for slot, e := range b.tried[row] {
			if e == nil {
				continue
			}
			tried++
			places[e]++
			if !e.tried || len(e.sources) != 1 || b.triedPlace(e.Addr) != (place{row, slot}) {
				t.Fatalf("%v is at %d, %d of the tried table: tried %v, sources %v", e.Addr, row, slot, e.tried, e.sources)
			}
		}
	}
	for a, e := range b.entries {
		if e.Addr != a || places[e] == 0 || places[e] != len(e.sources) {
			t.Fatalf("%v: %d places, %d sources", a, places[e], len(e.sources))
		}
	}
	if len(places) != len(b.entries) || tried != b.triedCount {
		t.Fatalf("%d entries have places, %d are known; %d are tried, counted %d", len(places), len(b.entries), tried, b.triedCount)
	}
	if len(b.challenges) > maxChallenges || len(b.discouraged) > maxDiscouraged {
		t.Fatalf("%d challenges, %d discouraged", len(b.challenges), len(b.discouraged))
	}
}

// model is a book of unlimited size: all that a book may know.
type model map[netip.AddrPort]*Address

// Whatever happens, the book knows nothing that did not happen, its tables are
// consistent, and a reload changes nothing.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := start
		b := New(options(rapid.Uint64().Draw(t, "seed")))
		m := model{}
		bad := map[netip.Addr]time.Time{}
		// Few groups and many addresses, so that places collide.
		drawAddr := rapid.Custom(func(t *rapid.T) netip.AddrPort {
			return addr(rapid.IntRange(0, 2).Draw(t, "group"), rapid.IntRange(0, 400).Draw(t, "n"))
		})
		one := func(t *rapid.T) (netip.AddrPort, *Address) {
			a := drawAddr.Draw(t, "addr")
			return a, m[a]
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				source := drawAddr.Draw(t, "source").Addr()
				first := rapid.IntRange(0, 300).Draw(t, "first")
				for i := range rapid.IntRange(1, 200).Draw(t, "count") {
					a := addr(i%3, first+i)
					if b.Add(now, source, announced(a, now)) > 0 {
						if m[a] != nil {
							t.Fatalf("%v is new twice", a)
						}
						m[a] = &Address{Addr: a}
					}
				}
			},
			"call": func(t *rapid.T) {
				a, known := one(t)
				b.Called(now, a)
				if known != nil {
					known.Attempt = now
				}
			},
			"good": func(t *rapid.T) {
				a, known := one(t)
				b.Good(now, a, 5)
				if known != nil {
					*known = Address{Addr: a, Services: 5, Seen: now, Attempt: now, Success: now}
				}
			},
			"failed": func(t *rapid.T) {
				a, known := one(t)
				online := rapid.Bool().Draw(t, "online")
				b.Failed(now, a, online)
				if known != nil {
					known.Attempt = now
					if online {
						known.Failures++
					}
				}
			},
			"remove": func(t *rapid.T) {
				a, _ := one(t)
				b.Remove(a)
				delete(m, a)
				if _, ok := b.Get(a); ok {
					t.Fatalf("%v was removed", a)
				}
			},
			"discourage": func(t *rapid.T) {
				a, _ := one(t)
				b.Discourage(now, a.Addr())
				bad[a.Addr()] = now.Add(discouragedTime)
			},
			"forget": func(t *rapid.T) {
				a, _ := one(t)
				b.Forget(a.Addr())
				delete(bad, a.Addr())
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 100_000).Draw(t, "seconds")) * time.Second)
			},
			"reload": func(t *rapid.T) {
				before := b.Encode()
				loaded, err := Decode(before, now, Options{Rand: b.rand})
				if err != nil {
					t.Fatal(err)
				}
				for a, until := range b.discouraged { // what has ended is not loaded
					if !until.After(now) {
						b.Forget(a)
					}
				}
				if string(loaded.Encode()) != string(b.Encode()) {
					t.Fatal("a reload changes the book")
				}
				b = loaded
			},
			"pick": func(t *rapid.T) {
				even := func(a Address) bool { return a.Addr.Addr().As4()[3]%2 == 0 }
				for _, pick := range []func(time.Time, func(Address) bool) (Address, bool){b.Pick, b.Feeler} {
					a, ok := pick(now, even)
					if ok && (!even(a) || now.Before(bad[a.Addr.Addr()])) {
						t.Fatalf("drew %v", a)
					}
				}
			},
			"": func(t *rapid.T) {
				checkTables(t, b)
				for a, want := range m {
					got, ok := b.Get(a)
					if !ok { // its place was taken
						delete(m, a)
						continue
					}
					if got.Failures != want.Failures || !got.Success.Equal(want.Success) || !got.Attempt.Equal(want.Attempt) {
						t.Fatalf("%+v, want %+v", got, *want)
					}
					if b.IsTried(a) && want.Success.IsZero() {
						t.Fatalf("%v is tried, but never worked", a)
					}
				}
				if fresh, tried := b.Len(); fresh+tried != len(m) {
					t.Fatalf("%d and %d addresses, want %d", fresh, tried, len(m))
				}
				for a, until := range bad {
					if b.IsDiscouraged(now, a) != now.Before(until) {
						t.Fatalf("%v is discouraged until %v", a, until)
					}
				}
			},
		})
	})
}

// flood lets an attacker announce 10,000 addresses of one group, each from a peer of
// another group if it has peers in many, and reach all of them if they answer.
func flood(b *Book, sources int, answer bool) {
	for n := range 10_000 {
		a := addr(0, n)
		b.Add(start, addr(1000+n%sources, 1).Addr(), announced(a, start))
		if answer {
			b.Good(start, a, 1)
		}
	}
}

// An honest address is found among 10,000 of one group, wherever they come from,
// also if they answer, and also if it comes after them.
func TestHonestAddressAmongFlood(t *testing.T) {
	honest := addr(500, 1)
	for _, test := range []struct {
		name    string
		sources int
		answer  bool
		late    bool // the honest address is announced after the flood
		limit   int  // addresses of the group that may have a place
	}{
		{"one source", 1, false, false, bucketSize},
		{"one source, the honest address later", 1, false, true, bucketSize},
		{"many sources", 1000, false, false, newBuckets * bucketSize},
		{"answering", 1, true, false, bucketSize + bucketsPerGroup*bucketSize},
		{"many sources, answering", 1000, true, false, newBuckets*bucketSize + bucketsPerGroup*bucketSize},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(5) {
				b := New(options(seed))
				add := func() { b.Add(start, addr(600, 1).Addr(), announced(honest, start)) }
				if !test.late {
					add()
				}
				flood(b, test.sources, test.answer)
				if test.late {
					add()
				}
				checkTables(t, b)
				if _, ok := b.Get(honest); !ok {
					t.Fatal("the honest address has no place")
				}
				fresh, tried := b.Len()
				if n := fresh + tried - 1; n > test.limit {
					t.Errorf("%d addresses of one group, want at most %d", n, test.limit)
				}
				if tried > bucketsPerGroup*bucketSize {
					t.Errorf("%d tried addresses of one group", tried)
				}
				// Two slots of one group are full: the next draw leaves that group out.
				group := b.Group(addr(0, 0).Addr())
				got, ok := b.Pick(start, func(a Address) bool { return b.Group(a.Addr.Addr()) != group })
				if !ok || got.Addr != honest {
					t.Errorf("drew %v, want %v", got.Addr, honest)
				}
			}
		})
	}
}

// Without any help of the caller an honest address is drawn as often as its bucket:
// a flood from one source fills one bucket.
func TestFloodFillsOneBucket(t *testing.T) {
	b := New(options(1))
	honest := addr(500, 1)
	b.Add(start, addr(600, 1).Addr(), announced(honest, start))
	flood(b, 1, false)
	hits := 0
	for range 1000 {
		if a, _ := b.Pick(start, anyAddress); a.Addr == honest {
			hits++
		}
	}
	if hits < 400 || hits > 600 {
		t.Errorf("the honest address was drawn %d of 1000 times, want about 500", hits)
	}
}

// collide adds addresses that work until one shares the tried place of another, and
// returns both. The owner's last success is older than freshSuccess by then.
func collide(t *testing.T, b *Book) (owner, challenger netip.AddrPort, now time.Time) {
	t.Helper()
	owners := map[place]netip.AddrPort{}
	for n := range 2000 {
		a := addr(0, n)
		p := b.triedPlace(a)
		if owners[p].IsValid() {
			owner, challenger = owners[p], a
			break
		}
		owners[p] = a
	}
	b.Add(start, addr(1, 1).Addr(), announced(owner, start))
	b.Good(start, owner, 1)
	now = start.Add(freshSuccess + time.Minute)
	b.Add(now, addr(1, 1).Addr(), announced(challenger, now))
	if !b.IsTried(owner) {
		t.Fatal("the owner is not tried")
	}
	return owner, challenger, now
}

// A place in the tried table changes its owner only after a call to the owner failed.
func TestTriedPlace(t *testing.T) {
	b := New(options(1))
	owner, challenger, now := collide(t, b)
	b.Good(start.Add(time.Hour), challenger, 1)
	if a, _ := b.Feeler(now, anyAddress); a.Addr == owner {
		t.Error("a fresh owner is tested")
	}
	b.Good(now, challenger, 1)
	if b.IsTried(challenger) {
		t.Fatal("the place was taken without a test")
	}
	if a, ok := b.Feeler(now, anyAddress); !ok || a.Addr != owner {
		t.Fatalf("the feeler goes to %v, want %v", a.Addr, owner)
	}

	// The owner answers: it keeps the place.
	b.Good(now, owner, 1)
	if a, _ := b.Feeler(now, anyAddress); a.Addr == owner {
		t.Error("an owner that answered is tested again")
	}

	// It does not answer: while this node is offline that means nothing.
	now = now.Add(freshSuccess + time.Minute)
	b.Good(now, challenger, 1)
	b.Failed(now, owner, false)
	if !b.IsTried(owner) {
		t.Error("a failure without a network counts")
	}
	b.Failed(now, owner, true)
	if b.IsTried(owner) || !b.IsTried(challenger) {
		t.Error("the place did not go to the challenger")
	}
	if _, ok := b.Get(owner); !ok {
		t.Error("the owner is not in the new table")
	}
	checkTables(t, b)
	b.Remove(challenger)
	b.Remove(challenger)
	if fresh, tried := b.Len(); fresh != 1 || tried != 0 {
		t.Errorf("%d and %d addresses after a removal", fresh, tried)
	}
	checkTables(t, b)
}

// A challenge that was not decided in time, or whose challenger is gone, ends.
func TestChallengeEnds(t *testing.T) {
	b := New(options(1))
	owner, challenger, now := collide(t, b)
	b.Good(now, challenger, 1)
	late := now.Add(challengeTime)
	if a, _ := b.Feeler(late, anyAddress); a.Addr == owner {
		t.Error("the owner is tested after the challenge has ended")
	}
	b.Failed(late, owner, true)
	if !b.IsTried(owner) {
		t.Error("the owner lost its place after the challenge had ended")
	}

	b.Good(late, challenger, 1)
	b.Remove(challenger)
	if a, ok := b.Feeler(late, anyAddress); ok {
		t.Errorf("the feeler goes to %v without a challenger", a.Addr)
	}
	b.Failed(late, owner, true)
	if !b.IsTried(owner) {
		t.Error("a challenger that was removed won")
	}
}

// A worthless owner gives its place away without a test.
func TestWorthless(t *testing.T) {
	for _, test := range []struct {
		name string
		e    Address
		want bool
	}{
		{"fresh", Address{Seen: start}, false},
		{"unseen for a month", Address{Seen: start.Add(-horizon - time.Hour)}, true},
		{"unseen, being called", Address{Seen: start.Add(-horizon - time.Hour), Attempt: start.Add(-30 * time.Second)}, false},
		{"never worked, twice", Address{Seen: start, Failures: 2}, false},
		{"never worked, three times", Address{Seen: start, Failures: 3}, true},
		{"worked lately", Address{Seen: start, Failures: 50, Success: start.Add(-6 * 24 * time.Hour)}, false},
		{"worked long ago, nine failures", Address{Seen: start, Failures: 9, Success: start.Add(-8 * 24 * time.Hour)}, false},
		{"worked long ago, ten failures", Address{Seen: start, Failures: 10, Success: start.Add(-8 * 24 * time.Hour)}, true},
	} {
		if e := (&entry{Address: test.e}); e.isWorthless(start) != test.want {
			t.Errorf("%s: worthless %v", test.name, !test.want)
		}
	}

	b := New(options(1))
	owner, challenger, _ := collide(t, b)
	late := start.Add(horizon + time.Hour)
	b.Add(late, addr(1, 1).Addr(), announced(challenger, late))
	b.Good(late, challenger, 1)
	if !b.IsTried(challenger) || b.IsTried(owner) {
		t.Error("a worthless owner keeps its place")
	}
	checkTables(t, b)
}

// An up-to-date address keeps its only place in the new table; one that nobody saw
// for a month loses it.
func TestNewPlace(t *testing.T) {
	b := New(options(1))
	source := addr(1, 1).Addr()
	var first, second netip.AddrPort
	at := map[place]netip.AddrPort{}
	for n := range 2000 {
		a := addr(0, n)
		p := b.newPlace(a, b.sourceOf(source))
		if at[p].IsValid() {
			first, second = at[p], a
			break
		}
		at[p] = a
	}
	b.Add(start, source, announced(first, start))
	if b.Add(start, source, announced(second, start)) != 0 {
		t.Error("a newcomer took the place of a fresh address")
	}
	late := start.Add(horizon + time.Hour)
	if b.Add(late, source, announced(second, late)) != 1 {
		t.Error("a newcomer did not get the place of a worthless address")
	}
	if _, ok := b.Get(first); ok {
		t.Error("the worthless address is still known")
	}
}

// Announcements from other groups give an address up to eight places.
func TestSources(t *testing.T) {
	b := New(options(1))
	a := addr(0, 1)
	for n := range 100_000 {
		b.Add(start, addr(10+n%2000, 1).Addr(), announced(a, start))
	}
	if n := len(b.entries[a].sources); n != maxPlaces {
		t.Errorf("%d places, want %d", n, maxPlaces)
	}
	b.Good(start, a, 1)
	checkTables(t, b)
}

// What an announcement says about time and services is limited.
func TestAnnounced(t *testing.T) {
	b := New(options(1))
	a, peer := addr(0, 1), addr(1, 1)
	get := func(a netip.AddrPort) Address {
		got, ok := b.Get(a)
		if !ok {
			t.Fatalf("%v is not known", a)
		}
		return got
	}
	b.Add(start, peer.Addr(), Announced{a, 1, start.Add(time.Hour)}, Announced{peer, 1, start})
	if got := get(a).Seen; !got.Equal(start.Add(-announcedDelay)) {
		t.Errorf("seen %v", got)
	}
	if got := get(peer).Seen; !got.Equal(start) {
		t.Errorf("the peer announces itself, seen %v", got)
	}
	b.Add(start, peer.Addr(), Announced{a, 7, start})
	if got := get(a).Services; got != 7 {
		t.Errorf("services %d, want 7", got)
	}
	b.Good(start, a, 3)
	b.Add(start, peer.Addr(), Announced{a, 7, start})
	if got := get(a).Services; got != 3 {
		t.Errorf("services %d, want those of its hello, 3", got)
	}
	old := addr(0, 2)
	if n := b.Add(start, peer.Addr(), announced(old, start.Add(-horizon)), announced(old, time.Time{})); n != 0 {
		t.Error("an address that nobody saw for a month was taken")
	}
}

func TestAccepts(t *testing.T) {
	for _, test := range []struct {
		addr            string
		public, private bool
	}{
		{"8.8.8.8:8699", true, true},
		{"[2a00:1450::1]:8699", true, true},
		{"[::ffff:8.8.8.8]:8699", true, true},
		{"8.8.8.8:0", false, false},
		{"127.0.0.1:8699", false, true},
		{"10.1.2.3:8699", false, true},
		{"[::ffff:10.1.2.3]:8699", false, true},
		{"[::1]:8699", false, true},
		{"[fd00::1]:8699", false, true},
		{"203.0.113.9:8699", false, true},
		{"100.64.0.1:8699", false, true},
		{"[2001:db8::1]:8699", false, true},
		{"0.0.0.0:8699", false, false},
		{"[::]:8699", false, false},
		{"224.0.0.1:8699", false, false},
		{"255.255.255.255:8699", false, false},
		{"169.254.1.1:8699", false, false},
		{"[fe80::1%eth0]:8699", false, false},
	} {
		a := netip.MustParseAddrPort(test.addr)
		if got := New(Options{}).Accepts(a); got != test.public {
			t.Errorf("%s: accepted %v", test.addr, got)
		}
		if got := New(Options{Private: true}).Accepts(a); got != test.private {
			t.Errorf("%s: accepted %v with private addresses", test.addr, got)
		}
	}
	if b := New(Options{}); b.Accepts(netip.AddrPort{}) || b.Add(start, netip.Addr{}, announced(addr(0, 1), start)) != 0 {
		t.Error("the zero address was accepted")
	}
}

// One address in several forms is one address.
func TestForms(t *testing.T) {
	b := New(options(1))
	a := netip.MustParseAddrPort("11.0.0.1:8699")
	mapped := netip.MustParseAddrPort("[::ffff:11.0.0.1]:8699")
	b.Add(start, mapped.Addr(), announced(mapped, start), announced(a, start))
	if fresh, _ := b.Len(); fresh != 1 {
		t.Fatalf("%d addresses", fresh)
	}
	b.Good(start, mapped, 1)
	if got, ok := b.Get(mapped); !ok || got.Addr != a || !b.IsTried(a) {
		t.Errorf("%+v, %v", got, ok)
	}
}

func TestGroupOf(t *testing.T) {
	for _, test := range []struct{ addr, group string }{
		{"8.8.4.4", "8.8.0.0/16"},
		{"::ffff:8.8.4.4", "8.8.0.0/16"},
		{"2002:808:404::1", "8.8.0.0/16"},
		{"2a00:1450:4001::1", "2a00:1450::/32"},
		{"127.0.0.1", ""},
		{"192.168.1.1", ""},
		{"2002:c0a8:101::1", ""},
		{"::1", ""},
		{"fe80::1%eth0", ""},
	} {
		got := GroupOf(netip.MustParseAddr(test.addr))
		if test.group == "" && got.IsValid() || test.group != "" && got.String() != test.group {
			t.Errorf("%s: group %v, want %q", test.addr, got, test.group)
		}
	}
	if GroupOf(netip.Addr{}).IsValid() {
		t.Error("no address has a group")
	}
}

// The nodes of one machine, which are in no group, all find a place.
func TestLoopback(t *testing.T) {
	o := options(1)
	o.Private = true
	b := New(o)
	local := netip.MustParseAddr("127.0.0.1")
	const count = 20
	for n := range uint16(count) {
		b.Add(start, local, announced(netip.AddrPortFrom(local, 28700+n), start))
	}
	if fresh, _ := b.Len(); fresh < count-1 {
		t.Errorf("%d addresses of %d", fresh, count)
	}
}

// A clock that was far ahead leaves nobody discouraged for long.
func TestDiscouragedAhead(t *testing.T) {
	b, now, addr := New(Options{}), time.Unix(1_800_000_000, 0), netip.MustParseAddr("8.8.8.8")
	b.Discourage(now.AddDate(4, 0, 0), addr)
	if b.IsDiscouraged(now, addr) || b.Discouraged(now) != 0 {
		t.Error("discouraged for four years")
	}
	b.Discourage(now.Add(time.Minute), addr)
	if !b.IsDiscouraged(now, addr) {
		t.Error("not discouraged after the clock went back by a minute")
	}
}
