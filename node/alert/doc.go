// Package alert keeps the alerts of a node: what supervisors and the operator should look
// at, from the time at which it begins until it is over. docs/alerts.md lists them.
//
//   - [Fact] is something that holds now, as a [Source] reports it: a ruling that is
//     overdue, an anomaly, a warning of the node.
//   - [Alert] is a fact with its history: open, acknowledged by somebody, resolved.
//   - [Book] has the alerts. [Book.Run] asks the sources after each block.
//
// # Life of an alert
//
// An alert opens when its fact begins, and is resolved when the fact is over. Somebody
// can acknowledge an open one: that says that a person knows, and changes nothing else.
// If the fact begins again, the alert opens again. Its id follows from kind and subject,
// so the same fact never makes two alerts.
//
// # Caveats
//
// Alerts are the node's own: acknowledgements are known to this node only, and a fact
// that begins and ends between two rounds makes no alert. The number of alerts is bounded
// ([MaxAlerts]): the oldest resolved ones go first.
package alert
