// Command gen writes the assembly of the CPU kernels. Run it in its own folder:
//
//	go run .
//
// For the vector machines (AVX2, AVX-512) it builds straight-line code over virtual
// registers (ir.go, sha256.go), schedules it for the processor (schedule.go),
// allocates registers (allocate.go), checks which value each instruction reads
// (check.go) and writes Go assembly (asm.go). Constants are folded, so that padding
// and initial states cost nothing. search.go and hash.go have the two loops, avx512.go
// and avx2.go the differences between the machines. The searches of AVX-512 keep
// several items in flight (pipeline.go), one of them over versions of a header
// (versions.go).
//
// The kernels with SHA instructions allocate registers by hand: shani.go, and
// sha2.go for arm64. hybrid.go and hybridhash.go combine both: vector code for the
// message schedules, sha256rnds2 for the rounds.
//
// messages.go and messagesha.go have the kernels for kernels/sha256d, built of the same
// parts.
//
// For kernels/sig it builds code over 64-bit limbs, and computes the range of every
// value (limb.go): field.go has the numbers modulo 2^255-19, point.go the points of
// the curve, signatures.go the file.
//
// The tests run the code of the vector machines in an interpreter. The gain of the
// instruction order is in docs/cpu-kernels.md.
package main

import (
	"fmt"
	"os"
)

func main() {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			fmt.Fprintln(os.Stderr, "gen:", string(r))
			os.Exit(1)
		default:
			panic(r)
		}
	}()
	a := newAsm(4)
	avx512Search(a)
	avx512Versions(a)
	avx512Hasher.write(a)
	avx512Tables(a)
	a.write("../avx512", "avx512_amd64.s", "")

	a = newAsm(4)
	hybridSearch(a)
	hybridHash(a)
	hybridTables(a)
	a.write("../hybrid", "hybrid_amd64.s", "")

	a = newAsm(32)
	avx2Search(a)
	avx2Hasher.write(a)
	avx2Tables(a)
	a.write("../avx2", "avx2_amd64.s", "")

	a = newAsm(16)
	shaSearch(a)
	shaHash(a)
	shaTables(a)
	a.write("../shani", "shani_amd64.s", "")

	a = newAsm(16)
	sha2Search(a)
	sha2Hash(a)
	sha2Tables(a)
	a.write("../sha2", "sha2_arm64.s", "")

	a = newAsm(4)
	messageHasher.writeMessages(a)
	messageHasher.writePairs(a)
	messageTables(a)
	a.write("../../sha256d", "avx512_amd64.s", "")

	a = newAsm(16)
	shaMessages(a)
	shaPairs(a)
	shaTables(a)
	a.write("../../sha256d", "shani_amd64.s", "")

	a = newAsm(4)
	a.line("#include \"go_asm.h\"")
	a.line("")
	signatureKernel(a)
	a.write("../../sig", "ifma_amd64.s", "")
}
