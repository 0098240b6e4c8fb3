package sig

import "github.com/klauspost/cpuid/v2"

// need are the instruction sets of the assembly.
var need = []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ, cpuid.AVX512IFMA}

// present reports whether the CPU has the instructions of the assembly.
func present() bool { return cpuid.CPU.Supports(need...) }

// Features returns the names of the instruction sets that this CPU has and the kernel
// requires.
func Features() (found []string) {
	for _, f := range need {
		if cpuid.CPU.Supports(f) {
			found = append(found, f.String())
		}
	}
	return found
}

// assembly is the engine in assembly.
var assembly = engine{
	stages: [stages]func(*group){
		stageMul:          mul,
		stageSqr:          sqr,
		stageCarry:        carry,
		stageCanonical:    canonical,
		stageDouble:       double,
		stageToProjective: toProjective,
		stageToExtended:   toExtended,
		stageToAddend:     toAddend,
		stageAddPoint:     addPoint,
		stageAddAffine:    addAffine,
		stageMinusAdded:   minusAdded,
		stageToAdded:      toAdded,
		stageToAffine:     toAffine,
		stageIsIdentity:   isIdentity,
		stageDecodeStart:  decodeStart,
		stageDecodeRoot:   decodeRoot,
		stageDecodeTurn:   decodeTurn,
		stageDecodeSign:   decodeSign,
	},
	mulPair:   mulPair,
	sqrPair:   sqrPair,
	fillTable: fillTable,
	ladders:   [2]func(*ladder, *baseTables){ladder1, ladder2},

	knownLadders: [2]func(*ladder, *[2][lanes]*Table, *baseTables){knownLadder1, knownLadder2},

	fetch:       fetchItem,
	sha512Block: sha512Block,
	scalars:     scalars,
	newDigits:   newDigits,
	knownDigits: knownDigits,
}

//go:noescape
func mulPair(to, x, y *pair)

//go:noescape
func sqrPair(to, x *pair, times uint64)

//go:noescape
func fillTable(rows *laneTable, work *group)

//go:noescape
func fetchItem(item *Item)

//go:noescape
func sha512Block(work *hashGroup, live uint8)

//go:noescape
func scalars(work *hashGroup)

//go:noescape
func newDigits(work *hashGroup, keys *keyDigits, bases *baseDigits)

//go:noescape
func knownDigits(work *hashGroup, keys *partDigits, bases *basePartDigits)

//go:noescape
func ladder1(work *ladder, base *baseTables)

//go:noescape
func ladder2(work *ladder, base *baseTables)

//go:noescape
func knownLadder1(work *ladder, tables *[2][lanes]*Table, base *baseTables)

//go:noescape
func knownLadder2(work *ladder, tables *[2][lanes]*Table, base *baseTables)

//go:noescape
func mul(work *group)

//go:noescape
func sqr(work *group)

//go:noescape
func carry(work *group)

//go:noescape
func canonical(work *group)

//go:noescape
func double(work *group)

//go:noescape
func toProjective(work *group)

//go:noescape
func toExtended(work *group)

//go:noescape
func toAddend(work *group)

//go:noescape
func addPoint(work *group)

//go:noescape
func addAffine(work *group)

//go:noescape
func minusAdded(work *group)

//go:noescape
func toAdded(work *group)

//go:noescape
func toAffine(work *group)

//go:noescape
func isIdentity(work *group)

//go:noescape
func decodeStart(work *group)

//go:noescape
func decodeRoot(work *group)

//go:noescape
func decodeTurn(work *group)

//go:noescape
func decodeSign(work *group)
