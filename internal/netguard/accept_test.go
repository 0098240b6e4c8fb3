package netguard

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
)

// failedd fails a few times before it takes a connection.
type failedd struct {
	net.Listener
	errs []error
}

func (l *failedd) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

// Temporary errors are reported and retried; the end is not.
func TestAccept(t *testing.T) {
	inner := listen(t)
	l := &failedd{inner, []error{syscall.EMFILE, syscall.ECONNABORTED}}
	var reported []error
	failed := func(err error) { reported = append(reported, err) }
	out, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c, err := Accept(t.Context(), l, failed)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if len(reported) != 2 || reported[0] != syscall.EMFILE || reported[1] != syscall.ECONNABORTED {
		t.Errorf("reported %v", reported)
	}

	ctx, cancel := context.WithCancel(t.Context())
	l.errs = []error{syscall.EMFILE}
	if _, err := Accept(ctx, l, func(error) { cancel(); inner.Close() }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := Accept(t.Context(), l, failed); !errors.Is(err, net.ErrClosed) || len(reported) != 2 {
		t.Errorf("of a closed listener: %v", err)
	}
}
