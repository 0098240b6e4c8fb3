package efficiency

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Change is what a sweep will change of a GPU.
type Change struct {
	Device     string `json:"device"` // ID, for people
	UUID       string `json:"uuid"`
	PowerLimit bool   `json:"power_limit"`
	Clock      bool   `json:"clock"`
}

// request is what the sweep asks of its guard, as a line of JSON.
type request struct {
	Record  string   `json:"record"` // name of the file
	Changes []Change `json:"changes"`
}

// reply is an answer of the guard, as a line of JSON: first that it is ready, and at
// the end that it has restored.
type reply struct {
	Note  string  `json:"note,omitempty"` // about an earlier sweep, for people
	Saved []Saved `json:"saved,omitempty"`
	Error string  `json:"error,omitempty"`
	Busy  bool    `json:"busy,omitempty"` // the error is ErrBusy
}

// Serve is what the guard process does, with its standard streams. It reads a request,
// saves the limits and replies. When its input ends it restores the limits. It then
// writes a line to standard error if the sweep did not ask for that, but ended without a
// word. It ignores all signals that it can.
func Serve(control Control) error {
	ignoreSignals()
	return serve(control, os.Stdin, os.Stdout, os.Stderr)
}

func serve(control Control, in io.Reader, out, log io.Writer) error {
	requests, replies := json.NewDecoder(in), json.NewEncoder(out)
	var req request
	if err := requests.Decode(&req); err != nil {
		return fmt.Errorf("efficiency guard: no request: %w", err)
	}
	r, saved, note, err := prepare(control, req)
	if err != nil {
		return errors.Join(err, replies.Encode(reply{Error: err.Error(), Busy: errors.Is(err, ErrBusy)}))
	}
	if err := replies.Encode(reply{Note: note, Saved: saved}); err != nil {
		return errors.Join(err, r.clear(), r.close()) // the sweep is gone and has changed nothing
	}
	var end struct{}
	asked := requests.Decode(&end) == nil
	if err := restore(control, saved); err != nil {
		return errors.Join(err, r.close(), replies.Encode(reply{Error: err.Error()})) // the record stays
	}
	err = errors.Join(r.clear(), r.close())
	if !asked { // nobody reads a reply
		fmt.Fprintf(log, "stele: the sweep ended unexpectedly; restored %s\n", list(saved))
		return err
	}
	return errors.Join(err, replies.Encode(reply{}))
}

// prepare opens the record, restores what an earlier sweep left, and saves the limits. It
// tries to restore them at once, so that a sweep which may not change them ends here.
func prepare(control Control, req request) (r *record, saved []Saved, note string, err error) {
	if r, err = openRecord(req.Record); err != nil {
		return nil, nil, "", err
	}
	fail := func(err error) (*record, []Saved, string, error) { return nil, nil, "", errors.Join(err, r.close()) }
	boot := bootID()
	if note, err = r.recoverSettings(control, boot); err != nil {
		return fail(err)
	}
	for _, c := range req.Changes {
		s, err := save(control, c)
		if err != nil {
			return fail(err)
		}
		saved = append(saved, s)
	}
	if err := r.keep(content{boot, saved}); err != nil {
		return fail(err)
	}
	if err := restore(control, saved); err != nil { // what cannot be restored must not be changed
		return fail(errors.Join(err, r.clear()))
	}
	return r, saved, note, nil
}

// Guard restores the limits of GPUs when it is closed, or when this process ends.
type Guard struct {
	Note string // about an earlier sweep that did not end, for people; "": nothing

	control Control
	saved   []Saved
	record  string
	cmd     *exec.Cmd
	in      io.WriteCloser
	replies *json.Decoder
}

// StartGuard starts a guard process with cmd, which must call [Serve] with its standard
// streams. Record is the name of the file that saves the limits, in a folder that
// outlives the process. Nothing may be changed before StartGuard has returned. Errors:
// [ErrBusy], or that the limits cannot be read or set.
func StartGuard(control Control, cmd *exec.Cmd, record string, changes []Change) (*Guard, error) {
	detach(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr // it outlives the writers of this process
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard of the limits: %w", err)
	}
	g := &Guard{control: control, record: record, cmd: cmd, in: in, replies: json.NewDecoder(out)}
	hung := time.AfterFunc(guardTimeout, func() { _ = cmd.Process.Kill() }) // as when the driver hangs
	defer hung.Stop()
	err = json.NewEncoder(in).Encode(request{record, changes})
	var first reply
	if err == nil {
		err = g.replies.Decode(&first)
	}
	switch {
	case first.Busy:
		err = fmt.Errorf("%w: %s", ErrBusy, first.Error)
	case first.Error != "":
		err = errors.New(first.Error)
	case err != nil:
		err = fmt.Errorf("the guard of the limits does not answer: %w", err)
	}
	if err != nil {
		_ = in.Close()
		_ = cmd.Wait() // its error is known
		return nil, err
	}
	g.Note, g.saved = first.Note, first.Saved
	return g, nil
}

// guardTimeout is how long the guard may take to read and to restore limits.
const guardTimeout = 10 * time.Second

// Close restores the limits. The error is that some could not be restored; they then
// stay in the record for the next sweep.
func (g *Guard) Close() error {
	_, err := io.WriteString(g.in, "{}\n")
	err = errors.Join(err, g.in.Close())
	hung := time.AfterFunc(guardTimeout, func() { _ = g.cmd.Process.Kill() })
	defer hung.Stop()
	var last reply
	err = errors.Join(err, g.replies.Decode(&last))
	exit := g.cmd.Wait()
	switch {
	case last.Error != "":
		return errors.New("cannot restore the limits: " + last.Error)
	case err == nil && exit == nil:
		return nil
	}
	// The guard was killed.
	r, err := openRecord(g.record)
	if err != nil {
		return errors.Join(restore(g.control, g.saved), err)
	}
	if err := restore(g.control, g.saved); err != nil {
		return errors.Join(fmt.Errorf("cannot restore the limits: %w", err), r.close())
	}
	return errors.Join(r.clear(), r.close())
}
