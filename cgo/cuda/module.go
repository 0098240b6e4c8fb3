//go:build linux && cuda && cgo

package cuda

// #include "bind.h"
import "C"

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"gorgonia.org/cu"
)

// Module is a kernel image loaded in a context.
type Module struct {
	c *Context
	m cu.Module
}

// LoadPTX compiles PTX text with the driver's compiler, or loads a cubin. The log
// is that of the compiler, also after a failure; the error is then of the kind
// [ErrInvalidImage] and has the first line of the log.
func (c *Context) LoadPTX(image []byte) (m *Module, log string, err error) {
	if len(image) == 0 {
		return nil, "", fmt.Errorf("cuModuleLoadDataEx: empty image: %w", ErrInvalidImage)
	}
	if image[len(image)-1] != 0 {
		image = append(bytes.Clone(image), 0) // the driver expects a C string
	}
	var module C.CUmodule
	info, fault := make([]byte, 8<<10), make([]byte, 8<<10)
	err = c.use("cuModuleLoadDataEx", func() error {
		return resultOf(C.stele_cuda_load(&module, unsafe.Pointer(&image[0]),
			(*C.char)(unsafe.Pointer(&info[0])), (*C.char)(unsafe.Pointer(&fault[0])), C.unsigned(len(info))))
	})
	log = strings.TrimSpace(text(info) + "\n" + text(fault))
	if err != nil {
		if first, _, _ := strings.Cut(strings.TrimSpace(text(fault)), "\n"); first != "" {
			err = fmt.Errorf("%w: %s", err, first)
		}
		return nil, log, err
	}
	return &Module{c: c, m: moduleOf(module)}, log, nil
}

// text returns the C string in a buffer.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// gorgonia.org/cu does not export its handles. Each of its types is a struct with
// only the handle, so the functions below convert between the two. These lines
// fail to compile if the sizes differ.
var (
	_ [unsafe.Sizeof(C.CUmodule(nil))]struct{}   = [unsafe.Sizeof(cu.Module{})]struct{}{}
	_ [unsafe.Sizeof(C.CUfunction(nil))]struct{} = [unsafe.Sizeof(cu.Function{})]struct{}{}
	_ [unsafe.Sizeof(C.CUstream(nil))]struct{}   = [unsafe.Sizeof(cu.Stream{})]struct{}{}
)

func moduleOf(m C.CUmodule) cu.Module        { return *(*cu.Module)(unsafe.Pointer(&m)) }
func functionOf(f *cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(f)) }
func streamOf(s *cu.Stream) C.CUstream       { return *(*C.CUstream)(unsafe.Pointer(s)) }

// Unload frees the module and its functions.
func (m *Module) Unload() error {
	return m.c.use("cuModuleUnload", m.m.Unload)
}

// Function is a kernel.
type Function struct {
	c    *Context
	f    cu.Function
	name string
}

// Function returns the kernel with this name in the image. Errors: [ErrNotFound].
func (m *Module) Function(name string) (*Function, error) {
	f := &Function{c: m.c, name: name}
	err := m.c.use("cuModuleGetFunction", func() (err error) {
		f.f, err = m.m.Function(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	return f, nil
}

// Name returns the name of the kernel in its image.
func (f *Function) Name() string { return f.name }

// Attributes returns the resources that the kernel uses.
func (f *Function) Attributes() (FunctionAttributes, error) {
	var a FunctionAttributes
	for _, x := range []struct {
		value     *int
		attribute cu.FunctionAttribute
	}{
		{&a.Registers, cu.NumRegs},
		{&a.LocalBytes, cu.LocalSizeBytes},
		{&a.SharedBytes, cu.SharedSizeBytes},
		{&a.ConstBytes, cu.ConstSizeBytes},
		{&a.MaxThreads, cu.FnMaxThreadsPerBlock},
		{&a.PTX, cu.PtxVersion},
		{&a.Binary, cu.BinaryVersion},
	} {
		err := f.c.use("cuFuncGetAttribute", func() (err error) {
			*x.value, err = f.f.Attribute(x.attribute)
			return err
		})
		if err != nil {
			return a, fmt.Errorf("kernel %s: %w", f.name, err)
		}
	}
	return a, nil
}

// PreferShared requests percent (0 to 100) of the maximal shared memory of an SM
// for the kernel; the rest of the on-chip memory is cache. It is a hint: the
// driver decides, and Occupancy reflects the decision.
func (f *Function) PreferShared(percent int) error {
	return f.c.use("cuFuncSetAttribute", func() error {
		return resultOf(C.cuFuncSetAttribute(functionOf(&f.f), C.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, C.int(percent)))
	})
}

// Occupancy returns how many blocks one SM holds at a time, each with this many
// threads and shared bytes of dynamic shared memory.
func (f *Function) Occupancy(threads, shared int) (blocks int, err error) {
	err = f.c.use("cuOccupancyMaxActiveBlocksPerMultiprocessor", func() (err error) {
		blocks, err = f.f.MaxActiveBlocksPerMultiProcessor(threads, int64(shared))
		return err
	})
	return blocks, err
}
