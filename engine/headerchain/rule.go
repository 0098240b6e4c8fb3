package headerchain

import (
	"fmt"
	"strings"
)

// Rule names a rule. It is an error, the kind of a [Violation], so that
// errors.Is(err, headerchain.TimeTooOld) identifies the rule. The words are
// stable.
type Rule string

// The rules.
const (
	// BitsAboveLimit: the target of nBits is above the limit of the chain.
	BitsAboveLimit Rule = "bits-above-limit"
	// BadRetarget: nBits are not those of the retarget rule, or differ from the
	// header before without a retarget.
	BadRetarget Rule = "bad-retarget"
	// TimeTooOld: the time is not after the median of the 11 headers before.
	TimeTooOld Rule = "time-too-old"
	// TimeWarp: the time of a period's first or last header breaks BIP 54, or
	// that of its first header BIP 94.
	TimeWarp Rule = "time-warp"
	// BadGenesis: the chain does not start with its genesis block, or a block
	// without a parent is not at height 0.
	BadGenesis Rule = "bad-genesis"
)

func (r Rule) Error() string { return string(r) }

// Violation describes how a header breaks a rule.
type Violation struct {
	Rule Rule
	Text string // what was found and what was expected
}

func (v *Violation) Error() string { return fmt.Sprintf("%s: %s", v.Rule, v.Text) }

// Unwrap returns v.Rule, for errors.Is.
func (v *Violation) Unwrap() error { return v.Rule }

// Violations are all rules that a header breaks.
type Violations []*Violation

func (v Violations) Error() string {
	texts := make([]string, len(v))
	for i, one := range v {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the violations, for errors.Is and errors.As.
func (v Violations) Unwrap() []error {
	all := make([]error, len(v))
	for i, one := range v {
		all[i] = one
	}
	return all
}

// add adds an error that is nil or a *Violation.
func (v *Violations) add(err error) {
	if err != nil {
		*v = append(*v, err.(*Violation))
	}
}

func violation(rule Rule, format string, args ...any) *Violation {
	return &Violation{Rule: rule, Text: fmt.Sprintf(format, args...)}
}
