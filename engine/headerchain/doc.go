// Package headerchain checks the rules of block headers that need the headers
// before them: nBits and time.
//
// A [Chain] gets the headers one after the other. What it can check depends on
// what it knows:
//
//   - Median time: always, as soon as 11 headers or the start of the chain are
//     known.
//   - nBits above the limit: with [pow.Params].
//   - nBits that change, at a retarget or elsewhere: with [pow.Params] and the
//     height of the first header. The new nBits at a retarget are checked only
//     if the chain has seen the whole period before it. Test networks have rules
//     of their own: see [pow.Params].
//   - Time warp: as nBits that change, on networks with BIP 94.
//
// A header that breaks a rule becomes part of the chain like any other: the
// next headers are judged by the headers as they are.
//
// A [Past] has the same rules for those who know the headers before by
// themselves, as one does who keeps a tree of headers. Chain uses it. It also
// has two rules that Bitcoin lacks, those of BIP 54 about time.
//
// Proof of work and the link to the parent are the business of the devices
// (package engine). Rules that need a clock (not more than two hours ahead) or
// transactions (versions that soft forks ask for) are not checked.
package headerchain
