package main

import "fmt"

// allocate gives every virtual register of the ops, in their order, one of the
// machine's registers in pool. pinned registers keep theirs throughout. It
// returns the names by virtual register, and the most that were live at once.
func allocate(ops []op, pool []string, pinned map[reg]string) (map[reg]string, int, error) {
	last := map[reg]int{}
	for i, o := range ops {
		for _, s := range o.src {
			if s.isReg() {
				last[s.r] = i
			}
		}
	}
	name := map[reg]string{}
	for v, n := range pinned {
		name[v] = n
	}
	free := append([]string(nil), pool...)
	live, most := 0, 0
	for i, o := range ops {
		// Registers read for the last time are free for the result.
		var freed []string
		dead := map[reg]bool{}
		for _, s := range o.src {
			if !s.isReg() {
				continue
			}
			if name[s.r] == "" {
				return nil, 0, fmt.Errorf("op %d (%s) reads v%d before it is written", i, o.mn, s.r)
			}
			if _, pin := pinned[s.r]; !pin && last[s.r] == i && !dead[s.r] {
				dead[s.r] = true
				freed = append(freed, name[s.r])
			}
		}
		if o.dst == 0 {
			free = append(freed, free...)
			live -= len(freed)
			continue
		}
		if o.tied {
			t := o.src[len(o.src)-1].r
			if !dead[t] {
				return nil, 0, fmt.Errorf("op %d (%s) overwrites v%d, which is read later", i, o.mn, t)
			}
			name[o.dst] = name[t]
			for _, f := range freed {
				if f != name[t] {
					free = append(free, f)
					live--
				}
			}
		} else {
			free = append(free, freed...)
			live -= len(freed)
			if len(free) == 0 {
				return nil, 0, fmt.Errorf("op %d (%s): no register left", i, o.mn)
			}
			name[o.dst] = free[0]
			free = free[1:]
			live++
		}
		if _, ok := last[o.dst]; !ok {
			return nil, 0, fmt.Errorf("op %d (%s): v%d is never read", i, o.mn, o.dst)
		}
		most = max(most, live)
	}
	return name, most, nil
}
