package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"stele/internal/text"
	"stele/node/query"
)

// Errors, to be tested with errors.Is.
var (
	ErrNotFound = errors.New("there is no alert with this id")
	ErrResolved = errors.New("the alert is resolved")
	ErrName     = errors.New("who acknowledges has to be named")
)

// Options are what a book needs.
type Options struct {
	Sources []Source
	Tip     func() At   // where the chain is; quick
	File    string      // that keeps the alerts; "": they are lost at the end
	Publish func(Alert) // called when the state of an alert changes, by one goroutine at a time; nil: nobody is informed
	Log     *slog.Logger
}

// Book has the alerts of a node. Safe for concurrent use.
type Book struct {
	o   Options
	log *slog.Logger

	rounds sync.Mutex // held during a round, and while alerts are published

	mu      sync.Mutex // guards what follows
	machine *machine
	failed  map[string]bool // sources whose last call failed
}

// NewBook returns a book with the alerts of its file, if there is one. A file that cannot be
// read is set aside: the alerts follow from the chain, only acknowledgements are lost.
func NewBook(o Options) *Book {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Book{o: o, log: o.Log, machine: newMachine(), failed: map[string]bool{}}
	b.load()
	return b
}

// How often a round takes place: after a block, but not more often than pause, and
// without one after idle, for what does not follow from blocks. The views follow the
// chain well within a pause.
const (
	pause = time.Second
	idle  = 10 * time.Second
)

// Run asks the sources after each block until ctx ends. Changed has an element when the
// chain has changed.
func (b *Book) Run(ctx context.Context, changed <-chan struct{}) {
	for {
		b.Round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(idle):
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Round asks all sources once, and publishes what changed.
func (b *Book) Round(ctx context.Context) {
	b.rounds.Lock()
	defer b.rounds.Unlock()
	for _, s := range b.o.Sources {
		if ctx.Err() != nil {
			return
		}
		report, err := s.Facts(ctx)
		if ctx.Err() != nil {
			return
		}
		b.noteFailure(s.Name, err)
		if err != nil {
			continue
		}
		report.bound()
		b.publish(b.take(s.Kinds, report))
	}
	b.save()
}

// take gives a report to the machine.
func (b *Book) take(kinds []Kind, report Report) []Alert {
	at := b.o.Tip()
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.machine.dropped
	changed := b.machine.round(at, kinds, report)
	if before == 0 && b.machine.dropped > 0 {
		b.log.Warn("no room for more alerts", "max", MaxAlerts)
	}
	return changed
}

// noteFailure logs when a source begins to fail.
func (b *Book) noteFailure(name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && !b.failed[name] {
		b.log.Warn("alerts not renewed", "source", name, "err", err)
	}
	b.failed[name] = err != nil
}

// publish logs changes, and passes them on. The caller must hold b.rounds.
func (b *Book) publish(changed []Alert) {
	for _, a := range changed {
		b.log.Info("alert", "kind", a.Kind, "state", a.State, "id", a.ID, "subject", a.Subject, "text", a.Text)
		if b.o.Publish != nil {
			b.o.Publish(a)
		}
	}
}

// Acknowledge notes that somebody knows of an open alert. By is who. An alert that was
// acknowledged before stays as it is. Errors: ErrNotFound, ErrResolved, ErrName.
func (b *Book) Acknowledge(id, by string) (Alert, error) {
	if by = strings.TrimSpace(text.Clean(by, MaxName)); by == "" {
		return Alert{}, ErrName
	}
	at := b.o.Tip()
	b.rounds.Lock()
	defer b.rounds.Unlock()
	b.mu.Lock()
	a, changed, err := b.machine.acknowledge(id, by, at)
	b.mu.Unlock()
	if changed {
		b.publish([]Alert{a})
		b.save()
	}
	return a, err
}

// Get returns an alert. Errors: ErrNotFound.
func (b *Book) Get(id string) (Alert, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.machine.alerts[id]
	if a == nil {
		return Alert{}, ErrNotFound
	}
	return a.clone(), nil
}

// List returns the alerts in some states; all if there are none. Those that opened last
// come first. Errors: query.ErrInvalid.
func (b *Book) List(states []State, in query.Range) (query.Page[Alert], error) {
	page := query.Page[Alert]{Items: []Alert{}}
	after := struct {
		height uint32
		id     string
	}{height: 1<<32 - 1}
	if in.From != "" {
		if _, err := fmt.Sscanf(string(in.From), "%d.%16s", &after.height, &after.id); err != nil || len(after.id) != 16 || cursor(after.height, after.id) != in.From {
			return page, fmt.Errorf("%w: from is not what next of a page was", query.ErrInvalid)
		}
	}
	if len(states) == 0 {
		states = States()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.machine.list(states) {
		if a.Opened.Height > after.height || a.Opened.Height == after.height && a.ID < after.id {
			continue
		}
		if len(page.Items) == in.Limit {
			page.Next = cursor(a.Opened.Height, a.ID)
			break
		}
		page.Items = append(page.Items, a.clone())
	}
	return page, nil
}

func cursor(height uint32, id string) query.Cursor {
	return query.Cursor(fmt.Sprintf("%d.%s", height, id))
}

// Counts returns how many alerts of each kind are not resolved.
func (b *Book) Counts() map[Kind]int {
	all := map[Kind]int{}
	for kind, states := range b.CountStates() {
		if n := states[Open] + states[Acknowledged]; n > 0 {
			all[kind] = n
		}
	}
	return all
}

// CountStates returns how many alerts of each kind are in each state, also if none is.
func (b *Book) CountStates() map[Kind]map[State]int {
	all := map[Kind]map[State]int{}
	for _, kind := range Kinds() {
		all[kind] = map[State]int{}
		for _, state := range States() {
			all[kind][state] = 0
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.machine.alerts {
		all[a.Kind][a.State]++
	}
	return all
}
