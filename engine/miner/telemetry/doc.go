// Package telemetry reports the status of a miner to other programs.
//
// It has one source, [miner.Status], in five formats:
//
//   - [JSON] is a document with a version and a schema, docs/mine-status.schema.json.
//   - [Collector] has the metrics for Prometheus.
//   - [Cgminer] serves the API of cgminer over TCP, which fleet tools read.
//   - [Hive] is the format of HiveOS, and [MMPOS] that of mmpOS.
//
// [Handler] serves all but the third over HTTP.
//
// # Caveats
//
// Everything here is read-only, except for two requests of the handler, which pause
// and resume the miner and need the token. The API of cgminer has no passwords:
// whoever can connect to it can read. It cannot change anything.
package telemetry
