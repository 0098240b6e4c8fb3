package web

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"stele/node/credit"
	"stele/node/evidence"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// request is a request for a page, in the language of its reader.
type request struct {
	*http.Request
	lang  *language
	query *query.Reader // as of the height of ?at=, if there is one
	at    string        // that height; "": the page is live
	now   time.Time
}

// view is what a page shows within the layout.
type view struct {
	Template string        // name of its file, without .html
	Title    template.HTML // of the page: its h1
	Tag      state         // of the page's thing; the zero value: none
	Answer   template.HTML // the page's question in a sentence or two
	Crumbs   []crumb       // the way from home, without home
	Menu     string        // path of the entry of the menu that the page belongs to
	API      string        // path of the same content as JSON; "": none
	Live     string        // query of /v1/events; "": the page does not change
	Body     any           // data of the template

	status   int    // of the answer; 0: 200
	redirect string // path to go to instead
}

// crumb is a step of the way to a page. The last has no path.
type crumb struct {
	Text template.HTML
	Path string
}

// newRequest chooses the language of a request, and remembers one that was asked for.
func (p *Pages) newRequest(w http.ResponseWriter, hr *http.Request) *request {
	lang, asked := chooseLanguage(p.languages, hr)
	if asked {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: lang.Code, Path: "/", MaxAge: 365 * 24 * 60 * 60, SameSite: http.SameSiteLaxMode, HttpOnly: true})
	}
	return &request{Request: hr, lang: lang, query: p.query, now: p.Now()}
}

// pin lets the request ask as of a height, if there is one.
func (r *request) pin(at string) (*view, error) {
	if at == "" {
		return nil, nil
	}
	height, err := strconv.ParseUint(at, 10, 32)
	if err != nil {
		return nil, &userError{http.StatusUnprocessableEntity, string(r.t("error.at"))}
	}
	pinned, err := r.query.At(uint32(height))
	if err != nil {
		return nil, err
	}
	r.query, r.at = pinned, strconv.FormatUint(height, 10)
	return nil, nil
}

// t returns the text of a key with values for its places: see [language.text].
func (r *request) t(key string, values ...any) template.HTML { return r.lang.text(key, values...) }

// link returns a path of this node with the height of the request. Parts of a path
// must be escaped.
func (r *request) link(path string) string {
	if r.at == "" {
		return path
	}
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	q := u.Query()
	q.Set("at", r.at)
	u.RawQuery = q.Encode()
	return u.String()
}

// with returns the address of the page with a parameter set, or removed if value is "".
func (r *request) with(name, value string) string {
	q := r.URL.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	u := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: q.Encode()} // a serial number may have a slash
	return u.String()
}

// userError is an error of a request, with a text in the reader's language.
type userError struct {
	status int
	text   string
}

func (e *userError) Error() string { return e.text }

// statusOf returns the HTTP status of an error: that of the API.
func statusOf(err error) int {
	var user *userError
	switch {
	case errors.As(err, &user):
		return user.status
	case errors.Is(err, query.ErrNotFound), errors.Is(err, evidence.ErrNotFound), errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, store.ErrPruned):
		return http.StatusGone
	case errors.Is(err, query.ErrInvalid), errors.Is(err, query.ErrTooFar), errors.Is(err, query.ErrOnlyNow), errors.Is(err, views.ErrTooMany):
		return http.StatusUnprocessableEntity
	case errors.Is(err, query.ErrTooFast):
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// errorBody is the data of an error page.
type errorBody struct {
	Text    template.HTML // what is possible
	Detail  string        // of the error; "": there is none to add
	Foreign bool          // Detail is English, and the page is not
	Live    string        // the same page without ?at=; "": it has none
}

// errorView returns the page of an error.
func (p *Pages) errorView(r *request, err error) *view {
	status := statusOf(err)
	key := strconv.Itoa(status)
	switch {
	case errors.Is(err, query.ErrNoViews):
		key = "noviews"
	case errors.Is(err, query.ErrTooFar):
		key = "toofar"
	case errors.Is(err, query.ErrOnlyNow):
		key = "onlynow"
	case !r.lang.has("error." + key + ".title"):
		key = "503"
	}
	body := errorBody{Text: r.t("error." + key + ".text"), Detail: err.Error(), Foreign: r.lang.Code != "en"}
	var user *userError
	if errors.As(err, &user) {
		body.Foreign = false
	}
	if r.URL.Query().Has("at") {
		body.Live = r.with("at", "")
	}
	return &view{Template: "error", Title: r.t("error." + key + ".title"), Tag: state{"bad", r.lang.plain("error.tag", "status", strconv.Itoa(status))}, Body: body, status: status}
}

// noPage is the page of paths that nobody has.
func (p *Pages) noPage(r *request) (*view, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, &userError{http.StatusMethodNotAllowed, string(r.t("error.method"))}
	}
	return nil, &userError{http.StatusNotFound, r.lang.plain("error.nopage", "path", cut(r.URL.Path))}
}

// cut shortens a text of a request.
func cut(text string) string {
	const most = 80
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// lacks explains why a part of a page is not shown; "" for no error.
func (p *Pages) lacks(r *request, what string, err error) template.HTML {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, query.ErrNoViews):
		return r.t("lacks.noviews")
	case errors.Is(err, errNoCredit):
		return r.t("lacks.nocredit")
	case errors.Is(err, query.ErrOnlyNow):
		return r.t("lacks.onlynow")
	case errors.Is(err, query.ErrBusy), errors.Is(err, credit.ErrHeight):
		return r.t("lacks.busy")
	case errors.Is(err, store.ErrPruned):
		return r.t("lacks.pruned")
	case errors.Is(err, views.ErrIncomplete):
		return r.t("lacks.incomplete")
	}
	p.logged(r.Context(), what, err)
	return r.t("lacks.error", "error", err.Error())
}

// cached keeps a value that takes long to make for a second. Safe for concurrent use.
type cached[T any] struct {
	mu    sync.Mutex
	made  time.Time
	value T
}

// get returns the value, which make makes if it is older than a second.
func (c *cached[T]) get(now time.Time, make func() T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.made); age < 0 || age >= time.Second {
		c.value, c.made = make(), now
	}
	return c.value
}

// statusOr200 is the status of a view.
func (v *view) statusOr200() int { return cmp.Or(v.status, http.StatusOK) }
