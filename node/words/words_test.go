package words

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"stele/node/chain/corpus"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// placeholders returns those of a sentence, each once. The part of whoever acts may be
// said otherwise in a language, but no value may be lost.
func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// All languages have the same sentences with the same placeholders, and no sentence is
// empty.
func TestCataloguesAgree(t *testing.T) {
	english := In(English)
	for _, l := range Languages() {
		c := In(l)
		if c.Language() != l {
			t.Errorf("the catalogue of %s is that of %s", l, c.Language())
		}
		for _, key := range slices.Sorted(maps.Keys(english.texts)) {
			text, ok := c.texts[key]
			if !ok || text == "" {
				t.Errorf("%s has no %s", l, key)
			}
			if got, want := placeholders(text), placeholders(english.texts[key]); !slices.Equal(got, want) {
				t.Errorf("%s, %s: placeholders %v, want %v", l, key, got, want)
			}
			if strings.Count(text, "{") != len(placeholder.FindAllString(text, -1)) || strings.ContainsAny(text, "!。.") && !strings.HasSuffix(key, "moment") {
				t.Errorf("%s, %s: %q", l, key, text)
			}
		}
		for key := range c.texts {
			if !english.has(key) {
				t.Errorf("%s has %s, which English has not", l, key)
			}
		}
	}
	if !slices.ContainsFunc([]rune(In(Chinese).texts["record.RULING.ordered"]), func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		t.Error("the Chinese catalogue is not Chinese")
	}
	if In("xx") != english {
		t.Error("an unknown language is not English")
	}
}

// complete fails the test if a sentence has an open placeholder or is only a key.
func complete(t *testing.T, c *Catalog, what, text string) {
	t.Helper()
	if text == "" || placeholder.MatchString(text) || strings.HasPrefix(text, "record.") || strings.HasPrefix(text, "do.") || strings.Contains(text, "  ") {
		t.Errorf("%s, %s: %q", c.Language(), what, text)
	}
}

// Every record of the corpus, which has all types, has a sentence in all languages.
func TestCorpus(t *testing.T) {
	seen := map[record.Type]int{}
	say := func(r *record.Record) {
		if r.Payload.Check() != nil {
			return // no chain has it
		}
		seen[r.Type()]++
		for _, l := range Languages() {
			c := In(l)
			complete(t, c, r.Type().String(), c.Record(r.Payload))
			if text := c.Detail(r.Payload); placeholder.MatchString(text) || strings.Contains(text, "detail.") {
				t.Errorf("%s, %v: %q", l, r.Type(), text)
			}
		}
	}
	examples := corpus.Build()
	for _, example := range examples.Cases {
		switch example.Kind {
		case corpus.Block:
			if b, err := block.Decode(example.Bytes, examples.Params.MaxBlockSize); err == nil {
				for _, r := range b.Records {
					say(r)
				}
			}
		case corpus.Record:
			if r, err := record.Decode(example.Bytes); err == nil {
				say(r)
			}
		}
	}
	for _, typ := range record.Types() {
		if seen[typ] == 0 {
			t.Errorf("the corpus has no %v", typ)
		}
		for _, l := range Languages() {
			if In(l).Type(typ) == typ.String() {
				t.Errorf("%s has no name for %v", l, typ)
			}
		}
	}
}

// variants returns payloads with every choice that a record can make.
func variants() (all []record.Payload) {
	add := func(p ...record.Payload) { all = append(all, p...) }
	add(record.Coinbase{}, record.Pay{}, record.Pay{Reference: record.ID{1}}, record.KeyRotate{}, record.ProductRegister{}, record.VoucherIssue{Serial: "1"},
		record.VoucherTransfer{}, record.CustodyHandover{}, record.DeliveryConfirm{}, record.ProofOfAttempt{}, record.ClaimAnswer{}, record.ClaimAnswer{Accept: true},
		record.EvidenceAdd{}, record.ClaimWithdraw{}, record.ClaimEscalate{}, record.SettleConfirm{}, record.SettleConfirm{Accept: true}, record.ClaimClose{},
		record.Evaluate{}, record.EvaluateAmend{}, record.SellerReply{}, record.RewardClaim{}, record.RecallNotice{}, record.RecallNotice{Serial: "1"})
	for _, role := range record.Roles() {
		add(record.RoleGrant{Role: role}, record.RoleRevoke{Role: role})
	}
	for n := uint8(1); n < 8; n++ { // no choice has more values
		add(record.VoucherVoid{Cause: record.VoidCause(n)}, record.ShipmentCreate{Leg: record.Leg(n)}, record.DeliveryException{Kind: record.ExceptionKind(n)},
			record.InspectionReport{Finding: record.Finding(n)}, record.SettleExecute{Remedy: record.Remedy(n)}, record.Ruling{Outcome: record.Outcome(n), Remedy: record.Repair},
			record.SellerSuspend{Cause: record.SuspendCause(n)}, record.SellerRestore{Cause: record.SuspendCause(n)}, record.Correction{Cause: record.CorrectionCause(n)},
			record.ClaimRespond{Action: record.Reject, Cause: record.RejectCause(n)}, record.Ruling{Outcome: record.Ordered, Remedy: record.Remedy(n)})
		for m := uint8(1); m < 8; m++ {
			add(record.ClaimOpen{Ground: record.Ground(n), Remedy: record.Remedy(m)}, record.ClaimRespond{Action: record.Response(n), Remedy: record.Remedy(m)})
		}
	}
	return slices.DeleteFunc(all, func(p record.Payload) bool { return strings.Contains(fmt.Sprintf("%+v", p), ":choice-") })
}

// Every variant has a sentence, and every sentence is that of a variant.
func TestVariants(t *testing.T) {
	used := map[string]bool{}
	for _, p := range variants() {
		used[recordKey(p)] = true
		for _, l := range Languages() {
			complete(t, In(l), fmt.Sprintf("%T %+v", p, p), In(l).Record(p))
		}
		for _, part := range append(record.SignerParts(p), "maker") {
			if In(Chinese).Part(part) == part || In(Chinese).Label(part) == part {
				t.Errorf("no part %q", part)
			}
		}
	}
	for key := range In(English).texts {
		if strings.HasPrefix(key, "record.") && !used[key] {
			t.Errorf("no record has the sentence %s", key)
		}
	}
}

// Every reason, state, role and period has words.
func TestWords(t *testing.T) {
	for _, l := range Languages() {
		c := In(l)
		for _, r := range reject.All() {
			if c.Reason(r) == string(r) {
				t.Errorf("%s has no words for the reason %s", l, r)
			}
		}
		states := map[string][]fmt.Stringer{}
		for s := rules.VoucherIssued; s <= rules.VoucherReplaced; s++ {
			states["voucher"] = append(states["voucher"], s)
		}
		for s := rules.ClaimOpen; s <= rules.ClaimGivenUp; s++ {
			states["claim"] = append(states["claim"], s)
		}
		for s := rules.ShipmentCreated; s <= rules.ShipmentLost; s++ {
			states["shipment"] = append(states["shipment"], s)
		}
		for s := rules.EvaluationGiven; s <= rules.EvaluationAmended; s++ {
			states["evaluation"] = append(states["evaluation"], s)
		}
		for thing, all := range states {
			for _, s := range all {
				if !c.has("state."+thing+"."+s.String()) || !c.has("meaning."+thing+"."+s.String()) {
					t.Errorf("%s has no words for the %s in state %v", l, thing, s)
				}
			}
		}
		for _, r := range record.Roles() {
			if !c.has("role." + r.String()) {
				t.Errorf("%s has no words for the role %v", l, r)
			}
		}
	}
}

// Amounts are rounded as the readers of a page need them, and never to nothing.
func TestAmounts(t *testing.T) {
	for a, want := range map[record.Amount]string{
		0: "0", 1: "0.00000001", 9_999: "0.00009999", 10_000: "0.0001", record.Coin/2 + 3_230_354: "0.5323",
		record.Coin: "1.00", 123_456_789_012: "1,234.57", record.Coin - 1: "1.0000",
	} {
		if got := Coins(a); got != want {
			t.Errorf("%d: %s, want %s", a, got, want)
		}
	}
	if got := In(English).Exact().Amount(record.Coin + 1); got != "1.00000001 coins" {
		t.Errorf("%q", got)
	}
	if got := In(Chinese).Amount(record.Coin); got != "1.00 币" {
		t.Errorf("%q", got)
	}
}

// Text from a record is not searched for placeholders.
func TestTextFromOutside(t *testing.T) {
	got := In(English).Record(record.VoucherIssue{Serial: "{amount}{who}", Price: record.Coin})
	if got != "The seller sells item {amount}{who} for 1.00 coins" {
		t.Errorf("%q", got)
	}
}
