// Package stat provides the two distributions that intervals and tests of measurements
// need.
//
//   - [PoissonBounds] and [PoissonTail] answer what a count of independent rare events,
//     such as shares, says about the number that was to be expected.
//   - [StudentAbove] and [StudentQuantile] are Student's t distribution, for few values
//     whose spread is not known.
//
// The functions are pure and safe for concurrent use.
//
// # Caveats
//
// Above a count of 1000 the results of Poisson's distribution have six correct digits.
// Those of Student's have about ten; what is computed from them is exact only for values
// that are normally distributed.
package stat
