package main

import "fmt"

// Byte offsets of the fields of prep.Job.
const (
	offMid  = 0
	offA4   = 32
	offE4   = 36
	offS4   = 40
	offH4KW = 64
	offH5KW = 68
	offH6KW = 72
	offKW16 = 76
	offKW17 = 80
	offW16  = 84
	offW17  = 88
	offC18  = 92
	offC19  = 96
	offC31  = 100
	offC32  = 104
	offTop  = 108
	offTail = 112
)

// job is a word of the job, whose address is in AX.
func job(off int) operand { return word(fmt.Sprintf("%d(AX)", off)) }
