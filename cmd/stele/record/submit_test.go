package record

import (
	"testing"

	"stele/node/api"
)

func TestChances(t *testing.T) {
	res := submitResult{Confirmations: 1, RevertChances: []api.RevertChance{{Share: 0.1, Chance: 1}, {Share: 0.25, Chance: 1}}}
	if got := res.chances(); got != "" {
		t.Errorf("at the tip: %q", got)
	}
	res.Confirmations, res.RevertChances[0].Chance, res.RevertChances[1].Chance = 6, 0.0009137, 0.0500796
	const want = "chance of an attacker to take it back after 6 confirmations: 0.091 % with 10 % of all work, 5 % with 25 % of all work\n"
	if got := res.chances(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
