package endtoend

import (
	"testing"

	"pgregory.net/rapid"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/engine/stratum"
)

// solve returns a share of the job: the first nonce that meets the target.
func solve(r *referee, bits uint32) stratum.Submit {
	s := stratum.Submit{
		Worker: "w", JobID: r.job.JobID, Extranonce2: make([]byte, extranonceSize), Time: r.job.Time + 5,
		Rolled: r.mask != 0, VersionBits: bits,
	}
	header := r.job.Header(extranonce1, s.Extranonce2, s.Time, r.job.Version&^r.mask|bits)
	encoded := header.Encode()
	found := false
	pow.Search(&encoded, r.target, pow.Range{Count: 1 << 16}, func(nonce uint32) {
		if !found {
			s.Nonce, found = nonce, true
		}
	})
	return s
}

func TestReferee(t *testing.T) {
	const mask = miner.DefaultVersionMask
	r := &referee{mask: mask}
	r.begin(makeJob(1, 1_700_000_000), pow.ZeroBits(8))
	good := solve(r, 0x2000)
	for _, c := range []struct {
		name  string
		alter func(s *stratum.Submit)
		code  int
	}{
		{"another job", func(s *stratum.Submit) { s.JobID = "2" }, stratum.CodeStale},
		{"a short extranonce", func(s *stratum.Submit) { s.Extranonce2 = s.Extranonce2[1:] }, stratum.CodeOther},
		{"bits outside the mask", func(s *stratum.Submit) { s.VersionBits |= 1 }, stratum.CodeOther},
		{"no version bits", func(s *stratum.Submit) { s.Rolled = false }, stratum.CodeOther},
		{"an early time", func(s *stratum.Submit) { s.Time = r.job.Time - 1 }, stratum.CodeOther},
		{"a late time", func(s *stratum.Submit) { s.Time = r.job.Time + maxTimeAhead + 1 }, stratum.CodeOther},
		{"another extranonce", func(s *stratum.Submit) { s.Extranonce2 = []byte{1, 2, 3, 4, 5, 6, 7, 9} }, stratum.CodeLowDifficulty},
		{"a share", func(*stratum.Submit) {}, 0},
		{"the same again", func(*stratum.Submit) {}, stratum.CodeDuplicate},
	} {
		s := good
		c.alter(&s)
		if code, text := r.judge(s); code != c.code || (code == 0) != (text == "") {
			t.Errorf("%s: code %d %q, want %d", c.name, code, text, c.code)
		}
	}
	r.begin(makeJob(2, 1_700_000_000), pow.ZeroBits(8))
	if code, _ := r.judge(good); code != stratum.CodeStale {
		t.Errorf("a share of the job before: code %d", code)
	}
	if code, _ := r.judge(solve(r, 0)); code != 0 {
		t.Errorf("a share of the new job: code %d", code)
	}
}

// Every job is a block of its own that says its number, and can be written and read.
func TestMakeJob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "number")
		j := makeJob(n, 1_700_000_000)
		m := j.Message()
		got, err := stratum.ParseNotify(m.Params)
		if err != nil || got.Prev != j.Prev || got.Height() != uint32(800_000+n%100_000) {
			t.Fatalf("height %d, %v", got.Height(), err)
		}
		header := got.Header(extranonce1, make([]byte, extranonceSize), j.Time, j.Version)
		encoded := header.Encode()
		if jobNumber(&encoded) != n {
			t.Fatalf("number %d, want %d", jobNumber(&encoded), n)
		}
	})
}
