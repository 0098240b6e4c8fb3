package stratum

import "iter"

// outside yields the places in JSON text that are outside of strings, in order, each
// with the nesting depth of arrays and objects: an opening bracket is inside, a
// closing one outside. For text that is not JSON the depths have no meaning.
func outside(json []byte) iter.Seq2[int, int] {
	return func(yield func(place, depth int) bool) {
		depth, quoted := 0, false
		for i := 0; i < len(json); i++ {
			switch c := json[i]; {
			case quoted && c == '\\':
				i++
				continue
			case c == '"':
				quoted = !quoted
				continue
			case quoted:
				continue
			case c == '[' || c == '{':
				depth++
			case c == ']' || c == '}':
				depth--
			}
			if !yield(i, depth) {
				return
			}
		}
	}
}
