package simd

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// movePages moves the code of the kernel to other physical pages, at the same virtual
// addresses. Other goroutines may run it meanwhile. Where the system does not allow
// writes to code, it returns an error, and the code stays. A second call has no effect.
func (k *Kernel) movePages() error {
	code := k.code()
	const all = syscall.PROT_READ | syscall.PROT_EXEC | syscall.PROT_WRITE
	if err := syscall.Mprotect(code, all); err != nil {
		return fmt.Errorf("make the code of %s writable: %w", k.name, err)
	}
	// A write to a private page of a file makes a copy, even if it changes nothing.
	for at := 0; at < len(code); at += os.Getpagesize() {
		atomic.OrUint32((*uint32)(unsafe.Pointer(&code[at])), 0)
	}
	if err := syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC); err != nil {
		return fmt.Errorf("protect the code of %s: %w", k.name, err)
	}
	return nil
}

// code returns the pages with the functions of the kernel's package around search. The
// linker places the functions of a package one after the other.
func (k *Kernel) code() []byte {
	f := k.search
	entry := *(*unsafe.Pointer)(*(*unsafe.Pointer)(unsafe.Pointer(&f)))
	at := func(offset int) *runtime.Func { return runtime.FuncForPC(uintptr(unsafe.Add(entry, offset))) }
	name := at(0).Name()
	pkg := name[:strings.LastIndexByte(name, '.')+1]
	inside := func(offset int) bool {
		f := at(offset)
		return f != nil && strings.HasPrefix(f.Name(), pkg)
	}
	const step = 32 // functions begin at multiples of it
	low, high := 0, 0
	for inside(low - step) {
		low -= step
	}
	for inside(high) {
		high += step
	}
	page := os.Getpagesize()
	low -= int(uintptr(unsafe.Add(entry, low)) % uintptr(page))
	high += -int(uintptr(unsafe.Add(entry, high))) & (page - 1)
	return unsafe.Slice((*byte)(unsafe.Add(entry, low)), high-low)
}
