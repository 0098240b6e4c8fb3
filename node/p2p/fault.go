package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"stele/internal/text"
	"stele/node/p2p/link"
	"stele/node/p2p/wire"
)

// fault is why a connection ends, or a call failed.
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
	quiet  bool // the peer gets no bye
	byPeer bool // the peer ended the connection
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %s", f.reason, f.text) }

// Reasons that no peer gets to see.
const (
	reasonClosed      wire.Reason = "closed"      // the peer, or the network, closed the connection
	reasonFeeler      wire.Reason = "feeler"      // the address is tested
	reasonHandshake   wire.Reason = "handshake"   // the handshake of TLS failed
	reasonInternal    wire.Reason = "internal"    // this node failed
	reasonStopped     wire.Reason = "stopped"     // this node stops
	reasonUnreachable wire.Reason = "unreachable" // the call failed
	reasonWrongKey    wire.Reason = "wrong-key"   // the peer has another key than expected
)

// broke returns the fault of a peer that broke the protocol or sent what no honest
// node sends.
func broke(reason wire.Reason, format string, args ...any) *fault {
	return &fault{reason: reason, text: fmt.Sprintf(format, args...), discourage: true}
}

// slow returns the fault of a peer that is too slow to be useful.
func slow(reason wire.Reason, format string, args ...any) *fault {
	return &fault{reason: reason, text: fmt.Sprintf(format, args...), failed: true}
}

var (
	errNoHello  = errors.New("no hello within 5 s")
	errWrongKey = errors.New("the peer has another key than expected")
)

// faultOf returns the fault for the error with which a connection or a call ended.
func faultOf(err error) *fault {
	f := &fault{reason: reasonClosed, quiet: true, text: text.Error(err, wire.MaxText).Error()}
	var e net.Error
	switch {
	case errors.As(err, &f):
	case errors.Is(err, context.Canceled):
		f.reason = reasonStopped
	case isKeyRejected(err):
		f.reason, f.byPeer, f.text = reasonHandshake, true, "the peer does not accept the key of this node"
	case errors.Is(err, errWrongKey):
		f.reason, f.failed = reasonWrongKey, true
	case errors.Is(err, wire.ErrUnknownKind), errors.Is(err, wire.ErrLength), errors.Is(err, wire.ErrUnsolicited),
		errors.Is(err, wire.ErrMalformed), errors.Is(err, link.ErrIdentity):
		f.reason, f.discourage = wire.ReasonProtocol, true
	case errors.Is(err, errNoHello), errors.Is(err, link.ErrTooSlow), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &e) && e.Timeout():
		f.reason, f.failed = wire.ReasonTooSlow, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		f.byPeer = true
	}
	return f
}

// isKeyRejected reports whether the peer has ended the handshake because of the key of
// this node, as in a private network. Package tls has no value for this alert.
func isKeyRejected(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "remote error" && e.Err.Error() == "tls: bad certificate"
}
