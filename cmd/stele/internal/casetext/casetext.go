// Package casetext writes what a node says of a case for people: times, deadlines, and
// what a party may do.
package casetext

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stele/cmd/stele/internal/human"
	"stele/node/api"
	"stele/node/ledger/record"
)

// Moment writes a median time, in seconds since 1970. Times that no record can have are
// "never".
func Moment(seconds uint64) string {
	if seconds >= math.MaxUint32 {
		return "never"
	}
	return record.Time(seconds).String()
}

// Until writes the last second of a period, and how far that is from the median time.
func Until(end uint64, median uint32) string {
	if end >= math.MaxUint32 {
		return "without end"
	}
	if left := int64(end) - int64(median); left >= 0 {
		return fmt.Sprintf("until %s, %s left", Moment(end), human.Duration(time.Duration(left)*time.Second))
	}
	return "ended on " + Moment(end)
}

// Allowed returns the actions that are allowed now.
func Allowed(actions api.Actions) (allowed []api.Action) {
	for _, a := range actions.Items {
		if a.Allowed {
			allowed = append(allowed, a)
		}
	}
	return allowed
}

// Action writes what an action is, what its author has to choose, and when it is
// possible, or else why it is not.
func Action(a api.Action, median uint32) string {
	text := strings.TrimSpace(a.Type + " " + a.Choice)
	if a.FaultCode != 0 {
		text += fmt.Sprintf(" of fault %d", a.FaultCode)
	}
	switch {
	case !a.Allowed && a.Hint != "":
		return fmt.Sprintf("%s: %s, %s", text, a.Reason, a.Hint)
	case !a.Allowed:
		return fmt.Sprintf("%s: %s", text, a.Reason)
	}
	if len(a.Missing) > 0 {
		text += ", with " + strings.Join(a.Missing, ", ")
	}
	if a.Until != 0 && a.Until < math.MaxUint32 {
		text += ", " + Until(a.Until, median)
	}
	return text
}

// Silence writes what happens if those whose turn it is stay silent; "" if nothing does.
func Silence(t api.Turn) string {
	switch {
	case t.Silence != "":
		return "the claim becomes " + t.Silence
	case t.Then != "":
		return fmt.Sprintf("the %s may write %s", t.ThenBy, t.Then)
	}
	return ""
}
