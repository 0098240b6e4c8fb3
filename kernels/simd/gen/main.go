// Command gen writes the assembly of the CPU kernels.
package main

func main() {
	a := newAsm(4)
	avx512Search(a)
	hasher{lanes: 16, masked: true, streams: 2, model: zen5, prefix: "Z", regs: 32, chunk: 32}.write(a)
	avx512Tables(a)
	a.write("../avx512", "avx512_amd64.s", "")

	a = newAsm(4)
	hybridSearch(a)
	hybridHash(a)
	hybridTables(a)
	a.write("../hybrid", "hybrid_amd64.s", "")

	a = newAsm(32)
	avx2Search(a)
	hasher{lanes: 8, streams: 1, model: older, prefix: "Y", regs: 16, chunk: 16}.write(a)
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
}
