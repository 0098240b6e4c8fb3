package main

import "fmt"

// The search of several versions of a header. The version is in the first block of a
// header, the nonce in the second, so the versions share the message schedule of the
// second block. It is made once for a group of 16 nonces and put in memory as K + W.
// An item of the pipeline is one version: its first hash adds K + W from memory.
//
// The pipeline runs on from the last version of a group to the first one of the next.
// So each segment has an address register with the job of its item, and each segment
// of the first hash one with the schedule of its item. There are two schedules, for
// the group of the newest item and for the one before. The two newest items are in
// their first hash, so no item reads an older schedule.

// Offsets in a schedule.
const (
	scheduleW3    = 0                  // 64: W[3], the nonces with their bytes swapped
	scheduleKW    = 64                 // 64 each: K + W[18] to K + W[63]
	scheduleBytes = scheduleKW + 46*64 // size
)

// Address registers of the items in flight, the newest first.
var (
	jobRegisters      = []string{"AX", "R9", "R10"}
	scheduleRegisters = []string{"R12", "R13"}
)

// scheduled is a vector of the schedule of an item.
func scheduled(offset int) operand {
	return operand{mem: fmt.Sprintf("%d(%s)", offset, scheduleRegisters[0])}
}

// versionsSchedule makes the schedule of a group. It leaves the registers below low to
// the items in flight.
func versionsSchedule(a *asm, low int) (b *block, ops []op, name map[reg]string) {
	b = newBlock(a, 16, true)
	w3 := avx512Nonces(b)
	b.put(scheduled(scheduleW3), w3)
	w := firstWords(b)
	for t := 18; t < 64; t++ {
		firstWord(w, w3, t)
		b.put(scheduled(scheduleKW+64*(t-18)), b.add(w.near(t), constant(k[t])))
	}
	m := zen5
	m.regs = 32 - low - 1
	ops, name = b.allocate(schedule(b.take(), 0, nil, m), registers{"Z", low, 32}, nil, nil)
	return b, ops, name
}

// versionsItem emits an item: 16 nonces with one version.
func versionsItem(b *block) {
	firstRounds(b, r(b.get(scheduled(scheduleW3))), func(t int) []operand {
		if t < 16 {
			return []operand{constant(k[t] + headerPad[t-4])}
		}
		return []operand{scheduled(scheduleKW + 64*(t-18))}
	})
	avx512Second(b)
}

// versionsTurn is a turn of the loop over the versions.
func versionsTurn(a *asm) (b *block, p pipeline, name map[reg]string) {
	b = avx512Block(a)
	versionsItem(b)
	p = b.fold(b.take())
	p.follow(jobRegisters)
	p.follow(scheduleRegisters)
	return b, p, p.finish(b, zen5pipeline)
}

// avx512Versions writes the search kernel for several versions.
func avx512Versions(a *asm) {
	turn, p, name := versionsTurn(a)
	group, shared, sharedName := versionsSchedule(a, len(p.entry))
	schedules := 64 * int(max(turn.slots, group.slots)) // their offset

	a.line("")
	a.line("// func searchVersions(jobs *prep.Job, versions uint64, first uint32, candidates *uint16, groups uint64)")
	a.line("TEXT ·searchVersions(SB), 0, $%d-40", schedules+2*scheduleBytes+64)
	a.line("MOVQ candidates+24(FP), DI")
	avx512Begin(turn, "first+16(FP)")
	a.line("MOVQ groups+32(FP), R11")
	a.line("IMULQ versions+8(FP), R11 // a turn for each item, and those before")
	a.line("ADDQ $%d, R11 // the oldest item in flight is one of the search", p.items-1)
	a.line("MOVQ $-%d, DX", p.items-1)
	a.line("MOVQ jobs+0(FP), AX")
	a.line("MOVQ AX, R9")
	a.line("MOVQ AX, R10")
	a.line("LEAQ %d(SI), R12", schedules)
	a.line("LEAQ %d(SI), R15", schedules+scheduleBytes)
	a.line("MOVQ R12, R13")
	a.line("")
	a.line("group: // the newest item is the first version of a group")
	a.line("MOVQ jobs+0(FP), AX")
	a.line("MOVQ versions+8(FP), CX")
	a.line("XCHGQ R12, R15")
	a.ops(shared, sharedName)
	a.line("PCALIGN $64")
	a.line("")
	a.line("version:")
	a.ops(p.ops, name)
	avx512End(a)
	a.line("MOVQ R9, R10")
	a.line("MOVQ AX, R9")
	a.line("ADDQ $%d, AX", jobBytes)
	a.line("MOVQ R12, R13")
	a.line("DECQ R11")
	a.line("JZ done")
	a.line("DECQ CX")
	a.line("JNZ version")
	a.line("JMP group")
	a.line("done:")
	a.line("VZEROUPPER")
	a.line("RET")
}
