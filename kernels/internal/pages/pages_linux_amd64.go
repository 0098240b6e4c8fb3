package pages

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// moving is held while code is writable: the first and the last page may have code of
// another package too, which another call moves.
var moving sync.Mutex

// Move moves the code of the package that has the function f. Other goroutines may run
// it meanwhile. Where the system does not allow writes to code, it returns an error, and
// the code stays. Each call moves the code again. Safe for concurrent use.
func Move(f any) error {
	code := Code(f)
	moving.Lock()
	defer moving.Unlock()
	// The pages of an earlier call are given back, and these take them, so that the
	// code gets others.
	taken, err := syscall.Mmap(-1, 0, len(code), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map memory: %w", err)
	}
	defer func() { _ = syscall.Munmap(taken) }()
	const all = syscall.PROT_READ | syscall.PROT_EXEC | syscall.PROT_WRITE
	if err := syscall.Mprotect(code, all); err != nil {
		return fmt.Errorf("make code writable: %w", err)
	}
	// A write to a private page of a file makes a copy, even if it changes nothing.
	failed := syscall.Madvise(code, syscall.MADV_DONTNEED)
	if failed == nil {
		write(taken)
		write(code)
	}
	if err := syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC); err != nil {
		return fmt.Errorf("protect code: %w", err)
	}
	if failed != nil {
		return fmt.Errorf("give back copies of code: %w", failed)
	}
	return nil
}

// write writes to each page, and changes nothing.
func write(memory []byte) {
	for at := 0; at < len(memory); at += os.Getpagesize() {
		atomic.OrUint32((*uint32)(unsafe.Pointer(&memory[at])), 0)
	}
}

// Code returns the pages with the functions of the package that has the function f. The
// linker places the functions of a package one after the other.
func Code(f any) []byte {
	entry := reflect.ValueOf(f).UnsafePointer()
	at := func(offset int) string { return packageOf(uintptr(unsafe.Add(entry, offset))) }
	pkg := at(0)
	inside := func(offset int) bool { return at(offset) == pkg }
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

// packageOf returns the path of the package of the code at an address, "" if there is
// none.
func packageOf(pc uintptr) string {
	f := runtime.FuncForPC(pc)
	if f != nil {
		f = runtime.FuncForPC(f.Entry()) // not a function that is inlined there
	}
	if f == nil {
		return ""
	}
	slash := strings.LastIndexByte(f.Name(), '/') + 1
	pkg, _, _ := strings.Cut(f.Name()[slash:], ".")
	return f.Name()[:slash] + pkg
}
