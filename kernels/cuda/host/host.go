package host

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
)

// Kernels is a running program with the kernels. Safe for concurrent use.
type Kernels struct {
	mu     sync.Mutex
	in     io.WriteCloser
	out    io.Reader
	stderr bytes.Buffer
	cmd    *exec.Cmd
}

// Buffer is memory for a kernel. An access beyond its end ends the program.
type Buffer struct {
	At   int    // offset of its address in the parameter
	Data []byte // contents before and after the launch
}

// Program compiles the program and returns its path. src/main.cpp describes its
// protocol.
func Program(t testing.TB) string {
	t.Helper()
	return Compile(t, "kernels", Source{Folder: "kernels/cuda/host/src"})
}

// Start compiles and starts the program. It ends with the test.
func Start(t testing.TB) *Kernels {
	t.Helper()
	k := &Kernels{cmd: exec.Command(Program(t))}
	k.cmd.Stderr = &k.stderr
	var err error
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if k.out, err = k.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.in.Close()
		k.cmd.Wait()
	})
	return k
}

// Launch runs an entry with grid blocks of block threads and waits for it. It
// returns an error if there is no such entry, if the shape or the parameter does
// not fit it, or if the kernel accessed memory outside its buffers; after that
// error the program has ended.
func (k *Kernels) Launch(entry string, grid, block int, params []byte, buffers ...Buffer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.send(entry, grid, block, params, buffers); err != nil {
		return k.died(entry, err)
	}
	var result uint32
	if err := binary.Read(k.out, binary.LittleEndian, &result); err != nil {
		return k.died(entry, err)
	}
	for _, b := range buffers {
		if _, err := io.ReadFull(k.out, b.Data); err != nil {
			return k.died(entry, err)
		}
	}
	switch result {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("no entry %s", entry)
	case 2:
		return fmt.Errorf("entry %s: invalid launch of %d blocks of %d threads", entry, grid, block)
	}
	return fmt.Errorf("entry %s: a parameter of %d bytes does not fit, or a buffer is outside it", entry, len(params))
}

// send writes a request, see src/main.cpp.
func (k *Kernels) send(entry string, grid, block int, params []byte, buffers []Buffer) error {
	var request []byte
	word := func(v int) { request = binary.LittleEndian.AppendUint32(request, uint32(v)) }
	text := func(b []byte) { word(len(b)); request = append(request, b...) }
	text([]byte(entry))
	word(grid)
	word(block)
	text(params)
	word(len(buffers))
	for _, b := range buffers {
		word(b.At)
		text(b.Data)
	}
	_, err := k.in.Write(request)
	return err
}

// died returns an error with the way the program ended.
func (k *Kernels) died(entry string, err error) error {
	k.in.Close()
	if why := k.cmd.Wait(); why != nil {
		err = why
	}
	return fmt.Errorf("entry %s: the program ended: %w %s", entry, err, bytes.TrimSpace(k.stderr.Bytes()))
}
