package export

import (
	"context"
	"errors"
	"io"

	"stele/node/chain"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/query"
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
	Params *network.Params
	Chain  *chain.Chain
	Credit *credit.Reader // nil: there is no table of sellers
}

// Write writes the rows of a query to w, and returns the manifest of what it wrote.
// If it fails, w has a part of the file. Errors: [query.ErrInvalid],
// [query.ErrNotFound], [query.ErrTooFar], [query.ErrBusy], [store.ErrPruned], those of
// w, of ctx and of the store. Safe for concurrent use.
func Write(ctx context.Context, w io.Writer, format Format, q Query, src Source) (Manifest, error) {
	return Manifest{}, errors.New("export: not built in yet")
}
