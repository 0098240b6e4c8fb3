package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"stele/node/chain"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// Query names the rows of an export.
type Query struct {
	Table string
	// Of narrows the table down. At most one of its fields is set, and the table must
	// know it: see [Table.Filters].
	Of query.Of
	// Since is the first height, for tables of the chain only.
	Since uint32
	// At is the height of the block as of which the export is made. Nil: the tip.
	At *uint32
}

// Source has the parts of a node that an export reads.
type Source struct {
	Params  *network.Params
	Chain   *chain.Chain
	Views   *views.Views   // nil: there is no table of sellers
	Credit  *credit.Reader // of Views; nil: there is no table of sellers
	Program string         // its version, for the manifest
}

// exporter is one export.
type exporter struct {
	ctx    context.Context
	src    Source
	params *network.Params
	table  table
	format Format
	of     query.Of // with the first keys of accounts
	since  uint32
	tip    *chain.Tip // the block of the export

	state rules.Entries // after the block; nil for tables of the chain
	next  rules.Context // of the block after it
}

// Write writes the rows of a query to w, and returns the manifest of what it wrote.
// If it fails, w has a part of the file. Errors: [query.ErrInvalid],
// [query.ErrNotFound], [query.ErrTooFar], [query.ErrBusy], [query.ErrNoViews],
// [store.ErrPruned], those of w, of ctx and of the store. Safe for concurrent use.
func Write(ctx context.Context, w io.Writer, format Format, q Query, src Source) (Manifest, error) {
	x := &exporter{ctx: ctx, src: src, params: src.Params, format: format, since: q.Since, of: q.Of}
	if err := x.check(q); err != nil {
		return Manifest{}, err
	}
	height := src.Chain.Tip().Height
	if q.At != nil {
		height = *q.At
	}
	if x.since > height {
		return Manifest{}, invalid("the first height %d is above the last one, %d", x.since, height)
	}
	m, err := x.run(w, height)
	return m, queryError(err, height)
}

// check checks what needs no chain.
func (x *exporter) check(q Query) error {
	if x.table = findTable(q.Table); x.table == nil {
		return invalid("there is no table %.40q: must be one of %v", q.Table, tableNames())
	}
	if !slices.Contains(Formats(), x.format) {
		return invalid("there is no format %.40q: must be one of %v", x.format, Formats())
	}
	t := x.table.describe()
	names := filterNames(q.Of)
	if len(names) > 1 {
		return invalid("an export is narrowed down by one party or by a product, not by %v", names)
	}
	for _, name := range names {
		if !slices.Contains(t.Filters, name) {
			return invalid("the table %s is not narrowed down by %s: must be by one of %v", t.Name, name, t.Filters)
		}
	}
	if q.Since > 0 && !t.OfChain {
		return invalid("the table %s has things as of one block, and no first height", t.Name)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", query.ErrInvalid, fmt.Sprintf(format, args...))
}

func tableNames() (names []string) {
	for _, t := range Tables() {
		names = append(names, t.Name)
	}
	return names
}

// partyFilters are the filters by a party.
var partyFilters = []struct {
	name string
	of   func(*query.Of) **record.Key
}{
	{"seller", func(o *query.Of) **record.Key { return &o.Seller }},
	{"holder", func(o *query.Of) **record.Key { return &o.Holder }},
	{"maker", func(o *query.Of) **record.Key { return &o.Maker }},
	{"carrier", func(o *query.Of) **record.Key { return &o.Carrier }},
}

// filterNames returns the names of the filters that are set.
func filterNames(of query.Of) (names []string) {
	for _, f := range partyFilters {
		if *f.of(&of) != nil {
			names = append(names, f.name)
		}
	}
	if of.Product != nil {
		names = append(names, "gtin")
	}
	return names
}

// filters returns the filters that are set as texts, by their names.
func filters(of query.Of) map[string]string {
	set := map[string]string{}
	for _, f := range partyFilters {
		if key := *f.of(&of); key != nil {
			set[f.name] = key.String()
		}
	}
	if of.Product != nil {
		set["gtin"] = of.Product.String()
	}
	return set
}

// run makes the export as of the block at a height.
func (x *exporter) run(w io.Writer, height uint32) (m Manifest, err error) {
	if x.table.describe().OfChain {
		h, ok := x.src.Chain.HeaderAt(height)
		if !ok {
			return m, store.ErrNotFound
		}
		x.tip = &chain.Tip{Hash: h.Hash, Height: h.Height, MedianTime: h.MedianTime}
		return x.write(w)
	}
	past, err := x.src.Chain.Past(height)
	if err != nil {
		return m, err
	}
	x.tip = past.Tip()
	err = past.Read(func(view rules.View, next rules.Context) error {
		var ok bool
		if x.state, ok = view.(rules.Entries); !ok {
			return rules.ErrNotEntries
		}
		x.next = next
		if err := x.nameAccounts(); err != nil {
			return err
		}
		m, err = x.write(w)
		return err
	})
	return m, err
}

// nameAccounts replaces the keys of the filters by the first keys of their accounts.
func (x *exporter) nameAccounts() error {
	for _, f := range partyFilters {
		key := f.of(&x.of)
		if *key == nil {
			continue
		}
		account, err := rules.GetAccount(x.state, **key)
		if err != nil {
			return err
		}
		*key = &account.ID
	}
	return nil
}

// checkEvery is after how many rows the context is looked at.
const checkEvery = 1 << 10

// write writes the rows, and returns the manifest.
func (x *exporter) write(w io.Writer) (Manifest, error) {
	t := x.table.describe()
	out := newOutput(w)
	enc := newEncoder(x.format, out, t)
	rows := uint64(0)
	err := x.table.write(x, func(values []value) error {
		if rows++; rows%checkEvery == 0 {
			if err := x.ctx.Err(); err != nil {
				return err
			}
		}
		return enc.row(values)
	})
	if err == nil {
		err = errors.Join(enc.close(), out.flush())
	}
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Schema: Schema, Table: t.Name, Filters: filters(x.of), Since: x.since, Format: x.format, Columns: t.columnNames(),
		Network: x.params.Name, Genesis: x.params.GenesisHeader().Hash().String(),
		Height: x.tip.Height, Block: x.tip.Hash.String(), MedianTime: x.tip.MedianTime,
		Rows: rows, Bytes: out.bytes, SHA256: out.sum(), Program: x.src.Program,
	}
	return m, m.Reseal()
}

// columnNames returns the names of the columns in their order.
func (t *Table) columnNames() (names []string) {
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// queryError turns errors of the chain into those of package query.
func queryError(err error, height uint32) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: the chain has no block at height %d", query.ErrNotFound, height)
	case errors.Is(err, chain.ErrTooFar):
		return fmt.Errorf("%w: %w", query.ErrTooFar, err)
	case errors.Is(err, chain.ErrReplaced):
		return errMoved()
	}
	return err
}
