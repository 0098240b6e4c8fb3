package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"stele/node/query"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templateName names the template of a page in a language.
type templateName struct{ lang, page string }

type pageTemplate = template.Template

// readTemplates returns the templates of all pages in all languages.
func readTemplates(languages []*language, a *assets) (map[templateName]*pageTemplate, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := map[templateName]*pageTemplate{}
	for _, l := range languages {
		base, err := template.New("").Funcs(functions(l, a)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/cases.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" || page == "cases" {
				continue
			}
			own, err := base.Clone()
			if err != nil {
				return nil, err
			}
			if _, err := own.ParseFS(templateFiles, name); err != nil {
				return nil, err
			}
			all[templateName{l.Code, page}] = own
		}
	}
	return all, nil
}

// functions are what templates can call.
func functions(l *language, a *assets) template.FuncMap {
	return template.FuncMap{
		"t":        l.text,
		"n":        show,
		"bytes":    bytesText,
		"coins":    coins,
		"exact":    exactCoins,
		"seconds":  l.seconds,
		"duration": l.duration,
		"bar":      bar,
		"asset":    a.path,
		// dict gives a part several values: pairs of a name and a value.
		"dict": func(pairs ...any) (map[string]any, error) {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				name, ok := pairs[i].(string)
				if !ok {
					return nil, fmt.Errorf("dict: %v is not a name", pairs[i])
				}
				m[name] = pairs[i+1]
			}
			return m, nil
		},
	}
}

// frame is the data of the layout: a view, and what every page shows around it.
type frame struct {
	*view
	Lang     *language
	Others   []otherLanguage
	Menus    []menuEntry
	Pinned   bool
	Height   uint32        // that the page shows
	Age      template.HTML // of the tip; a script counts on
	NoAge    bool          // there is no block but the first
	Peers    template.HTML
	Network  template.HTML
	KeepPath string // of this page as of its height
	LivePath string // of this page as it is now
	Trouble  *trouble
	Checked  uint32 // blocks
	Version  string
	Search   string // what was searched for
}

type otherLanguage struct{ Tag, Name, Path string }

type menuEntry struct {
	Path    string
	Text    template.HTML
	Current bool
}

// trouble is the worst that an operator should know.
type trouble struct {
	Kind string // "bad" or "wait"
	Text template.HTML
	Note string // more, in English; "": none
}

// menu lists the pages of the menu. Each has a text "menu." and its path.
var menu = []string{"/blocks", "/claims", "/sellers", "/verify"}

// render returns the HTML of a page.
func (p *Pages) render(r *request, v *view) ([]byte, error) {
	t := p.templates[templateName{r.lang.Code, v.Template}]
	if t == nil {
		return nil, fmt.Errorf("no template %q", v.Template)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", p.frame(r, v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (p *Pages) frame(r *request, v *view) *frame {
	s := p.status()
	f := &frame{
		view: v, Lang: r.lang, Pinned: r.at != "", Height: r.query.Height(), Version: p.Version,
		Checked: p.query.Height() + 1, Search: r.URL.Query().Get("q"), LivePath: r.with("at", ""),
	}
	f.KeepPath = r.with("at", fmt.Sprint(f.Height))
	for _, l := range p.languages {
		if l != r.lang {
			f.Others = append(f.Others, otherLanguage{l.Tag, l.Name, r.with("lang", l.Code)})
		}
	}
	for _, path := range menu {
		f.Menus = append(f.Menus, menuEntry{r.link(path), r.t("menu." + strings.TrimPrefix(path, "/")), path == v.Menu})
	}
	seen := p.tipSeen(&s)
	f.Age, f.NoAge = r.age(max(0, r.now.Sub(seen))), f.Checked == 1
	f.Peers = peersText(r, &s)
	f.Network = r.t("bar.network", "name", p.Params.Name)
	if day := p.Params.AfterSales.Day; day != 24*60*60 {
		f.Network = r.t("bar.days", "name", p.Params.Name, "day", r.lang.seconds(float64(day)))
	}
	f.Trouble = worst(r, &s)
	return f
}

// age returns a text of how long ago the last block came, which a script keeps true.
func (r *request) age(age time.Duration) template.HTML {
	units := make([]string, 4)
	for i, unit := range []string{"s", "min", "h", "d"} {
		units[i] = r.lang.plain("unit."+unit, "n", "#")
	}
	text := template.HTML(fmt.Sprintf(`<b data-age="%d" data-units="%s">%s</b>`, age/time.Second,
		template.HTMLEscapeString(strings.Join(units, "|")), template.HTMLEscapeString(r.lang.duration(age.Truncate(time.Second)))))
	return r.t("bar.age", "age", text)
}

// status returns the state of the node; that of its chain at least.
func (p *Pages) status() query.Status {
	if p.Status == nil {
		return query.Status{}
	}
	return p.Options.Status()
}

// tipSeen returns when the node connected its tip, or else the time in its header.
func (p *Pages) tipSeen(s *query.Status) time.Time {
	tip := p.query.Tip()
	if s.Tip == tip.Hash && !s.TipSeen.IsZero() {
		return s.TipSeen
	}
	return time.Unix(int64(tip.Time), 0)
}

func peersText(r *request, s *query.Status) template.HTML {
	if s.Peers == nil {
		return r.t("bar.nopeers")
	}
	word := "sync." + string(s.Peers.Sync.State)
	if !r.lang.has(word) {
		return r.t("bar.peers", "n", s.Connected(), "sync", string(s.Peers.Sync.State))
	}
	return r.t("bar.peers", "n", s.Connected(), "sync", r.t("sync."+string(s.Peers.Sync.State)))
}

// worst returns the worst trouble of a node, nil if there is none.
func worst(r *request, s *query.Status) *trouble {
	if s.Trouble != "" {
		return &trouble{Kind: "bad", Text: r.t("trouble.stopped"), Note: s.Trouble}
	}
	if len(s.Warnings) == 0 {
		return nil
	}
	w := s.Warnings[0]
	if key := "trouble." + string(w.Kind); r.lang.has(key) {
		return &trouble{Kind: "wait", Text: r.t("trouble." + string(w.Kind))}
	}
	return &trouble{Kind: "wait", Text: r.t("trouble.other"), Note: w.Text}
}
