package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"stele/node/words"
)

//go:embed locale/*.json
var localeFiles embed.FS

// language holds the texts of a language.
type language struct {
	Code  string         // "en": of its file, of ?lang= and of the cookie
	Tag   string         // as BCP 47 has it: "zh-CN"
	Name  string         // in the language itself
	words *words.Catalog // sentences on records and cases
	texts map[string]string
}

const languageCookie = "stele_lang"

// readLanguages returns all languages, English first: it is the one of readers who
// ask for no other.
func readLanguages() ([]*language, error) {
	var all []*language
	for _, code := range []string{"en", "zh"} {
		file, err := localeFiles.ReadFile(path.Join("locale", code+".json"))
		if err != nil {
			return nil, err
		}
		l := &language{Code: code}
		if err := json.Unmarshal(file, &l.texts); err != nil {
			return nil, fmt.Errorf("locale/%s.json: %w", code, err)
		}
		l.words = words.In(words.Language(code))
		l.Tag, l.Name = l.texts["language.tag"], l.texts["language.name"]
		all = append(all, l)
	}
	return all, nil
}

// chooseLanguage returns the language that a request asks for: by ?lang=, by its
// cookie, or by the settings of the browser. Asked is whether it was ?lang=.
func chooseLanguage(all []*language, r *http.Request) (l *language, asked bool) {
	find := func(code string) *language {
		for _, l := range all {
			if l.Code == code {
				return l
			}
		}
		return nil
	}
	if l := find(r.URL.Query().Get("lang")); l != nil {
		return l, true
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l := find(c.Value); l != nil {
			return l, false
		}
	}
	for _, code := range acceptedLanguages(r.Header.Get("Accept-Language")) {
		if l := find(code); l != nil {
			return l, false
		}
	}
	return all[0], false
}

// acceptedLanguages returns the primary subtags of an Accept-Language header, the
// most wanted first.
func acceptedLanguages(header string) []string {
	type want struct {
		code    string
		quality float64
	}
	var wants []want
	for part := range strings.SplitSeq(cut(header), ",") {
		tag, params, _ := strings.Cut(part, ";")
		w := want{quality: 1}
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			w.quality, _ = strconv.ParseFloat(q, 64)
		}
		w.code, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if w.quality > 0 {
			wants = append(wants, w)
		}
	}
	slices.SortStableFunc(wants, func(a, b want) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		}
		return 0
	})
	codes := make([]string, len(wants))
	for i, w := range wants {
		codes[i] = w.code
	}
	return codes
}

// has reports whether the language has a text.
func (l *language) has(key string) bool { return l.texts[key] != "" }

// text returns a text as HTML. Values are pairs of a name and what stands for {name}:
// template.HTML as it is, everything else escaped, integers with separators.
func (l *language) text(key string, values ...any) template.HTML {
	return template.HTML(l.fill(key, values, template.HTMLEscapeString))
}

// plain returns a text without markup: values that are template.HTML are not allowed.
func (l *language) plain(key string, values ...any) string {
	return l.fill(key, values, func(s string) string { return s })
}

func (l *language) fill(key string, values []any, escape func(string) string) string {
	rest, ok := l.texts[key]
	if !ok {
		return escape(key) // a test finds it
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(escape(before))
		place, next, closed := strings.Cut(after, "}")
		if !found || !closed {
			return b.String()
		}
		b.WriteString(l.place(place, values, escape))
		rest = next
	}
}

// place returns what stands for a place of a text: "name", or "name|one|many".
func (l *language) place(place string, values []any, escape func(string) string) string {
	name, forms, counted := strings.Cut(place, "|")
	for i := 0; i+1 < len(values); i += 2 {
		if values[i] != name {
			continue
		}
		if counted {
			one, many, _ := strings.Cut(forms, "|")
			if fmt.Sprint(values[i+1]) == "1" {
				return escape(one)
			}
			return escape(many)
		}
		if h, ok := values[i+1].(template.HTML); ok {
			return string(h)
		}
		return escape(show(values[i+1]))
	}
	return escape("{" + place + "}")
}
