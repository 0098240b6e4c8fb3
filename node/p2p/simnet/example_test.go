package simnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"stele/node/p2p/simnet"
)

// Two hosts, a connection, and a line that is cut for a while.
func Example() {
	n := simnet.New(1)
	defer n.Close()
	n.SetDefault(simnet.Line{Latency: time.Millisecond})
	a, b := n.Host(netip.MustParseAddr("10.0.0.1")), n.Host(netip.MustParseAddr("10.0.0.2"))

	l, err := b.Listen(":8699")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := a.Dial(context.Background(), "10.0.0.2:8699")
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}

	n.Cut(a, b)
	_, _ = client.Write([]byte("hello"))
	_ = server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = server.Read(make([]byte, 5))
	fmt.Println("during the cut:", errors.Is(err, os.ErrDeadlineExceeded))

	n.Heal(a, b)
	_ = server.SetReadDeadline(time.Time{})
	text := make([]byte, 5)
	_, err = io.ReadFull(server, text)
	fmt.Println("after it:", string(text), err)
	// Output:
	// during the cut: true
	// after it: hello <nil>
}
