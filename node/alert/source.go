package alert

import (
	"context"

	"stele/internal/text"
)

// Report is what a source knows of the facts of its kinds.
type Report struct {
	Facts []Fact
	// Partial means that more facts hold than the report has: an alert whose fact is
	// missing is not resolved.
	Partial bool
}

// Source reports facts.
type Source struct {
	Name  string // for the log
	Kinds []Kind // of all its facts; no other source has one of them
	// Facts returns the facts that hold now. An error means that nothing is known: the
	// alerts of its kinds stay as they are.
	Facts func(context.Context) (Report, error)
}

// bound makes the texts of facts safe to display, and cuts what is too long.
func (r *Report) bound() {
	for i := range r.Facts {
		f := &r.Facts[i]
		f.Subject, f.Text = text.Clean(f.Subject, MaxName), text.Clean(f.Text, MaxText)
		f.Records = f.Records[:min(len(f.Records), MaxRecords)]
	}
}
