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

// work is a template that miners are given.
type work struct {
	seq      uint64             // counts from 1
	template *template.Template // marked with seq
	at       time.Time
	ceiling  float64 // the highest difficulty that no block is above
	complete bool    // not the small first one of its tip

	mu    sync.Mutex
	paid  map[record.Key]*template.Template
	lines map[line][]byte
	any   map[bool][]byte // by clean: a line for some key, that the others are made of
}

// mostPaid is for how many keys a work remembers what it made. Keys cost nothing:
// without a bound those who come and go with another one each would fill memory.
const mostPaid = 1024

// line says which mining.notify of a work one is.
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
		if len(w.paid) >= mostPaid {
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
	if id.again == 0 {
		return t
	}
	return t.Marked([]byte{id.again})
}

// notify returns the mining.notify with the job for a key, as it goes over the
// stratum. All miners with that key get the same.
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
// extranonce, and not in its length.
func (w *work) write(t *template.Template, clean bool) []byte {
	if w.any[clean] == nil {
		w.any[clean] = notify(w.template, jobID{seq: w.seq}, w.template.Time, clean)
	}
	made := bytes.Clone(w.any[clean])
	at := bytes.Index(made, hex.AppendEncode(nil, w.template.Prefix))
	hex.Encode(made[at:], t.Prefix)
	return made
}

// notify returns a mining.notify.
func notify(t *template.Template, id jobID, time uint32, clean bool) []byte {
	n := stratum.Notify{
		JobID: id.String(), Prev: t.Prev, Coinbase1: t.Prefix, Coinbase2: t.Suffix, Branch: t.Branch,
		Version: t.Version, Bits: t.Bits, Time: time, Clean: clean,
	}
	m := n.Message()
	return m.Append(nil)
}

// jobID names a job: the work, and how many times it was given to the session
// before. That happens when the difficulty changes, which counts for later jobs
// only.
type jobID struct {
	seq   uint64
	again uint8
}

// mostAgain is how many times a connection gets the same work. A new connection of
// the session gets it once more.
const mostAgain = 16

func (id jobID) String() string { return strconv.FormatUint(id.seq<<8|uint64(id.again), 16) }

// parseJobID reads what String writes.
func parseJobID(text string) (id jobID, ok bool) {
	n, err := strconv.ParseUint(text, 16, 64)
	id = jobID{n >> 8, uint8(n)}
	return id, err == nil && id.String() == text
}

// mostWorks is how many works of a tip are good at once: half an hour of them.
const mostWorks = 64

// works are those of the tip.
type works struct {
	newest *work // nil: there is nothing to mine
	tip    pow.Hash
	bySeq  map[uint64]*work // of the tip
	last   uint64           // seq of the last one
}

// take makes work of a template if miners should have it, and tells whether it
// did.
func (ws *works) take(t *template.Template, now time.Time) bool {
	if t == nil {
		ws.newest = nil // jobs stay good while the tip is the same
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
	delete(ws.bySeq, ws.last-mostWorks)
	return true
}
