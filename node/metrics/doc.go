// Package metrics shows a node to Prometheus.
//
//   - [New] makes the metrics of a node from functions that return the state of its
//     parts. They are called for each scrape, so metrics cost nothing in between.
//   - [Metrics.Changed] and [Metrics.Answered] count what no part remembers: changes of
//     the chain, and requests to the API.
//   - [Metrics.Handler] serves all of it in the text format of Prometheus.
//
// Each file has the metrics of one part. Names begin with stele_ and the part; units
// are base units (seconds, bytes, ratios), and counters end with _total. Counters
// start at 0 with the node. The devices have the metrics of
// [stele/engine/miner/telemetry].
//
// # Caveats
//
// Labels only have values from fixed sets, such as kinds of messages, reasons and
// routes of the API, never text from outside: each value is a time series that
// Prometheus keeps.
package metrics
