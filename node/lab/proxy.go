package lab

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands for the line from one node to another: it forwards the connections of the
// first one, and can stop doing so. Safe for concurrent use.
type proxy struct {
	listener net.Listener
	from     net.Addr // of the forwarded connections; nil: any
	to       string

	cuts atomic.Int32 // while above 0, nothing passes
	rate atomic.Int64 // bytes per second in each direction; 0: no limit

	work   sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

// newProxy starts a proxy.
func newProxy(listen string, from net.Addr, to string) (*proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, from: from, to: to}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.accept)
	return p, nil
}

// close ends all connections, and waits for what the proxy started.
func (p *proxy) close() {
	p.cancel()
	_ = p.listener.Close()
	p.work.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.cuts.Load() > 0 {
			_ = c.Close()
			continue
		}
		p.work.Go(func() { p.forward(c) })
	}
}

// forward copies both ways until one side ends.
func (p *proxy) forward(a net.Conn) {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: p.from}
	b, err := d.DialContext(p.ctx, "tcp", p.to)
	if err != nil {
		_ = a.Close()
		return
	}
	end := func() {
		_ = a.Close()
		_ = b.Close()
	}
	stop := context.AfterFunc(p.ctx, end)
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			defer end()
			p.copy(way[1], way[0])
		})
	}
	both.Wait()
}

// proxyPause is how often a proxy looks whether a cut is over.
const proxyPause = 20 * time.Millisecond

// copy copies from one connection to the other. What is read while the line is cut waits
// for its end, as what TCP sends again does.
func (p *proxy) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 16<<10)
	for {
		part := buffer
		if rate := p.rate.Load(); rate > 0 {
			part = buffer[:min(len(buffer), int(max(rate/20, 1)))]
		}
		n, err := from.Read(part)
		if n > 0 {
			for p.cuts.Load() > 0 {
				if !wait(p.ctx, proxyPause) {
					return
				}
			}
			if rate := p.rate.Load(); rate > 0 && !wait(p.ctx, time.Duration(float64(n)/float64(rate)*float64(time.Second))) {
				return
			}
			if _, err := to.Write(part[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
