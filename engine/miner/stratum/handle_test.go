package stratum

import (
	"strings"
	"testing"

	"stele/engine/miner"
	"stele/engine/stratum"
)

// The client has a cause for each code of the protocol.
func TestCauseOf(t *testing.T) {
	for code, want := range map[int]miner.Cause{
		stratum.CodeStale: miner.Stale, stratum.CodeDuplicate: miner.Duplicate, stratum.CodeLowDifficulty: miner.LowDifficulty,
		stratum.CodeUnauthorized: miner.Unauthorized, stratum.CodeNotSubscribed: miner.Unauthorized,
		stratum.CodeOther: miner.Invalid, 0: miner.Invalid, -1: miner.Invalid,
	} {
		if got := causeOf(&stratum.Error{Code: code}); got != want {
			t.Errorf("%d: %s, want %s", code, got, want)
		}
	}
	if got := causeOf(&stratum.Error{Code: -1, Text: "Not subscribed"}); got != miner.Unauthorized {
		t.Errorf("not subscribed: %s", got)
	}
}

func TestSameDomain(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"pool.example", "pool.example", true},
		{"POOL.example.", "pool.EXAMPLE", true},
		{"eu.pool.example", "us.pool.example", true},
		{"pool.example", "eu.pool.example", true},
		{"eu.pool.example", "pool.example", true},
		{"stratum.eu.pool.example", "stratum.us.pool.example", true},
		{"a.pool.co.uk", "b.pool.co.uk", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"localhost", "localhost", true},

		{"pool.example", "attacker.example", false},
		{"pool.co.uk", "attacker.co.uk", false},
		{"pool.com.au", "attacker.com.au", false},
		{"pool.gouv.fr", "attacker.gouv.fr", false},
		{"pool.info.pl", "attacker.info.pl", false},
		{"pool.duckdns.org", "attacker.duckdns.org", false},
		{"pool.github.io", "attacker.github.io", false},
		{"ec2-192-0-2-1.compute-1.amazonaws.com", "ec2-192-0-2-2.compute-1.amazonaws.com", false},
		{"eu.pool.example", "pool.example.attacker.example", false},
		{"eu.pool.example", "eupool.example", false},
		{"10.0.0.1", "10.0.0.2", false},
		{"pool.example", "10.0.0.1", false},
		{"10.0.0.1", "0.0.1", false},
		{"localhost", "x.localhost", false},
		{"pool.example", "", false},
		{"eu.pool.example", ".pool.example", false},
		{"eu.pool.example", "a b.pool.example", false},
		{"eu.pool.example", "attacker.example/.pool.example", false},
		{"eu.pool.example", "a..pool.example", false},
		{"eu.pool.example", strings.Repeat("a", 300) + ".pool.example", false},
	} {
		if got := sameDomain(test.from, test.to); got != test.want {
			t.Errorf("%s to %s: %v", test.from, test.to, got)
		}
	}
}
