package stratum

import "iter"

// outside gives the places in JSON text that are not within a string, one after
// the other, each with how deep arrays and objects are nested there: a bracket
// that opens one is in it, one that closes it is not. In text that is not JSON the
// depths are of no use.
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
