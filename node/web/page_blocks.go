package web

import (
	"html/template"
	"net/http"
	"strconv"
)

// blocksPage is how many blocks a page of the list has.
const blocksPage = 50

// blocksBody is the data of the list of blocks.
type blocksBody struct {
	Blocks []blockRow
	Pager  pager
}

// pager has the ways to other parts of a list; "" where there is none.
type pager struct {
	First, Next string
	Shown       template.HTML
}

func (p *Pages) blocks(r *request) (*view, error) {
	tip := r.query.Height()
	from, err := r.number("from", tip)
	if err != nil {
		return nil, err
	}
	lines, err := r.query.Blocks(from, blocksPage+1)
	if err != nil {
		return nil, err
	}
	body := &blocksBody{Blocks: p.blockRows(r, lines, blocksPage)}
	if n := len(body.Blocks); n > 0 {
		first, last := body.Blocks[0].Height, body.Blocks[n-1].Height
		body.Pager.Shown = r.t("blocks.shown", "first", first, "last", last)
		if first < tip {
			body.Pager.First = r.with("from", "")
		}
		if last > 0 {
			body.Pager.Next = r.with("from", strconv.FormatUint(uint64(last-1), 10))
		}
	}
	v := &view{Template: "blocks", Menu: "/blocks", Title: r.t("blocks.title"), Body: body, API: "/v1/blocks"}
	v.Answer = r.t("blocks.answer", "n", tip+1)
	if !r.URL.Query().Has("from") {
		v.Live = "kind=block,block-disconnected"
	}
	return v, nil
}

// number returns a parameter that is a number of at most 32 bits.
func (r *request) number(name string, otherwise uint32) (uint32, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, &userError{http.StatusUnprocessableEntity, r.lang.plain("error.number", "name", name, "value", cut(text))}
	}
	return uint32(n), nil
}
