package verify

import "fmt"

// maxGaps bounds the gaps that a report lists.
const maxGaps = 100

// Gap is a part of a source that could not be read.
type Gap struct {
	Source string
	Offset int64 // byte at which it begins
	Bytes  int64 // its length; 0 if it is the rest of the source, or all of it
	Err    error // why, with the name of the source and the offset
}

// Gaps are the gaps of all sources.
type Gaps struct {
	List  []Gap // the first ones, at most 100
	Count int64 // of all gaps
	Bytes int64 // in all gaps of known length
}

func (g *Gaps) add(gap Gap) {
	g.Count++
	g.Bytes += gap.Bytes
	if len(g.List) < maxGaps {
		g.List = append(g.List, gap)
	}
}

// err returns the error of the first gap with the number of further ones.
func (g *Gaps) err() error {
	first := g.List[0].Err
	switch g.Count {
	case 1:
		return first
	case 2:
		return fmt.Errorf("%w (and 1 more gap)", first)
	}
	return fmt.Errorf("%w (and %d more gaps)", first, g.Count-1)
}
