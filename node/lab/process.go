package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"stele/node/ledger/record"
)

// process is a node that is a process of its own. It is used by one goroutine, but for
// what apiClient and users have.
type process struct {
	*apiClient
	number  int
	program string
	dir     string
	args    []string
	mines   bool
	output  io.Writer // of its log

	users users
	chain shownChain

	command *exec.Cmd  // nil: it does not run
	ended   chan error // of Wait
}

// users are the accounts that send their records to a node.
type users struct {
	mu   sync.Mutex
	keys []record.PrivateKey
	next int
}

// start starts the process.
func (p *process) start() error {
	c := exec.Command(p.program, p.args...)
	c.Stdout, c.Stderr = p.output, p.output
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	c.WaitDelay = 5 * time.Second
	if err := c.Start(); err != nil {
		return err
	}
	if p.mines {
		yieldTo(c.Process)
	}
	p.command, p.ended = c, make(chan error, 1)
	go func(ended chan<- error) { ended <- c.Wait() }(p.ended)
	return nil
}

// await waits until the node answers.
func (p *process) await(ctx context.Context) error {
	for end := time.Now().Add(30 * time.Second); ; {
		err := p.health(ctx)
		if err == nil {
			return nil
		}
		select {
		case exit := <-p.ended:
			p.command = nil
			return fmt.Errorf("node %d ended: %w", p.number, orEnded(exit))
		default:
		}
		if time.Now().After(end) || !wait(ctx, 50*time.Millisecond) {
			return fmt.Errorf("node %d does not answer: %w", p.number, err)
		}
	}
}

func orEnded(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

// kill ends the process by SIGKILL.
func (p *process) kill() error {
	if p.command == nil {
		return nil
	}
	err := p.command.Process.Kill()
	<-p.ended
	p.command = nil
	return err
}

// maxExit is the time that a process has to end.
const maxExit = 30 * time.Second

// stop ends the process by SIGINT, and reports how long it took.
func (p *process) stop() (time.Duration, error) {
	if p.command == nil {
		return 0, nil
	}
	began := time.Now()
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		return 0, errors.Join(err, p.kill())
	}
	select {
	case err := <-p.ended:
		p.command = nil
		return time.Since(began), err
	case <-time.After(maxExit):
		return maxExit, errors.Join(fmt.Errorf("it did not end within %v", maxExit), p.kill())
	}
}

// check lets the program check the files of the node, and returns what it found.
func (p *process) check(ctx context.Context) (damage string, err error) {
	var out bytes.Buffer
	c := exec.CommandContext(ctx, p.program, "node", "check", "--network", "dev", "--data", p.dir)
	c.Stdout, c.Stderr = &out, &out
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		return string(lines[len(lines)-1]), nil
	}
	return "", err
}

// logWriter writes to several writers, none of which is asked for errors.
func logWriter(file string, book io.Writer) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return tee{f, book}, nil
}

type tee struct {
	*os.File
	book io.Writer
}

func (t tee) Write(b []byte) (int, error) {
	_, _ = t.book.Write(b)
	return t.File.Write(b)
}
