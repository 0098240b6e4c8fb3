package web

import (
	"html/template"
	"net/url"
	"strings"

	"stele/node/query"
)

// maxSearch is how long a text to search for may be, in bytes.
const maxSearch = 400

// searchBody is the data of the page of a search with no or several matches.
type searchBody struct {
	Text    string
	Matches []matchRow
}

type matchRow struct {
	Kind template.HTML
	Name string
	Path string
}

// search goes to what a text names, or lists what it may mean.
func (p *Pages) search(r *request) (*view, error) {
	text := strings.ToValidUTF8(strings.TrimSpace(r.URL.Query().Get("q")), "�")
	if len(text) > maxSearch {
		text = strings.ToValidUTF8(text[:maxSearch], "")
	}
	body := &searchBody{Text: text}
	v := &view{Template: "search", Title: r.t("search"), Body: body, API: "/v1/search?q=" + url.QueryEscape(text)}
	if text == "" {
		v.Answer = r.t("search.empty")
		return v, nil
	}
	matches, err := r.query.Search(text)
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		body.Matches = append(body.Matches, matchRow{r.t("match." + string(m.Kind)), m.Name, r.link(matchPath(m))})
	}
	if len(matches) > 0 && sameThing(matches) {
		return &view{redirect: body.Matches[0].Path}, nil
	}
	v.Answer = r.t("search.nothing", "text", cut(text))
	if len(matches) > 0 {
		v.Answer = r.t("search.several", "text", cut(text))
	}
	return v, nil
}

// sameThing reports whether matches are one thing: a voucher, claim or shipment is also
// the record that made it.
func sameThing(matches []query.Match) bool {
	for _, m := range matches[1:] {
		if m.Kind != query.MatchRecord || m.Name != matches[0].Name {
			return false
		}
	}
	return true
}

// matchPath returns the path of the page of what a search has found.
func matchPath(m query.Match) string {
	switch m.Kind {
	case query.MatchBlock:
		return "/blocks/" + m.Name
	case query.MatchVoucher:
		return "/vouchers/" + m.Name
	case query.MatchClaim:
		return "/claims/" + m.Name
	case query.MatchShipment:
		return "/shipments/" + m.Name
	case query.MatchAccount:
		return "/parties/" + m.Name
	case query.MatchProduct:
		return "/products/" + m.Name
	case query.MatchItem:
		number, serial, _ := strings.Cut(m.Name, "/")
		return "/01/" + number + "/21/" + url.PathEscape(serial)
	}
	return "/records/" + m.Name
}
