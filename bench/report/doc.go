// Package report presents results of benchmarks for publication: as a page of HTML, a
// picture, a table of values, a text for a forum, and as input of benchstat.
//
// The main types and functions:
//
//   - [Source] is a result with its name and what [bench.Check] found in it.
//   - [HTML] writes one page without script, with everything in it. It says how to check
//     the proof of the work done. With several results it begins with a comparison.
//   - [PNG] draws the rates as a picture, for places that take pictures only.
//   - [CSV] and [Benchstat] are for programs, [Markdown] for forums.
//
// # Caveats
//
// Results are files of strangers. Figures are computed from the samples again, so that
// the figures that a file states do not matter. The samples, times and the environment
// are what the file says: a page shows them, and says that nobody can confirm them.
//
// All functions are pure but for the writer, and safe for concurrent use. A writer may
// have received a part of the output when they return an error.
package report
