package pages

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Move moves the code of the package that has the function f. Other goroutines may run
// it meanwhile. Where the system does not allow writes to code, it returns an error, and
// the code stays. Each call moves the code again.
func Move(f any) error {
	code := Code(f)
	// The pages of an earlier call are given back, and these take them, so that the
	// code gets others.
	taken, err := syscall.Mmap(-1, 0, len(code), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map memory: %w", err)
	}
	defer func() { _ = syscall.Munmap(taken) }()
	const readable = syscall.PROT_READ | syscall.PROT_EXEC
	if err := syscall.Mprotect(code, readable|syscall.PROT_WRITE); err != nil {
		return fmt.Errorf("make code writable: %w", err)
	}
	if err = syscall.Madvise(code, syscall.MADV_DONTNEED); err != nil {
		err = fmt.Errorf("give back copies of code: %w", err)
	} else {
		write(taken)
		write(code) // a write to a private page of a file makes a copy, even if it changes nothing
	}
	if protect := syscall.Mprotect(code, readable); protect != nil {
		err = errors.Join(err, fmt.Errorf("protect code: %w", protect))
	}
	return err
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
