// Command gen writes the assembly of the CPU kernels.
package main

func main() {
	a := newAsm(4)
	avx512Search(a)
	avx512Tables(a)
	a.write("../avx512", "avx512_amd64.s", "")
}
