package rules

import "sync"

// Past is what the state was after a block, as far as later blocks have changed it: the
// first old value of each key in their undo data. Over the state after those blocks it
// is the whole state after the first one.
//
// What a Past has stays true whatever the chain does later, so it can grow while others
// read it. Safe for concurrent use. The zero value has no blocks.
type Past struct {
	mu   sync.RWMutex
	old  map[string][]byte
	size int
}

// entryCost is about how many bytes of memory an entry takes beside its key and value.
const entryCost = 64

// Add adds the undo data of the next block, which p keeps. Its parent must be the first
// block, or have been added. Errors: [ErrUndo].
func (p *Past) Add(undo []byte) error {
	changes, err := DecodeUndo(undo)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.old == nil {
		p.old = map[string][]byte{}
	}
	for _, c := range changes {
		if _, known := p.old[string(c.Key)]; !known {
			p.old[string(c.Key)] = c.Old
			p.size += entryCost + len(c.Key)
		}
	}
	p.size += len(undo)
	return nil
}

// Size returns about how many bytes of memory p takes.
func (p *Past) Size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.size
}

// Over returns the state after the first block. After is the state after a block that was
// added, or after the first one.
func (p *Past) Over(after View) View { return pastView{p, after} }

type pastView struct {
	*Past
	after View
}

// Get implements [View].
func (p pastView) Get(key []byte) ([]byte, error) {
	p.mu.RLock()
	value, changed := p.old[string(key)]
	p.mu.RUnlock()
	if changed {
		return value, nil
	}
	return p.after.Get(key)
}
