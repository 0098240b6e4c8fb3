// Package supervision is the command "stele supervision", which shows what a supervisor
// watches: whether every record is checked, what is overdue and who must act, and the
// records behind each number. docs/supervision.md says what the answers prove.
package supervision

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
	"stele/node/ledger/record"
)

// Command returns the command.
func Command() *cli.Command {
	list := func(name, usage string, run func(*question) error, flags ...[]cli.Flag) *cli.Command {
		all := askFlags()
		for _, more := range flags {
			all = append(all, more...)
		}
		return &cli.Command{Name: name, Usage: usage, Flags: all, Action: func(c *cli.Context) error { return ask(c, run) }}
	}
	by := []cli.Flag{&cli.StringFlag{Name: "by", Usage: "count by `GROUP`: seller, product or maker", Value: "seller"}}
	measure := []cli.Flag{&cli.StringFlag{Name: "measure", Usage: "list times of `KIND`: answer, execution, ruling or carry", Value: "answer"}}
	carrier := []cli.Flag{&cli.StringFlag{Name: "carrier", Usage: "only goods of the carrier with `KEY`"}}
	return &cli.Command{
		Name:  "supervision",
		Usage: "show what is checked, overdue, slow, in default or stuck in the whole market",
		Description: "Without a subcommand it shows the overview. Each number opens as a list:\n\n" +
			"  stele supervision\n" +
			"  stele supervision overdue --by seller\n" +
			"  stele supervision claims --seller KEY\n" +
			"  stele supervision rulings --since 2026-01-01T00:00:00Z --json",
		Flags:  askFlags(),
		Action: func(c *cli.Context) error { return ask(c, (*question).overview) },
		Subcommands: []*cli.Command{
			list("overdue", "count overdue claims by seller, product or maker, the most first", (*question).overdue, by, listFlags()),
			list("claims", "list overdue claims and who must act, the longest overdue first", (*question).claims, marketFlags(), listFlags()),
			list("times", "show how long answers, remedies and rulings took", (*question).times, marketFlags(), medianFlags()),
			list("slowest", "list the records behind these times, the slowest first", (*question).slowest, measure, marketFlags(), carrier, medianFlags(), listFlags()),
			list("rulings", "list rulings of supervisors", (*question).rulings, marketFlags(), spanFlags(), listFlags()),
			list("defaults", "list orders that were not carried out in time", (*question).defaults, marketFlags(), medianFlags(), listFlags()),
			list("gaps", "list goods that have not changed hands for too long", (*question).gaps, carrier, listFlags()),
			list("recalls", "list recalls and how many vouchers they have reached", (*question).recalls, spanFlags(), listFlags()),
			list("corrections", "list corrections of records", (*question).corrections, marketFlags(), spanFlags(), listFlags()),
		},
	}
}

func askFlags() []cli.Flag {
	return []cli.Flag{nodeclient.Flag("ask the node API at `URL`"), nodeclient.TokenFlag(), keyring.Flag(), cmdline.JSONFlag()}
}

func marketFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "seller", Usage: "only what is about vouchers of the seller with `KEY`: 72 hex digits, or the name of a key"},
		&cli.StringFlag{Name: "maker", Usage: "only what is about products of the maker with `KEY`"},
		&cli.StringFlag{Name: "product", Usage: "only what is about the product with the number `GTIN`"},
	}
}

func medianFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Usage: "only from `TIME` on, as 2026-01-01T00:00:00Z or in seconds since 1970"},
		&cli.StringFlag{Name: "until", Usage: "only up to `TIME`"},
	}
}

func spanFlags() []cli.Flag {
	return append(medianFlags(), &cli.StringFlag{Name: "clock", Usage: "mean by --since and --until the time of `CLOCK`: median, block or claimed", Value: "median"})
}

func listFlags() []cli.Flag {
	return []cli.Flag{&cli.StringFlag{Name: "limit", Usage: "list at most `N`", DefaultText: "50"}}
}

const maxLimit = 10_000

// question is a question to a node.
type question struct {
	*cli.Context
	node  *nodeclient.Client
	limit int
	query url.Values // of the flags
}

// ask asks a question.
func ask(c *cli.Context, run func(*question) error) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	q := &question{Context: c, query: url.Values{}}
	limit, err := cmdline.Number(c, "limit", 1, maxLimit, 50)
	if err != nil {
		return err
	}
	q.limit = int(limit)
	if err := q.readFlags(); err != nil {
		return err
	}
	if q.node, err = nodeclient.New(c); err != nil {
		return err
	}
	defer q.node.Close()
	return cmdline.Cause(c, run(q))
}

// readFlags turns flags into parameters of the API.
func (q *question) readFlags() error {
	folder, err := keyring.Folder(q.Context)
	if err != nil {
		return err
	}
	for _, name := range []string{"seller", "maker", "carrier"} {
		if q.String(name) == "" {
			continue
		}
		key, err := keyring.PublicKey(folder, q.String(name))
		if err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		q.query.Set(name, key.String())
	}
	if text := q.String("product"); text != "" {
		gtin, err := record.ParseGTIN(text)
		if err != nil {
			return fmt.Errorf("--product: %w", err)
		}
		q.query.Set("gtin", gtin.String())
	}
	for _, name := range []string{"since", "until"} {
		if q.String(name) == "" {
			continue
		}
		at, err := seconds(q.String(name))
		if err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		q.query.Set(name, strconv.FormatUint(at, 10))
	}
	for _, name := range []string{"by", "clock"} {
		if q.String(name) != "" {
			q.query.Set(name, q.String(name))
		}
	}
	return nil
}

// seconds reads a time: of RFC 3339, or in seconds since 1970.
func seconds(text string) (uint64, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return n, nil
	}
	var at record.Time
	err := at.UnmarshalText([]byte(text))
	return uint64(at), err
}

// path returns the path of a question, with the parameters of the flags.
func (q *question) path(what string) string {
	path := "/v1/supervision/" + what
	if len(q.query) > 0 {
		path += "?" + q.query.Encode()
	}
	return path
}

// get asks for one thing.
func get[T any](q *question, what string) (v T, err error) {
	err = q.node.Get(q.Context.Context, q.path(what), &v)
	return v, err
}

// listOf is what a list prints with --json.
type listOf[T any] struct {
	Items []T  `json:"items"`
	More  bool `json:"more"` // there are more than --limit
}

// show asks for a list and prints it: a row for each item.
func show[T any](q *question, what, empty string, head []any, row func(*T) []any) error {
	items, more, err := nodeclient.All[T](q.Context.Context, q.node, q.path(what), q.limit)
	if err != nil {
		return err
	}
	if q.Bool("json") {
		return cmdline.PrintJSON(q.Context, listOf[T]{append([]T{}, items...), more})
	}
	if len(items) == 0 {
		return cmdline.PrintText(q.Context, empty+"\n")
	}
	text := human.Table(func(line func(...any)) {
		line(head...)
		for i := range items {
			line(row(&items[i])...)
		}
	})
	if more {
		text += fmt.Sprintf("and more than --limit %d\n", q.limit)
	}
	return cmdline.PrintText(q.Context, text)
}

// overview is what "stele supervision --json" prints.
type overview struct {
	Coverage      api.Coverage          `json:"coverage"`
	Counts        api.SupervisionCounts `json:"counts"`
	Overdue       []api.OverdueCount    `json:"overdue"` // the sellers with the most
	ResponseTimes api.ResponseTimes     `json:"response_times"`
	Parcels       api.Parcels           `json:"parcels"`
}
