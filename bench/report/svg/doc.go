// Package svg draws charts of measurements as inline SVG for HTML pages without script.
//
// The main types:
//
//   - [Plot] has two axes and draws [Series]: samples over time, a line with its ideal,
//     a scatter with a Pareto line, columns of a distribution. A [Mark] is a vertical
//     line at a value of the horizontal axis, a [Level] a horizontal one.
//   - [Bar] is one horizontal bar with an interval and a mark at a limit, for a row of
//     a table.
//   - [Histogram] and [Ticks] prepare data.
//
// A chart is as wide as its place. Shapes are stretched to it, text and the width of
// lines are not. [CSS] has the rules of the classes: a page that shows charts must
// contain them, and must define the custom properties that they name, as the pages of
// the node do. Colours therefore follow the page: light, dark, or print. No two kinds of
// marks differ by colour alone.
//
// # Caveats
//
// All functions are pure and safe for concurrent use. Text is escaped but not bounded.
// Values that are not finite are left out. A plot draws all points that it gets: thin
// out long series before, see [Thin].
package svg
