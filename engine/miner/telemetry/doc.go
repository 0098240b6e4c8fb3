// Package telemetry tells other programs how a miner does.
//
// There is one source, [miner.Status], and there are four shapes of it:
//
//   - [JSON] is a document with a version and a schema, docs/mine-status.schema.json.
//   - [Collector] gives metrics to Prometheus.
//   - [Cgminer] answers on TCP as the API of cgminer does, which fleet tools read.
//   - [Hive] is what HiveOS wants to know of a miner.
//
// [Handler] serves all but the third over HTTP.
//
// # Caveats
//
// Everything here reads, but for two requests of the handler, which pause the
// miner and let it go on, and are answered to nobody without the token. The API
// of cgminer has no passwords: whoever reaches it can read. It cannot change
// anything.
package telemetry
