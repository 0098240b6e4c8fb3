package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"stele/engine"
	"stele/engine/pow"
)

// scanResult is what "stele scan --json" prints. Its fields are described in
// docs/cli.md.
type scanResult struct {
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

func scanCommand() *cli.Command {
	return &cli.Command{
		Name:  "scan",
		Usage: "find every nonce of a range whose hash meets the target",
		Description: "The header is 80 bytes in hex; its own nonce does not matter. Nonces are the\n" +
			"number in the header field (the genesis block's is 2083236893). After 2^32-1\n" +
			"comes 0. Numbers are decimal, or hex after 0x.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "header", Usage: "the header, 160 `HEX` digits"},
			&cli.StringFlag{Name: "target", Usage: "the greatest good hash, up to 64 `HEX` digits, most significant first (default: of the header's nBits)"},
			&cli.StringFlag{Name: "bits", Usage: "the target as nBits, 8 `HEX` digits"},
			&cli.StringFlag{Name: "from", Usage: "the nonce `N` is the first", DefaultText: "0"},
			&cli.StringFlag{Name: "count", Usage: "try `N` nonces", DefaultText: "to 2^32-1"},
			&cli.StringFlag{Name: "max-hits", Usage: "list at most the first `N` nonces found", DefaultText: "100000"},
			jsonFlag(),
		}, engineFlags()...),
		Action: scan,
	}
}

// mostHits bounds --max-hits: a nonce takes some 50 bytes of memory until it is
// printed.
const mostHits = 10_000_000

func scan(c *cli.Context) error {
	job, r, err := scanJob(c)
	if err != nil {
		return err
	}
	most, err := number(c, "max-hits", 0, mostHits, 100_000)
	if err != nil {
		return err
	}
	e, err := openEngine(c)
	if err != nil {
		return err
	}
	defer e.Close()

	list := firstHits{first: r.First, most: int(most)}
	stop := showProgress(c, e, r.Count)
	sum, err := e.Search(c.Context, job, r, func(h engine.Hit) { list.add(h.Nonce) })
	stop()
	if err != nil {
		err = fmt.Errorf("scan ended after %d of %d nonces: %w", sum.Scanned, r.Count, reason(c, err))
	}

	res := scanResult{
		Nonces:       list.sorted(),
		NoncesTotal:  list.total,
		Target:       job.Target.String(),
		From:         r.First,
		Count:        r.Count,
		Scanned:      sum.Scanned,
		Complete:     err == nil,
		Seconds:      sum.Elapsed.Seconds(),
		HashesPerSec: perSecond(sum.Scanned, sum.Elapsed),
		Devices:      sum.Devices,
	}
	res.Device, res.Kernel, _ = deviceNames(e)
	if err != nil {
		res.Error = err.Error()
	}
	var printed error
	if c.Bool("json") {
		printed = printJSON(c, res)
	} else {
		printed = printText(c, res.text(job))
	}
	if err != nil {
		return err
	}
	return printed
}

// scanJob reads the job and its range from the flags.
func scanJob(c *cli.Context) (job engine.Job, r pow.Range, err error) {
	if err := noArgs(c); err != nil {
		return job, r, err
	}
	if !c.IsSet("header") {
		return job, r, fmt.Errorf("--header is missing; see stele scan --help")
	}
	header, err := pow.ParseHeader(c.String("header"))
	if err != nil {
		return job, r, fmt.Errorf("--header: %w", err)
	}
	job.Header = header.Encode()
	if job.Target, err = scanTarget(c, header); err != nil {
		return job, r, err
	}
	from, err := number(c, "from", 0, pow.NonceSpace-1, 0)
	if err != nil {
		return job, r, err
	}
	count, err := number(c, "count", 0, pow.NonceSpace, pow.NonceSpace-from)
	if err != nil {
		return job, r, err
	}
	return job, pow.Range{First: uint32(from), Count: count}, nil
}

// scanTarget returns the target that the flags or the header name.
func scanTarget(c *cli.Context, header pow.Header) (pow.Target, error) {
	switch {
	case c.IsSet("target") && c.IsSet("bits"):
		return pow.Target{}, fmt.Errorf("--target and --bits exclude each other")
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
		return t, fmt.Errorf("--header: its nBits: %w; give --target or --bits", err)
	}
	return t, nil
}

// text is the result for people.
func (r scanResult) text(job engine.Job) string {
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
		siUnits(r.HashesPerSec), r.Device, r.Kernel)
	return b.String()
}

// showProgress shows how far the devices of e are until stop is called.
func showProgress(c *cli.Context, e *engine.Engine, count uint64) (stop func()) {
	bar := newProgress(c, int64(count), "scan", progressbar.OptionShowIts(), progressbar.OptionSetItsString("nonces"))
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
				bar.set(int64(min(nonces, count)))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		bar.close()
	}
}
