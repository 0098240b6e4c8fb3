package api

import (
	"net/netip"
	"sync"

	"stele/internal/netguard"
)

// places counts what runs for each address. The zero value has nothing. Safe for
// concurrent use.
type places struct {
	mu        sync.Mutex
	byAddress map[netip.Addr]int
}

// enter counts one more for a client until leave is called, unless its address has most
// already. Those of this machine have no limit.
func (p *places) enter(remote string, most int) (leave func(), ok bool) {
	addr, known := netguard.Address(remote)
	if known && addr.IsLoopback() {
		return func() {}, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byAddress[addr] >= most {
		return nil, false
	}
	if p.byAddress == nil {
		p.byAddress = map[netip.Addr]int{}
	}
	p.byAddress[addr]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byAddress[addr]--; p.byAddress[addr] == 0 {
			delete(p.byAddress, addr)
		}
	}, true
}
