package gbt

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stele/engine/miner"
)

// The test vectors of BIP 173 and BIP 350 for the encoding itself.
func TestBech32(t *testing.T) {
	for encoding, valid := range map[uint32][]string{
		bech32: {
			"A12UEL5L", "a12uel5l",
			"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
			"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
			"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
			"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", "?1ezyfcl",
		},
		bech32m: {
			"A1LQFN3A", "a1lqfn3a",
			"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
			"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
			"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
			"split1checkupstagehandshakeupstreamerranterredcaperredlc445v", "?1v759aa",
		},
	} {
		for _, s := range valid {
			if _, _, got, err := decodeBech32(s); err != nil || got != encoding {
				t.Errorf("%s: encoding %#x, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{
		"\x201nwldj5", "\x7f1axkwrx", "\x801eym55h",
		"an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
		"pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3", "de1lg7wt\xff", "A1G7SGD8", "10a06t8", "1qzzfhee",
		"\x201xj0phk", "\x7f1g6xzxy", "\x801vctc34",
		"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
		"qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "in1muywd", "mm1crxm3i", "au1s5cgom", "M1VUXWEZ", "16plkw9", "1p2gdwpf",
	} {
		if _, _, _, err := decodeBech32(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// Addresses with their scripts: those of BIP 173 and BIP 350, and of the tests of
// Bitcoin Core (key_io_valid.json); one chain that each belongs to, and one that it
// does not.
var addresses = []struct{ address, script, chain, other string }{
	{"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6", "main", "signet"},
	{"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262", "test", "main"},
	{"tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy", "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433", "testnet3", "regtest"},
	{"tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c", "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433", "signet", "simnet"},
	{"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "mainnet", "testnet4"},
	{"bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9", "00146f58bac9506f9bfb821d62e69330410bb56f0085", "regtest", "test"},
	{"bcrt1pfwxjqvtt4tcxrtdluukfmy2dv7xd2qzdfy6kajv5nwn4yam3wxkq3553uh", "51204b8d20316baaf061adbfe72c9d914d678cd5004d49356ec9949ba752777171ac", "regtest", "signet"},
	{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac", "main", "test"},
	{"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", "a914373b819a068f32b7a6b38b6b38729647cfde01c287", "main", "regtest"},
	{"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", "76a914ce28b26c57472737f5c3561a1761185bd8589a4388ac", "testnet4", "main"},
	{"2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK", "a914ce0bba75891ff9ec60148d4bd4a09ee2dc5c933187", "testnet4", "simnet"},
	{"mww4LvqtTMKvmeQvizPz2EQv26xTneWrbg", "76a914b4110ba93ac54afc14da3bdd19614774a2d55d2988ac", "signet", "main"},
	{"2MxFajLApXpYk4VodBSZSt7rw8y4ryABkfA", "a91436e9f191e0b75036a77f65e2eaa4752443233fbe87", "regtest", "main"},
	{"1111111111111111111114oLvT2", "76a914000000000000000000000000000000000000000088ac", "main", "simnet"}, // of 20 zeros
	{"SNrExv4meNtf7QKvwj5EWudgZUrE14xFqc", "", "simnet", "main"},
}

func TestAddress(t *testing.T) {
	for _, a := range addresses {
		p, err := parsePayout(a.address)
		if err != nil {
			t.Errorf("%s: %v", a.address, err)
			continue
		}
		if got := hex.EncodeToString(p.script); got != a.script && a.script != "" {
			t.Errorf("%s: script %s, want %s", a.address, got, a.script)
		}
		if !p.fits(a.chain) || p.fits(a.other) || p.fits("unknown") {
			t.Errorf("%s: fits %s", a.address, p.chains)
		}
	}
	for _, script := range []string{"51", "0014751e76e8199196d454941c45d1b3a323f1433bd6", strings.Repeat("Ab", 252)} {
		p, err := parsePayout(script)
		if err != nil || hex.EncodeToString(p.script) != strings.ToLower(script) || !p.fits("any") {
			t.Errorf("%s: %x, %v", script, p.script, err)
		}
	}
}

func TestBadAddress(t *testing.T) {
	for _, bad := range []string{
		"", "5", strings.Repeat("51", 253), "x", "1Address", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
		// BIP 173, and what is bech32 there and bech32m since BIP 350.
		"tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
		"BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2", "bc1rw5uspcuh",
		"bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90",
		"BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7",
		"bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv", "bc1gmk9yu",
		"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx", "BC1SW50QA3JX3S", "bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj",
		// BIP 350.
		"tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
		"tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
		"bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
		"bc1pw5dgrnzv", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
		"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
		"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
		// Valid there, but of programs that nothing protects yet.
		"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", "BC1SW50QGDZ25J", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
		// Of the tests of Bitcoin Core (key_io_invalid.json), and a private key.
		"2UVPFpGYnLHJezFzjUo42our6PMEoozzRdM", "2MygHQjE1U33q3LSC53p69YqFjP8PihumJAF", "KzNbAQ4mexfAxa6RKBzHQqfoTycaeWpv2p",
		"2jDPrDfAKihCGPbPD9ztY8TswAia4V8Bc6vx", "AZEah8d1EK362okRBS66e8SvdtYkrE8tsX", "2NDNP7GY59tTJPZTpbkprhM9SR99Nn5rUs7",
		"5JuW2AMDYu4xVwRG9DZW18VbzQrGcd5RCgb99sS6ehJsNQXu5b9",
		// One digit 1 too many, one too few, and a wrong letter.
		"11FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "111111111111111111114oLvT2", "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp",
	} {
		if p, err := parsePayout(bad); !errors.Is(err, ErrPayout) {
			t.Errorf("%q: %x, %v", bad, p.script, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "wrong checksum"},
		{"tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", `unknown prefix "tc"`},
		{"AZEah8d1EK362okRBS66e8SvdtYkrE8tsX", "unknown version"},
	} {
		if _, err := parsePayout(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
}

// No input makes it panic, and what it accepts has an output script of a known form
// and length.
func FuzzPayout(f *testing.F) {
	for _, a := range addresses {
		f.Add(a.address)
	}
	f.Add("51")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePayout(text)
		if err != nil {
			return
		}
		if n := len(p.script); p.address != "" && !slices.Contains([]int{22, 23, 25, 34}, n) || n == 0 || n > maxScript {
			t.Errorf("%q: a script of %d bytes", text, n)
		}
	})
}

// A node of another network than the address is not mined for, nor one that does
// not report its network.
func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		payout, answer string
		want           []string // nothing: it goes on
	}{
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", `{"result":{"chain":"main"}}`, nil},
		{"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", `{"result":{"chain":"regtest"}}`, nil},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", `{"result":{"chain":"signet"}}`, []string{"of the network main", "the node is on signet"}},
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", `{"result":{"chain":"simnet"}}`, []string{"of the network main", "the node is on simnet"}},
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", `{"result":{}}`, []string{"output script in hex"}},
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", `{"error":{"code":-32601,"message":"Method not found"}}`, []string{"the node has no method getblockchaininfo", "output script in hex"}},
		{"51", `{"error":{"code":-32601,"message":"Method not found"}}`, nil},
	} {
		var asked []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var q struct{ Method string }
			_ = json.NewDecoder(r.Body).Decode(&q)
			asked = append(asked, q.Method)
			if q.Method == "getblockchaininfo" {
				fmt.Fprint(w, c.answer)
			} else {
				fmt.Fprint(w, `{"error":{"code":-9,"message":"no peers"}}`)
			}
		}))
		client, err := New(Options{URL: server.URL, Payout: c.payout})
		if err != nil {
			t.Fatal(err)
		}
		err = client.Run(t.Context(), make(session, 1))
		server.Close()
		if len(c.want) == 0 {
			if errors.Is(err, miner.ErrFatal) || !slices.Contains(asked, "getblocktemplate") {
				t.Errorf("%s and %s: %v, asked %s", c.payout, c.answer, err, asked)
			}
			continue
		}
		if !errors.Is(err, miner.ErrFatal) || slices.Contains(asked, "getblocktemplate") {
			t.Errorf("%s and %s: %v, asked %s", c.payout, c.answer, err, asked)
		}
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s and %s: %v, want %s", c.payout, c.answer, err, want)
			}
		}
	}
}
