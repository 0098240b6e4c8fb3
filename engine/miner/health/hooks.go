package health

import "time"

// Hooks are commands, each a program and its arguments, that are run when
// something happens. No shell is between. An empty one is none.
//
// The environment of a command has STELE_EVENT (sick, dead, recovered or
// block), and STELE_DEVICE, STELE_REASON and STELE_BLOCK where they apply.
type Hooks struct {
	Sick      []string // a device gives wrong answers, or finishes nothing
	Dead      []string // a device failed, or was sick too often
	Recovered []string // a device works again
	Block     []string // a block was found

	Timeout time.Duration // of a command; 0: 30 s
}
