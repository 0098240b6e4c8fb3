package ptx

import "math/bits"

// release resumes threads that wait for each other, once all of them have arrived.
// It reports whether there are threads left to run.
func (l *launch) release() (more bool, err error) {
	progress := false
	for first := 0; first < len(l.threads); first += warpSize {
		warp := l.threads[first:min(first+warpSize, len(l.threads))]
		for i := range warp {
			t := &warp[i]
			if t.state != atWarp {
				continue
			}
			ok, err := l.meet(t, warp)
			if err != nil {
				return false, err
			}
			progress = progress || ok
		}
	}
	if progress {
		return true, nil
	}
	return l.releaseBlock()
}

// releaseBlock releases the barrier of the block: all threads that have not ended
// must wait at the same one.
func (l *launch) releaseBlock() (more bool, err error) {
	var first *thread
	for i := range l.threads {
		t := &l.threads[i]
		switch {
		case t.state == done:
		case t.state == atWarp:
			return false, l.fault(t, t.pc-1, ErrBarrier, "the thread waits for lanes of its warp that do not come")
		case first == nil:
			first = t
		case t.pc != first.pc || t.barrier(l) != first.barrier(l):
			return false, l.fault(t, t.pc-1, ErrBarrier, "barrier %d; thread %v waits at barrier %d on line %d",
				t.barrier(l), first.tid, first.barrier(l), l.e.source[first.pc-1].line)
		}
	}
	if first == nil {
		return false, nil
	}
	for i := range l.threads {
		if t := &l.threads[i]; t.state == atBarrier {
			t.state = ready
		}
	}
	return true, nil
}

// barrier returns the number of the barrier at which a thread waits.
func (t *thread) barrier(l *launch) uint64 { return t.regs[l.e.code[t.pc-1].a] }

// meet runs the warp instruction at which t waits, for all lanes of its
// membership mask, if all of them have arrived. Lanes that have ended do not count.
func (l *launch) meet(t *thread, warp []thread) (bool, error) {
	pc := t.pc - 1
	in := &l.e.code[pc]
	members := uint32(t.regs[in.a])
	if members>>(t.index%warpSize)&1 == 0 {
		return false, l.fault(t, pc, ErrBarrier, "the membership mask %#x lacks the lane itself, %d", members, t.index%warpSize)
	}
	var lanes []int
	for rest := members; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros32(rest)
		if i >= len(warp) || warp[i].state == done {
			continue
		}
		u := &warp[i]
		if u.state != atWarp || u.pc != t.pc {
			return false, nil
		}
		if m := uint32(u.regs[in.a]); m != members {
			return false, l.fault(u, pc, ErrBarrier, "the membership mask is %#x, that of thread %v is %#x", m, t.tid, members)
		}
		lanes = append(lanes, i)
	}
	var err *Fault
	switch in.op {
	case opVote, opBallot:
		l.poll(in, warp, lanes)
	case opShfl:
		err = l.exchange(in, pc, warp, lanes)
	}
	if err != nil {
		return false, err
	}
	for _, i := range lanes {
		warp[i].state = ready
		warp[i].defined[in.d] = 1
	}
	return true, nil
}

func (l *launch) poll(in *instr, warp []thread, lanes []int) {
	var yes, all uint64
	for _, i := range lanes {
		all |= 1 << i
		yes |= (warp[i].regs[in.b] ^ in.imm) << i
	}
	v := yes
	if in.op == opVote {
		met := false
		switch in.n {
		case voteAll:
			met = yes == all
		case voteAny:
			met = yes != 0
		case voteUni:
			met = yes == 0 || yes == all
		}
		v = truth(met)
	}
	for _, i := range lanes {
		warp[i].regs[in.d] = v
	}
}

// exchange runs shfl.sync as the PTX ISA describes it.
func (l *launch) exchange(in *instr, pc int, warp []thread, lanes []int) *Fault {
	var values [warpSize]uint64
	var there uint32
	for _, i := range lanes {
		values[i] = warp[i].regs[in.b]
		there |= 1 << i
	}
	list := l.e.lists[in.list]
	for _, lane := range lanes {
		t := &warp[lane]
		b := int(t.regs[list[1]] & 31)
		clamp := int(t.regs[list[2]] & 31)
		segment := int(t.regs[list[2]] >> 8 & 31)
		lowest := lane & segment
		bound := lowest | clamp&^segment
		from, inside := 0, false
		switch in.n {
		case shuffleUp:
			from = lane - b
			inside = from >= bound
		case shuffleDown:
			from = lane + b
			inside = from <= bound
		case shuffleButterfly:
			from = lane ^ b
			inside = from <= bound
		case shuffleIndex:
			from = lowest | b&^segment
			inside = from <= bound
		}
		if !inside {
			from = lane
		}
		if from > 31 || from < 0 || there>>from&1 == 0 {
			return l.fault(t, pc, ErrUninitialised, "lane %d does not take part", from)
		}
		t.regs[in.d] = values[from]
		t.regs[list[0]] = truth(inside)
		t.defined[list[0]] = 1
	}
	return nil
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
