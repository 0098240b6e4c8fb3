// Package headerchain checks the rules of block headers that need the headers
// before them: nBits and time.
//
// A [Chain] receives the headers one after the other. What it knows decides which
// rules it can check:
//
//   - Median time: as soon as 11 headers or the start of the chain are known.
//   - nBits above the limit: with [pow.Params].
//   - Changed nBits, at a retarget or elsewhere: with [pow.Params] and the height
//     of the first header. The new nBits at a retarget are checked only if the
//     chain has seen the whole period before it. Test networks have rules of
//     their own: see [pow.Params].
//   - Time warp: as changed nBits, on networks with BIP 94.
//
// A header that breaks a rule becomes part of the chain like any other: the next
// headers are checked against the headers as they are.
//
// A [Past] has the same rules for callers that keep the earlier headers
// themselves, for example as a tree. Chain uses it. It also has two rules that
// Bitcoin lacks: those of BIP 54 about time.
//
// # Caveats
//
// The devices check proof of work and the link to the parent (package engine).
// Rules that need a clock (at most two hours ahead) or transactions (versions that
// soft forks require) are not checked.
package headerchain
