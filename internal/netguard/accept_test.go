package netguard

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
)

// troubled fails a few times before it takes a connection.
type troubled struct {
	net.Listener
	errs []error
}

func (l *troubled) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

// Trouble that passes is told and waited for; the end is not.
func TestAccept(t *testing.T) {
	inner := listen(t)
	l := &troubled{inner, []error{syscall.EMFILE, syscall.ECONNABORTED}}
	var told []error
	trouble := func(err error) { told = append(told, err) }
	out, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c, err := Accept(t.Context(), l, trouble)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if len(told) != 2 || told[0] != syscall.EMFILE || told[1] != syscall.ECONNABORTED {
		t.Errorf("told of %v", told)
	}

	ctx, cancel := context.WithCancel(t.Context())
	l.errs = []error{syscall.EMFILE}
	if _, err := Accept(ctx, l, func(error) { cancel(); inner.Close() }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := Accept(t.Context(), l, trouble); !errors.Is(err, net.ErrClosed) || len(told) != 2 {
		t.Errorf("of a closed listener: %v", err)
	}
}
