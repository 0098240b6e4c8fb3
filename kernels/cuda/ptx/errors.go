package ptx

import (
	"errors"
	"fmt"
)

// The kinds of a [ParseError].
var (
	ErrSyntax      = errors.New("malformed PTX")
	ErrUnsupported = errors.New("outside the supported subset of PTX")
)

// Errors of a launch that has not started.
var (
	ErrEntry     = errors.New("no such entry")
	ErrArguments = errors.New("arguments do not fit the entry's parameters")
	ErrShape     = errors.New("bad launch shape")
	ErrNoMemory  = errors.New("out of memory")
)

// The kinds of a [Fault]. The methods of [Memory] also return ErrBounds, ErrReadOnly
// and ErrNoMemory.
var (
	ErrBounds        = errors.New("out of bounds")
	ErrAlignment     = errors.New("misaligned access")
	ErrReadOnly      = errors.New("write to constant memory")
	ErrUninitialised = errors.New("use of an undefined value")
	ErrDivision      = errors.New("division by zero")
	ErrBarrier       = errors.New("barrier not reached by all threads")
	ErrBudget        = errors.New("instruction budget spent")
	ErrTrap          = errors.New("trap")
)

// A ParseError is the reason why Parse rejects a text. It unwraps to its Kind.
type ParseError struct {
	Kind    error // ErrSyntax or ErrUnsupported
	Line    int   // first line is 1
	Message string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("ptx: line %d: %s", e.Line, e.Message)
}

func (e *ParseError) Unwrap() error { return e.Kind }

// A Fault ends a launch. It has the thread and the instruction, and unwraps to its
// Kind.
type Fault struct {
	Kind        error
	Entry       string
	Block       [3]int // ctaid
	Thread      [3]int // tid
	Line        int    // in the text of the module
	Instruction string // text of that line
	Message     string
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("ptx: entry %s, block %v, thread %v, line %d: %s: %v", f.Entry, f.Block, f.Thread, f.Line, f.Instruction, f.Kind)
	if f.Message != "" {
		s += ": " + f.Message
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Kind }
