// Package casetext writes what a node says of a case for people who write commands: what
// a party may do, with the names of records and fields. The sentences are those of
// package words.
package casetext

import (
	"fmt"
	"math"
	"strings"

	"stele/node/api"
	"stele/node/words"
)

// English are the words of the command line.
var English = words.In(words.English)

// Until writes the last second of a period, and how far that is from the median time.
func Until(end uint64, median uint32) string { return English.Until(end, words.Clock{Now: median}) }

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
	if !a.Allowed {
		text = fmt.Sprintf("%s: %s (%s)", text, English.Reason(a.Reason), a.Reason)
		if a.Hint != "" {
			text += ", " + a.Hint
		}
		return text
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
	return English.Silence(words.Turn{Silence: t.Silence, Then: t.Then, ThenBy: t.ThenBy})
}
