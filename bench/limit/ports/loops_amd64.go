package main

import "github.com/klauspost/cpuid/v2"

// groupsOfTurn is the number of groups of instructions in a turn of each loop.
const groupsOfTurn = 48

// loop is a loop of one kind of instruction, or of a mixture.
type loop struct {
	run   func(turns uint64, memory *byte)
	group map[string]int // the instructions of a group by their kind
	needs cpuid.FeatureID
}

var loops = []loop{
	{add, map[string]int{"add": 1}, cpuid.AVX2},
	{logic, map[string]int{"logic": 1}, cpuid.AVX2},
	{shift, map[string]int{"shift": 1}, cpuid.AVX2},
	{shuffle, map[string]int{"shuffle": 1}, cpuid.AVX2},
	{insert, map[string]int{"insert": 1, "load": 1}, cpuid.AVX2},
	{toVector, map[string]int{"to-vector": 1}, cpuid.AVX2},
	{fromVector, map[string]int{"from-vector": 1}, cpuid.AVX2},
	{load, map[string]int{"load": 1}, cpuid.AVX2},
	{store, map[string]int{"store": 1}, cpuid.AVX2},
	{rnds2, map[string]int{"rnds2": 1}, cpuid.SHA},
	{msg1, map[string]int{"msg1": 1}, cpuid.SHA},
	{msg2, map[string]int{"msg2": 1}, cpuid.SHA},
	{shiftShuffle, map[string]int{"shift": 1, "shuffle": 1}, cpuid.AVX2},
	{logicShift, map[string]int{"logic": 2, "shift": 2}, cpuid.AVX2},
	{rnds2Add, map[string]int{"rnds2": 1, "add": 7}, cpuid.SHA},
	{rnds2Shift, map[string]int{"rnds2": 1, "shift": 2}, cpuid.SHA},
	{msg1Shift, map[string]int{"msg1": 1, "shift": 2}, cpuid.SHA},
	{msg2Add, map[string]int{"msg2": 1, "add": 6}, cpuid.SHA},
	{msg2Rnds2, map[string]int{"msg2": 1, "rnds2": 2}, cpuid.SHA},
	{add512, map[string]int{"add512": 1}, cpuid.AVX512F},
	{ternlog512, map[string]int{"ternlog512": 1}, cpuid.AVX512F},
	{rotate512, map[string]int{"rotate512": 1}, cpuid.AVX512F},
	{shift512, map[string]int{"shift512": 1}, cpuid.AVX512F},
	{shuffle512, map[string]int{"shuffle512": 1}, cpuid.AVX512F},
	{load512, map[string]int{"load512": 1}, cpuid.AVX512F},
	{store512, map[string]int{"store512": 1}, cpuid.AVX512F},
	{rotateShift512, map[string]int{"rotate512": 1, "shift512": 1}, cpuid.AVX512F},
}

//go:noescape
func add(turns uint64, memory *byte)

//go:noescape
func logic(turns uint64, memory *byte)

//go:noescape
func shift(turns uint64, memory *byte)

//go:noescape
func shuffle(turns uint64, memory *byte)

//go:noescape
func insert(turns uint64, memory *byte)

//go:noescape
func toVector(turns uint64, memory *byte)

//go:noescape
func fromVector(turns uint64, memory *byte)

//go:noescape
func load(turns uint64, memory *byte)

//go:noescape
func store(turns uint64, memory *byte)

//go:noescape
func rnds2(turns uint64, memory *byte)

//go:noescape
func msg1(turns uint64, memory *byte)

//go:noescape
func msg2(turns uint64, memory *byte)

//go:noescape
func shiftShuffle(turns uint64, memory *byte)

//go:noescape
func logicShift(turns uint64, memory *byte)

//go:noescape
func rnds2Add(turns uint64, memory *byte)

//go:noescape
func rnds2Shift(turns uint64, memory *byte)

//go:noescape
func msg1Shift(turns uint64, memory *byte)

//go:noescape
func msg2Add(turns uint64, memory *byte)

//go:noescape
func msg2Rnds2(turns uint64, memory *byte)

//go:noescape
func add512(turns uint64, memory *byte)

//go:noescape
func ternlog512(turns uint64, memory *byte)

//go:noescape
func rotate512(turns uint64, memory *byte)

//go:noescape
func shift512(turns uint64, memory *byte)

//go:noescape
func shuffle512(turns uint64, memory *byte)

//go:noescape
func load512(turns uint64, memory *byte)

//go:noescape
func store512(turns uint64, memory *byte)

//go:noescape
func rotateShift512(turns uint64, memory *byte)
