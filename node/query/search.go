package query

import (
	"errors"
	"net/url"
	"strings"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// MatchKind is what a search has found.
type MatchKind string

// The kinds of matches. The words are stable.
const (
	MatchBlock    MatchKind = "block"    // by height or hash; Name is its hash
	MatchRecord   MatchKind = "record"   // by id, in the chain or the pool
	MatchVoucher  MatchKind = "voucher"  // by id
	MatchClaim    MatchKind = "claim"    // by id
	MatchShipment MatchKind = "shipment" // by id
	MatchAccount  MatchKind = "account"  // by key; Name is its first key
	MatchProduct  MatchKind = "product"  // by number; Name is the number
	MatchItem     MatchKind = "item"     // by number and serial number; Name is "number/serial"
)

// Match is something that a search has found.
type Match struct {
	Kind MatchKind
	Name string
}

// Search returns what a text names: a height, the hash of a block, the id of a
// record, voucher, claim or shipment, a key, the number of a product, the number
// and the serial number of an item ("number/serial" or "number serial"), or a GS1
// Digital Link of a product or an item. A text can name several things, and a
// voucher, claim or shipment is a record too. Errors: those of the store.
func (r *Reader) Search(text string) ([]Match, error) {
	text = strings.TrimSpace(text)
	s := searcher{r: r, found: []Match{}}
	err := errors.Join(s.block(text), s.record(text), s.account(text), s.item(text))
	return s.found, err
}

// searcher collects the matches of a search.
type searcher struct {
	r     *Reader
	found []Match
}

func (s *searcher) add(kind MatchKind, name string) { s.found = append(s.found, Match{kind, name}) }

func (s *searcher) block(text string) error {
	h, err := s.r.Header(text)
	if err == nil {
		s.add(MatchBlock, h.Hash.String())
	}
	return unknown(err)
}

func (s *searcher) record(text string) error {
	id, err := pow.ParseHash(text)
	if err != nil {
		return nil
	}
	rec, err := s.r.Record(id)
	if err != nil {
		return unknown(err)
	}
	switch id {
	case rec.Subject.Voucher:
		s.add(MatchVoucher, id.String())
	case rec.Subject.Claim:
		s.add(MatchClaim, id.String())
	case rec.Subject.Shipment:
		s.add(MatchShipment, id.String())
	}
	s.add(MatchRecord, id.String())
	return nil
}

func (s *searcher) account(text string) error {
	key, err := record.ParseKey(text)
	if err != nil {
		return nil
	}
	account, err := s.r.Account(key)
	if err == nil {
		s.add(MatchAccount, account.ID.String())
	}
	return err
}

// item finds a product or an item.
func (s *searcher) item(text string) error {
	number, serial := splitItem(text)
	gtin, err := record.ParseGTIN(number)
	if err != nil {
		return nil
	}
	if serial != "" {
		_, err := s.r.Item(gtin, record.Serial(serial))
		if err == nil {
			s.add(MatchItem, gtin.String()+"/"+serial)
		}
		return unknown(err)
	}
	_, err = s.r.Product(gtin)
	if err == nil {
		s.add(MatchProduct, gtin.String())
	}
	return unknown(err)
}

// splitItem returns the number of a product and a serial number, if there is one.
// In a Digital Link the application identifiers 01 and 21 precede them.
func splitItem(text string) (number, serial string) {
	link := text
	if u, err := url.Parse(text); err == nil {
		link = u.EscapedPath()
	}
	if _, rest, ok := strings.Cut(link, "/01/"); ok {
		number, rest, _ = strings.Cut(rest, "/")
		if escaped, ok := strings.CutPrefix(rest, "21/"); ok {
			escaped, _, _ = strings.Cut(escaped, "/")
			serial, _ = url.PathUnescape(escaped)
		}
		return number, serial
	}
	if i := strings.IndexAny(text, "/ "); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// unknown removes errors that only say that a text names nothing of a kind.
func unknown(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return nil
	}
	return err
}
