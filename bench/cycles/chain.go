//go:build amd64 || arm64

package cycles

const hasChain = true

// chain makes turns times chainSteps additions, each of which needs the sum of the one
// before: one cycle each on every processor known to us.
//
//go:noescape
func chain(turns uint64)
