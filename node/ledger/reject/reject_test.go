package reject

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// constants returns the values of the constants of type Reason, in groups, in
// the order of the source, and fails for one without a comment.
func constants(t *testing.T) (groups [][]Reason) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		var group []Reason
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "Reason" {
				continue
			}
			if v.Comment.Text() == "" {
				t.Errorf("%s has no comment", v.Names[0])
			}
			word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			group = append(group, Reason(word))
		}
		if group != nil {
			groups = append(groups, group)
		}
	}
	return groups
}

// The table has every constant once, in the same order; words are in kebab
// case and each group is sorted.
func TestTable(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	groups := constants(t)
	for _, group := range groups {
		if !slices.IsSorted(group) {
			t.Errorf("not sorted: %v", group)
		}
		for _, r := range group {
			if !kebab.MatchString(string(r)) {
				t.Errorf("%q is not in kebab case", r)
			}
		}
	}
	all := slices.Concat(groups...)
	if got := All(); !slices.Equal(got, all) {
		t.Errorf("the table has\n%v\nand the constants are\n%v", got, all)
	}
	sorted := slices.Sorted(slices.Values(all))
	if len(slices.Compact(sorted)) != len(all) {
		t.Error("a word is listed twice")
	}
}

func TestTraits(t *testing.T) {
	for _, r := range []Reason{UnknownParent, TimeTooNew, BelowPruned, SequenceGap, InsufficientFunds, PoolFull} {
		if r.Permanent() {
			t.Errorf("%s is permanent", r)
		}
	}
	for _, r := range []Reason{BadSignature, SequenceUsed, BadRecordEncoding, MerkleTwin, "no such reason"} {
		if !r.Permanent() {
			t.Errorf("%s is not permanent", r)
		}
	}
	for _, r := range All() {
		want := r == BadMerkleRoot || r == MerkleTwin || r == BadWitnessRoot
		if r.BodyMismatch() != want {
			t.Errorf("%s: BodyMismatch is %t", r, !want)
		}
	}
}

// Faults are those that the bytes alone show. A reason that depends on the state of a
// node is none: a peer with another state would be punished for it.
func TestFault(t *testing.T) {
	faults := []Reason{
		"ambiguous", "bad-block-encoding", "bad-record-encoding", "block-too-large", "not-canonical", "record-too-large",
		"signature-count", "wrong-id",

		"amount-out-of-range", "bad-coinbase", "bad-signature", "duplicate-signer", "self-rotation", "too-many-approvers",
		"unknown-role", "weak-key", "wrong-network",

		"bad-gtin", "bad-serial", "bad-text", "bad-time", "contrary-fields", "missing-id", "score-out-of-range",
		"unknown-choice", "zero-quantity",

		"bad-bits", "high-hash", "time-too-old", "time-warp",
	}
	for _, r := range append(All(), "no such reason", "") {
		want := slices.Contains(faults, r)
		if r.Fault() != want {
			t.Errorf("%s: Fault is %t", r, !want)
		}
		if want && (!r.Permanent() || r.BodyMismatch()) {
			t.Errorf("%s is a fault, but may pass later or says nothing about the header", r)
		}
	}
	for _, r := range faults {
		if !slices.Contains(All(), r) {
			t.Errorf("%q is not a reason", r)
		}
	}
}

func TestError(t *testing.T) {
	err := New(SequenceGap, "sequence number %d, want %d", 5, 3)
	if got, want := err.Error(), "sequence-gap: sequence number 5, want 3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	wrapped := fmt.Errorf("record 7: %w", err)
	if r, ok := Of(wrapped); !ok || r != SequenceGap {
		t.Errorf("Of(wrapped) = %q, %t", r, ok)
	}
	if !errors.Is(wrapped, &Error{Reason: SequenceGap}) || errors.Is(wrapped, &Error{Reason: SequenceUsed}) {
		t.Error("errors.Is does not go by the reason")
	}
	if errors.Is(wrapped, &Error{Reason: SequenceGap, Text: "another text"}) {
		t.Error("errors.Is does not look at the text")
	}
	for _, err := range []error{nil, errors.New("sequence-gap: looks like one")} {
		if r, ok := Of(err); ok || r != "" {
			t.Errorf("Of(%v) = %q, %t", err, r, ok)
		}
	}
}
