package query

import (
	"errors"
	"fmt"

	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/views"
)

// Kinds of errors, to be tested with errors.Is. The text of an error says what
// was wrong. Other errors are those of the chain and the store, among them
// [store.ErrPruned].
var (
	// ErrNotFound means that nothing has the name that was asked for.
	ErrNotFound = errors.New("not found")
	// ErrInvalid means that the question itself is wrong.
	ErrInvalid = errors.New("invalid question")
	// ErrBusy means that the chain changed its branch meanwhile, or that the index is
	// being built: ask again later.
	ErrBusy = errors.New("the chain or its index changes")
	// ErrTooFast means that the chain changes faster than a consistent answer can
	// be read: ask again later.
	ErrTooFast = errors.New("the chain changes too fast")
	// ErrTooFar means that a height is too far below the tip for answers as of it.
	ErrTooFar = errors.New("too far below the tip")
	// ErrOnlyNow means that the question has an answer at the tip only.
	ErrOnlyNow = errors.New("known at the tip only")
	// ErrNoViews means that the node keeps no index of cases.
	ErrNoViews = errors.New("this node keeps no views")
)

// failure is an error of a kind with a text of its own.
type failure struct {
	kind error
	text string
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.kind }

func fail(kind error, format string, args ...any) error {
	return &failure{kind, fmt.Sprintf(format, args...)}
}

// Options are the parts of a node that a Reader asks.
type Options struct {
	Params *network.Params
	Chain  *chain.Chain
	Pool   *pool.Pool
	Views  *views.Views // nil: no lists and no histories
}

// Reader answers questions about a node. Safe for concurrent use.
type Reader struct {
	params *network.Params
	chain  *chain.Chain
	pool   *pool.Pool
	views  *views.Views
	past   *chain.Past // of the block as of which the reader answers; nil: the tip
}

// New returns a reader of the parts of a node.
func New(o Options) *Reader {
	return &Reader{params: o.Params, chain: o.Chain, pool: o.Pool, views: o.Views}
}

// Params returns the rules of the node's network. They must not be changed.
func (r *Reader) Params() *network.Params { return r.params }

// Cursor names the place where a page of a list begins. The zero value is the
// beginning of the list. Its form is the reader's own.
type Cursor string

// Range is a part of a list.
type Range struct {
	From  Cursor // Next of the page before
	Limit int    // items at most; at least 1
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    // never nil
	Next  Cursor // where the next page begins; "" on the last page
}

// place returns the place in the chain that a cursor names.
func (c Cursor) place() (at store.Place, err error) {
	if c == "" {
		return at, nil
	}
	if _, err := fmt.Sscanf(string(c), "%d.%d", &at.Height, &at.Index); err != nil || c != placeCursor(at) {
		return at, errCursor()
	}
	return at, nil
}

func errCursor() error { return fail(ErrInvalid, "from is not what next of a page was") }

func placeCursor(p store.Place) Cursor { return Cursor(fmt.Sprintf("%d.%d", p.Height, p.Index)) }

// params returns the numbers of the rules for cases.
func (n *now) params() *network.AfterSales { return &n.at.Params.AfterSales }

// maxBehind is how many blocks the views may be behind the chain for lists to be of
// use: a few while blocks come, hundreds and more while the views are built.
const maxBehind = 100

// lists returns the views. Errors: [ErrNoViews], [views.ErrIncomplete], and [ErrBusy]
// while they are built: their lists would lack what the chain has.
func (r *Reader) lists() (*views.Views, error) {
	if r.views == nil {
		return nil, ErrNoViews
	}
	if err := r.views.Err(); err != nil {
		return nil, err
	}
	tip := r.chain.Tip()
	switch at, ok := r.views.Tip(); {
	case !ok:
		return nil, fail(ErrBusy, "the index of the chain is being built and has no blocks yet; try again later")
	case at.Height+maxBehind < tip.Height:
		return nil, fail(ErrBusy, "the index of the chain is being built and has the blocks up to height %d of %d; try again later", at.Height, tip.Height)
	}
	return r.views, r.hasPast(r.views)
}
