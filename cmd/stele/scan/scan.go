// Package scan is the command "stele scan", which finds every nonce in a range whose hash
// meets the target.
package scan

import (
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/cmd/stele/internal/human"
	"stele/engine"
	"stele/engine/pow"
)

// result is what "stele scan --json" prints. Its fields are described in
// docs/cli.md.
type result struct {
	Nonces       []uint32            `json:"nonces"`
	NoncesTotal  uint64              `json:"nonces_total"`
	Target       string              `json:"target"`
	From         uint32              `json:"from"`
	Count        uint64              `json:"count"`
	Scanned      uint64              `json:"scanned"`
	Complete     bool                `json:"complete"`
	Seconds      float64             `json:"seconds"`
	HashesPerSec float64             `json:"hashes_per_second"`
	Device       string              `json:"device"`
	Kernel       string              `json:"kernel"`
	Devices      []engine.DeviceWork `json:"devices"`
	Error        string              `json:"error,omitempty"`
}

// genesis is the header of Bitcoin's genesis block, in hex.
const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd" +
	"7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "scan",
		Usage: "find every nonce in a range whose hash meets the target",
		Description: "Hashes a header with every nonce of the range and lists all nonces found. Numbers are\n" +
			"decimal, or hexadecimal after 0x. Nonce 0 follows 2^32-1. This finds the nonce of\n" +
			"Bitcoin's genesis block, 2083236893:\n\n" +
			"  stele scan --from 2083000000 --count 1000000 --header " + genesis,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "header", Usage: "80-byte header, 160 `HEX` digits; its own nonce is ignored"},
			&cli.StringFlag{Name: "target", Usage: "highest hash that still meets the target, up to 64 `HEX` digits, most significant first", DefaultText: "from the nBits of the header"},
			&cli.StringFlag{Name: "bits", Usage: "target in compact form (nBits), 8 `HEX` digits"},
			&cli.StringFlag{Name: "from", Usage: "start at nonce `N`", DefaultText: "0"},
			&cli.StringFlag{Name: "count", Usage: "try `N` nonces", DefaultText: "up to nonce 2^32-1"},
			&cli.StringFlag{Name: "max-hits", Usage: "list at most the first `N` nonces found, but count all", DefaultText: "100000"},
			cmdline.JSONFlag(),
		}, deviceflags.Flags()...),
		Action: run,
	}
}

// maxHits bounds --max-hits: a nonce takes about 50 bytes of memory until it is
// printed.
const maxHits = 10_000_000

func run(c *cli.Context) error {
	job, r, err := scanJob(c)
	if err != nil {
		return err
	}
	limit, err := cmdline.Number(c, "max-hits", 0, maxHits, 100_000)
	if err != nil {
		return err
	}
	e, err := deviceflags.OpenEngine(c)
	if err != nil {
		return err
	}
	defer e.Close()

	list := firstHits{first: r.First, limit: int(limit)}
	stop := showProgress(c, e, r.Count)
	sum, err := e.Search(c.Context, job, r, func(h engine.Hit) { list.add(h.Nonce) })
	stop()
	if err != nil {
		err = fmt.Errorf("scan stopped after %d of %d nonces: %w", sum.Scanned, r.Count, cmdline.Cause(c, err))
	}

	res := result{
		Nonces:       list.sorted(),
		NoncesTotal:  list.total,
		Target:       job.Target.String(),
		From:         r.First,
		Count:        r.Count,
		Scanned:      sum.Scanned,
		Complete:     err == nil,
		Seconds:      sum.Elapsed.Seconds(),
		HashesPerSec: human.PerSecond(sum.Scanned, sum.Elapsed),
		Devices:      sum.Devices,
	}
	res.Device, res.Kernel, _ = deviceflags.Names(e)
	if err != nil {
		res.Error = err.Error()
	}
	var printed error
	if c.Bool("json") {
		printed = cmdline.PrintJSON(c, res)
	} else {
		printed = cmdline.PrintText(c, res.text(job))
	}
	if err != nil {
		return err
	}
	return printed
}

// scanJob reads the job and its range from the flags.
func scanJob(c *cli.Context) (job engine.Job, r pow.Range, err error) {
	if err := cmdline.NoArgs(c); err != nil {
		return job, r, err
	}
	if err := cmdline.Require(c, "header"); err != nil {
		return job, r, err
	}
	header, err := pow.ParseHeader(c.String("header"))
	if err != nil {
		return job, r, fmt.Errorf("--header: %w", err)
	}
	job.Header = header.Encode()
	if job.Target, err = scanTarget(c, header); err != nil {
		return job, r, err
	}
	from, err := cmdline.Number(c, "from", 0, pow.NonceSpace-1, 0)
	if err != nil {
		return job, r, err
	}
	count, err := cmdline.Number(c, "count", 0, pow.NonceSpace, pow.NonceSpace-from)
	if err != nil {
		return job, r, err
	}
	return job, pow.Range{First: uint32(from), Count: count}, nil
}

// scanTarget returns the target from the flags, or from the header.
func scanTarget(c *cli.Context, header pow.Header) (pow.Target, error) {
	switch {
	case c.IsSet("target") && c.IsSet("bits"):
		return pow.Target{}, fmt.Errorf("--target and --bits are mutually exclusive")
	case c.IsSet("target"):
		t, err := pow.ParseTarget(c.String("target"))
		if err != nil {
			return t, fmt.Errorf("--target: %w", err)
		}
		return t, nil
	case c.IsSet("bits"):
		bits, err := pow.ParseBits(c.String("bits"))
		if err != nil {
			return pow.Target{}, fmt.Errorf("--bits: %w", err)
		}
		t, err := bits.Target()
		if err != nil {
			return t, fmt.Errorf("--bits: %w", err)
		}
		return t, nil
	}
	t, err := header.Bits.Target()
	if err != nil {
		return t, fmt.Errorf("--header: its nBits: %w; pass --target or --bits", err)
	}
	return t, nil
}

// text returns the result for people.
func (r result) text(job engine.Job) string {
	var b strings.Builder
	header := job.Header
	for _, nonce := range r.Nonces {
		pow.SetNonce(&header, nonce)
		fmt.Fprintf(&b, "%10d  %s\n", nonce, pow.Sum(header[:]))
	}
	if more := r.NoncesTotal - uint64(len(r.Nonces)); more > 0 {
		fmt.Fprintf(&b, "and %d more (see --max-hits)\n", more)
	}
	nonces := "nonces"
	if r.Scanned == 1 {
		nonces = "nonce"
	}
	took, precision := time.Duration(r.Seconds*float64(time.Second)), time.Millisecond
	if took < 10*precision {
		precision = time.Microsecond
	}
	fmt.Fprintf(&b, "%d found among %d %s, in %v: %sH/s on %s (%s)\n",
		r.NoncesTotal, r.Scanned, nonces, took.Round(precision),
		human.SI(r.HashesPerSec), r.Device, r.Kernel)
	return b.String()
}

// showProgress shows how many nonces the devices of e have done, until stop is
// called.
func showProgress(c *cli.Context, e *engine.Engine, count uint64) (stop func()) {
	bar := cmdline.NewProgress(c, int64(count), "scan", progressbar.OptionShowIts(), progressbar.OptionSetItsString("nonces"))
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				var nonces uint64
				for _, s := range e.Status() {
					nonces += s.Nonces
				}
				bar.Set(int64(min(nonces, count)))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		bar.Close()
	}
}
