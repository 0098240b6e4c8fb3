package bench

import (
	"errors"
	"strings"
	"testing"
)

// The texts of a result from outside are safe to display when it is read.
func TestParseCleans(t *testing.T) {
	r := trueResult(t)
	r.Environment.Label = "a\x1b[31mb\u202e\n" + strings.Repeat("x", 3*maxText)
	r.Failed = []Failure{{"search/cuda:1", "lost\r\nall good"}}
	r.Cases[0].Samples[0].GPU = &GPUStates{}
	r.Cases[0].Samples[0].GPU.Before.Absent = map[string]string{"fan_percent": "\x07"}
	got, err := Parse(strings.NewReader(text(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	label := got.Environment.Label
	if !strings.HasPrefix(label, "a [31mb  x") || len(label) != maxText || got.Failed[0].Reason != "lost  all good" || got.Cases[0].Samples[0].GPU.Before.Absent["fan_percent"] != " " {
		t.Errorf("label %.20q of %d bytes, %q", label, len(label), got.Failed)
	}
	r = trueResult(t)
	r.Cases[0].Samples[0].GPU = &GPUStates{}
	r.Cases[0].Samples[0].GPU.After.Absent = map[string]string{"fan\x1b": "not there"}
	if _, err := Parse(strings.NewReader(text(t, r))); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), `the name "fan\x1b": must be printable`) {
		t.Errorf("a key that is not printable: %v", err)
	}
}
