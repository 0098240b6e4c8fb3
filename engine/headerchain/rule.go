package headerchain

import "fmt"

// Rule names a rule. It is an error, the kind of a [Violation], so that
// errors.Is(err, headerchain.TimeTooOld) tells one rule from another.
type Rule string

// The rules.
const (
	// BitsAboveLimit: the target of nBits is above the limit of the chain.
	BitsAboveLimit Rule = "bits-above-limit"
	// BadRetarget: nBits are not what the retarget rule gives, or differ from
	// the header before without a retarget.
	BadRetarget Rule = "bad-retarget"
	// TimeTooOld: the time is not after the median of the 11 headers before.
	TimeTooOld Rule = "time-too-old"
	// TimeWarp: the time of a period's first or last header breaks BIP 54.
	TimeWarp Rule = "time-warp"
	// BadGenesis: the chain starts with another block than it has to, or
	// elsewhere than at height 0.
	BadGenesis Rule = "bad-genesis"
)

func (r Rule) Error() string { return string(r) }

// Violation tells how a header breaks a rule.
type Violation struct {
	Rule Rule
	Text string // what was found and what was expected
}

func (v *Violation) Error() string { return fmt.Sprintf("%s: %s", v.Rule, v.Text) }

// Unwrap returns v.Rule, for errors.Is.
func (v *Violation) Unwrap() error { return v.Rule }

func violation(rule Rule, format string, args ...any) error {
	return &Violation{Rule: rule, Text: fmt.Sprintf(format, args...)}
}
