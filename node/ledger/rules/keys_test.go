package rules

import (
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// checkCurrentKeys checks CurrentKeys against a verdict about a record: one that
// is rejected for a rotated key has such a key as its author, or among these keys,
// and one that is accepted has none among them.
func checkCurrentKeys(t interface{ Fatalf(string, ...any) }, v View, r *record.Record, verdict error) {
	rotated := func(k record.Key) bool {
		a, err := GetAccount(v, k)
		if err != nil {
			t.Fatalf("%v", err)
		}
		return a.Rotated(k)
	}
	reason, _ := reject.Of(verdict)
	named := slices.ContainsFunc(CurrentKeys(r.Payload), rotated)
	switch {
	case verdict == nil && named:
		t.Fatalf("%v %+v: accepted, although one of the keys %v was rotated", r.Type(), r.Payload, CurrentKeys(r.Payload))
	case reason == reject.KeyRotated && !named && !rotated(r.Key):
		t.Fatalf("%v %+v: rejected for a rotated key, but none of %v was rotated", r.Type(), r.Payload, CurrentKeys(r.Payload))
	}
}
