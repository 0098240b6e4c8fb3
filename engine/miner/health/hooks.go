package health

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Hooks are commands, each a program and its arguments, that are run on events,
// without a shell. An empty command is none.
//
// A command has the environment of the program without the settings of the
// program, some of which are secrets: of the variables that begin with STELE_ it
// has only STELE_EVENT (sick, dead, recovered or block), and STELE_DEVICE,
// STELE_REASON and STELE_BLOCK where they apply.
//
// A command that takes too long is killed, on Unix with its process group. What a
// command leaves in the background when it exits keeps running, but can no longer
// write to the log.
type Hooks struct {
	Sick      []string // a device returns wrong results, or finishes nothing
	Dead      []string // a device failed, or was sick too often
	Recovered []string // a device works again
	Block     []string // a source accepted a block

	Timeout time.Duration // of a command; 0: 30 s
}

const (
	defaultTimeout = 30 * time.Second
	maxCalls       = 64      // that wait, for each event
	maxOutput      = 4 << 10 // of a command in the log, in bytes
)

var errTooLong = errors.New("timeout")

// Runner runs hooks, those of an event one after the other. Its methods other than
// Run do not block. Safe for concurrent use.
type Runner struct {
	hooks Hooks
	log   *slog.Logger
	calls map[string]chan []string // the environment of each call, by its event
}

// NewRunner returns a runner, which does nothing before [Runner.Run]. A nil log is
// silent.
func NewRunner(h Hooks, log *slog.Logger) *Runner {
	if h.Timeout <= 0 {
		h.Timeout = defaultTimeout
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{hooks: h, log: log, calls: map[string]chan []string{}}
	for event := range r.commands() {
		r.calls[event] = make(chan []string, maxCalls)
	}
	return r
}

// commands returns the hooks that are set, by their events.
func (r *Runner) commands() map[string][]string {
	all := map[string][]string{"sick": r.hooks.Sick, "dead": r.hooks.Dead, "recovered": r.hooks.Recovered, "block": r.hooks.Block}
	for event, command := range all {
		if len(command) == 0 {
			delete(all, event)
		}
	}
	return all
}

// Run runs the hooks until ctx ends. It kills the commands that run then.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for event, command := range r.commands() {
		wg.Go(func() {
			for {
				select {
				case environment := <-r.calls[event]:
					r.call(ctx, event, command, environment)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}

// Device runs the hook for the new state of a device, if there is one.
func (r *Runner) Device(s State, device, reason string) {
	event := map[State]string{Sick: "sick", Dead: "dead", OK: "recovered"}[s]
	r.fire(event, "STELE_DEVICE="+device, "STELE_REASON="+reason)
}

// Block runs the hook for an accepted block.
func (r *Runner) Block(device, hash string) {
	r.fire("block", "STELE_DEVICE="+device, "STELE_BLOCK="+hash)
}

func (r *Runner) fire(event string, environment ...string) {
	calls, ok := r.calls[event]
	if !ok {
		return
	}
	select {
	case calls <- append(environment, "STELE_EVENT="+event):
	default:
		r.log.Warn("hook dropped, too many waiting", "event", event)
	}
}

// call runs a command.
func (r *Runner) call(ctx context.Context, event string, command, environment []string) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.hooks.Timeout, errTooLong)
	defer cancel()
	var output head
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = append(inherited(os.Environ()), environment...)
	c.Stdout, c.Stderr = &output, &output
	c.WaitDelay = 100 * time.Millisecond // for the output of what it leaves in the background
	ownGroup(c)
	killed, kill := false, c.Cancel
	c.Cancel = func() error {
		err := kill()
		killed = err == nil
		return err
	}
	started := time.Now()
	err := c.Run()
	log := r.log.With("event", event, "command", command[0])
	printed := slog.String("output", strings.TrimSpace(string(output.kept)))
	switch {
	case killed:
		reason := "miner stopped"
		if errors.Is(context.Cause(ctx), errTooLong) {
			reason = "timeout"
		}
		log.Warn("hook killed", "reason", reason, "after", time.Since(started).Round(time.Millisecond), printed)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		log.Warn("hook failed", "err", err, printed)
	default:
		log.Info("hook finished", printed)
	}
}

// inherited returns the environment without the settings of this program.
func inherited(environment []string) []string {
	return slices.DeleteFunc(environment, func(s string) bool { return strings.HasPrefix(s, "STELE_") })
}

// head keeps the beginning of what is written to it.
type head struct{ kept []byte }

// Write implements io.Writer.
func (h *head) Write(b []byte) (int, error) {
	h.kept = append(h.kept, b[:min(len(b), maxOutput-len(h.kept))]...)
	return len(b), nil
}
