package stratum

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/node/ledger/record"
	"stele/node/template"
)

// work is a template for miners.
type work struct {
	seq      uint64             // counts from 1
	template *template.Template // marked with seq
	at       time.Time
	ceiling  float64 // the difficulty of a block, rounded down
	complete bool    // not the small first template of its tip

	mu    sync.Mutex
	paid  map[record.Key]*template.Template
	lines map[line][]byte
	any   map[bool][]byte // by clean: a line for some key, from which the others are made
}

// maxPaid bounds the keys whose templates and lines a work keeps. Keys cost nothing:
// without a bound, miners that reconnect with another key each time would fill memory.
const maxPaid = 1024

// line identifies a mining.notify of a work.
type line struct {
	key   record.Key
	clean bool
}

// paidTo returns the template that pays key.
func (w *work) paidTo(key record.Key) *template.Template {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.payTo(key)
}

func (w *work) payTo(key record.Key) *template.Template {
	t := w.paid[key]
	if t == nil {
		if len(w.paid) >= maxPaid {
			clear(w.paid)
			clear(w.lines)
		}
		t = w.template.PaidTo(key)
		w.paid[key] = t
	}
	return t
}

// of returns the template of a job for a key: each job has headers of its own, as
// a miner may roll the time of a job into that of the next.
func (w *work) of(id jobID, key record.Key) *template.Template {
	t := w.paidTo(key)
	if id.repeat == 0 {
		return t
	}
	return t.Marked([]byte{id.repeat})
}

// notify returns the line of mining.notify with the job for a key. All miners with
// that key get the same.
func (w *work) notify(key record.Key, clean bool) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := line{key, clean}
	if w.lines[l] == nil {
		w.lines[l] = w.write(w.payTo(key), clean)
	}
	return w.lines[l]
}

// write makes the line for a key. Lines differ only in the coinbase before the
// extranonce, which has the same length in all.
func (w *work) write(t *template.Template, clean bool) []byte {
	if w.any[clean] == nil {
		w.any[clean] = notify(w.template, jobID{seq: w.seq}, w.template.Time, clean)
	}
	made := bytes.Clone(w.any[clean])
	at := bytes.Index(made, hex.AppendEncode(nil, w.template.Prefix))
	hex.Encode(made[at:], t.Prefix)
	return made
}

// notify returns the line of a mining.notify.
func notify(t *template.Template, id jobID, time uint32, clean bool) []byte {
	n := stratum.Notify{
		JobID: id.String(), Prev: t.Prev, Coinbase1: t.Prefix, Coinbase2: t.Suffix, Branch: t.Branch,
		Version: t.Version, Bits: t.Bits, Time: time, Clean: clean,
	}
	m := n.Message()
	return m.Append(nil)
}

// jobID identifies a job: the work, and how often it was sent to the session before.
// Work is repeated when the difficulty changes, which applies to later jobs only.
type jobID struct {
	seq    uint64
	repeat uint8
}

// maxRepeats bounds how often a connection gets the same work. A new connection of
// the session gets it once more.
const maxRepeats = 16

func (id jobID) String() string { return strconv.FormatUint(id.seq<<8|uint64(id.repeat), 16) }

// parseJobID reads what String writes.
func parseJobID(text string) (id jobID, ok bool) {
	n, err := strconv.ParseUint(text, 16, 64)
	id = jobID{n >> 8, uint8(n)}
	return id, err == nil && id.String() == text
}

// maxWorks bounds the works of a tip that are valid at once: half an hour of them.
const maxWorks = 64

// workSet is the works of the tip.
type workSet struct {
	newest *work // nil: there is nothing to mine
	tip    pow.Hash
	bySeq  map[uint64]*work // of the tip
	last   uint64           // seq of the last one
}

// take makes work from a template if it is time for new work, and reports whether it
// did.
func (ws *workSet) take(t *template.Template, now time.Time) bool {
	if t == nil {
		ws.newest = nil // jobs stay valid while the tip is the same
		return false
	}
	old, sameTip := ws.newest, ws.bySeq != nil && ws.tip == t.Prev
	switch {
	case !sameTip:
		ws.tip, ws.bySeq = t.Prev, map[uint64]*work{}
	case old == nil:
	case old.complete && now.Sub(old.at) < refreshEvery && !now.Before(old.at):
		return false
	}
	ws.last++
	ws.newest = &work{
		seq: ws.last, template: t.Marked(binary.LittleEndian.AppendUint32(nil, uint32(ws.last))), at: now,
		ceiling:  roundDown(t.Target.Difficulty().Float64()),
		complete: len(t.Records) != template.FirstRecords || sameTip,
		paid:     map[record.Key]*template.Template{},
		lines:    map[line][]byte{},
		any:      map[bool][]byte{},
	}
	ws.bySeq[ws.last] = ws.newest
	delete(ws.bySeq, ws.last-maxWorks)
	return true
}
