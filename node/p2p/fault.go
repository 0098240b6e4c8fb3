package p2p

import (
	"fmt"

	"stele/node/p2p/wire"
)

// fault is why this node ends the connection to a peer.
type fault struct {
	reason wire.Reason
	text   string // what was found and what was expected; the peer gets it, and the log
	// discourage: the peer broke a rule that nobody breaks by accident, so its
	// address is avoided for a day. The peers that the operator names are only
	// disconnected.
	discourage bool
	// failed: the address counts as one that did not work, as that of a peer that
	// is too slow.
	failed bool
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %s", f.reason, f.text) }

// broke returns the fault of a peer that broke the protocol or sent what no honest
// node sends.
func broke(reason wire.Reason, format string, args ...any) *fault {
	return &fault{reason: reason, text: fmt.Sprintf(format, args...), discourage: true}
}

// slow returns the fault of a peer that is too slow to be useful.
func slow(reason wire.Reason, format string, args ...any) *fault {
	return &fault{reason: reason, text: fmt.Sprintf(format, args...), failed: true}
}
