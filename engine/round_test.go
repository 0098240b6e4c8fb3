package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPartSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := part{
			off: rapid.Uint64Range(0, 1<<32-1000).Draw(t, "off"),
			n:   rapid.Uint64Range(1, 1000).Draw(t, "n"),
		}
		for i := range p.n {
			if rapid.Bool().Draw(t, "reported") {
				p.reported = append(p.reported, (p.off+i)*MaxVersions+rapid.Uint64Range(0, MaxVersions-1).Draw(t, "version"))
			}
		}
		reported := slices.Clone(p.reported)
		at := rapid.Uint64Range(0, 1001).Draw(t, "at")
		front, rest := p.split(at)
		if front.off != p.off || front.n != min(at, p.n) || front.n+rest.n != p.n || rest.n > 0 && rest.off != p.off+front.n {
			t.Fatalf("%+v at %d: %+v, %+v", p, at, front, rest)
		}
		for _, half := range []part{front, rest} {
			for _, x := range half.reported {
				if x/MaxVersions < half.off || x/MaxVersions >= half.off+half.n {
					t.Fatalf("%d is not in %+v", x, half)
				}
			}
		}
		// What one half adds does not reach into the other.
		front.reported = append(front.reported, 1, 2, 3)
		if got := append(front.reported[:len(front.reported)-3:len(front.reported)-3], rest.reported...); !slices.Equal(got, reported) {
			t.Fatalf("reported %v, then %v", reported, got)
		}
	})
}

// A round with very many hits forgets some of the parts that were done, so that
// they cannot be revoked.
func TestRoundIsBounded(t *testing.T) {
	u := testUnit("a", 1)
	r := nonceRound(testJob(1, 0), allNonces)
	for i := range uint64(maxHitsInRound/maxHitsInPiece) * 2 {
		p := piece{part: part{off: 2 * i * maxHitsInPiece, n: maxHitsInPiece}, round: r}
		p.unreported(make([]hit, maxHitsInPiece))
		r.accept(u, p.part)
	}
	if len(r.finished[u]) != maxHitsInRound/maxHitsInPiece || r.reported != maxHitsInRound {
		t.Errorf("%d parts with %d hits are kept", len(r.finished[u]), r.reported)
	}
	left := r.left
	if parts := r.revoke(u); len(parts) != maxHitsInRound/maxHitsInPiece || r.reported != 0 || r.left != left+maxHitsInRound || len(r.finished) != 0 {
		t.Errorf("%d parts revoked, round %+v", len(parts), r)
	}
}
