package credit

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/views"
)

// SellersAt is [Reader.Sellers] after the block of a height. It computes the scores of all
// sellers, one call after the other: about as long as it takes to read the evidence of the
// window. Errors: ErrHeight, those of [views.Views.Ask].
func (r *Reader) SellersAt(height uint32, from, limit int) (Ranking, error) {
	return r.rankingAt(sellerOwner, height, from, limit)
}

// ProductsAt is [Reader.SellersAt] for products.
func (r *Reader) ProductsAt(height uint32, from, limit int) (Ranking, error) {
	return r.rankingAt(productOwner, height, from, limit)
}

func (r *Reader) rankingAt(kind byte, height uint32, from, limit int) (page Ranking, err error) {
	if err := r.views.Err(); err != nil {
		return Ranking{}, err
	}
	r.earlier.Lock()
	defer r.earlier.Unlock()
	err = r.views.Ask(func(db pebble.Reader, tip views.Tip) error {
		if height > tip.Height {
			return fmt.Errorf("%w: the index has the blocks up to height %d", ErrHeight, tip.Height)
		}
		b := newBoard(r.index.params)
		if err := b.load(db, views.Tip{Height: height}); err != nil {
			return err
		}
		page = b.page(kind, from, limit)
		return nil
	})
	return page, err
}
