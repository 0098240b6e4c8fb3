// Package nodeclient sends the requests of commands to the API of a node.
//
// [New] makes a [Client] for the node that the flags --api and --api-token name;
// [Client.Get] and [Client.Post] send requests. An answer that is no success is a
// [Problem].
package nodeclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/nodeflags"
	"stele/internal/text"
	"stele/node/api"
	"stele/node/ledger/reject"
)

const (
	// timeout bounds a request with its answer. A node asks its peers for up to ten
	// seconds.
	timeout    = 30 * time.Second
	maxAnswer  = 16 << 20 // bytes
	maxProblem = 64 << 10 // bytes
)

// ErrUnreachable means that no node answers at the URL.
var ErrUnreachable = errors.New("no node answers")

// Problem is an answer of a node that is no success (RFC 9457).
type Problem struct {
	Status int           `json:"status"` // of HTTP
	Detail string        `json:"detail"`
	Reason reject.Reason `json:"reason"` // the rule that rejects a record; "": none does
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"` // what is wrong with each parameter
}

// Error returns the reason and the detail.
func (p *Problem) Error() string {
	if p.Reason != "" {
		return string(p.Reason) + ": " + p.Detail
	}
	return p.Detail
}

// Client sends requests to a node, and to no other host: it ignores proxy variables and
// follows no redirect. Safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Flag returns the flag --api: a URL or HOST:PORT, which is also the form in which a node
// takes it. Usage says what the node is asked for.
func Flag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "api", EnvVars: []string{"STELE_API"}, Usage: usage, Value: "http://" + nodeflags.DefaultAPI}
}

// TokenFlag returns the flag --api-token.
func TokenFlag() cli.Flag {
	return &cli.StringFlag{Name: "api-token", EnvVars: []string{"STELE_API_TOKEN"}, Usage: "send `TOKEN`, which a node on another machine requires"}
}

// AtFlag returns the flag --at: the height as of which the node answers.
func AtFlag() cli.Flag {
	return &cli.UintFlag{Name: "at", Usage: "show it as the block after `HEIGHT` found it", DefaultText: "the tip"}
}

// AsOf returns a path with the height of --at, if that is set.
func AsOf(c *cli.Context, path string) string {
	if !c.IsSet("at") {
		return path
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return fmt.Sprintf("%s%sat=%d", path, separator, c.Uint("at"))
}

// New returns a client for the node that --api names. Call [Client.Close] after the
// last request.
func New(c *cli.Context) (*Client, error) {
	base, err := ParseURL(c.String("api"))
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return &Client{base: base, token: c.String("api-token"), http: &http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseURL reads the value of --api: a URL or HOST:PORT.
func ParseURL(name string) (*url.URL, error) {
	full := name
	if !strings.Contains(name, "://") {
		full = "http://" + name
	}
	base, err := url.Parse(full)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("--api: invalid URL %q: must be like http://%s", name, nodeflags.DefaultAPI)
	}
	return base, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String returns the URL of the API.
func (c *Client) String() string { return c.base.String() }

// Get requests a path, such as "/v1/tip", and reads the JSON of the answer into v.
// Errors: [ErrUnreachable], [*Problem], and those of the connection.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	body, err := c.do(ctx, http.MethodGet, path, "", nil, nil)
	if err != nil {
		return err
	}
	return c.decode(body, v)
}

// GetRaw requests a path with more headers, and returns the body of the answer.
// Errors: those of Get.
func (c *Client) GetRaw(ctx context.Context, path string, header http.Header) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, "", nil, header)
}

// Post sends a body to a path, and reads the JSON of the answer into v, unless that is
// nil. Errors: those of Get.
func (c *Client) Post(ctx context.Context, path, contentType string, body []byte, v any) error {
	answer, err := c.do(ctx, http.MethodPost, path, contentType, body, nil)
	if err != nil || v == nil {
		return err
	}
	return c.decode(answer, v)
}

// All requests a list page by page, and returns its first items, limit at most, and
// whether there are more.
func All[T any](ctx context.Context, c *Client, path string, limit int) (items []T, more bool, err error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	next := ""
	for {
		var page api.Page[T]
		query := separator + "limit=100"
		if next != "" {
			query += "&from=" + url.QueryEscape(next)
		}
		if err := c.Get(ctx, path+query, &page); err != nil {
			return nil, false, err
		}
		items, next = append(items, page.Items...), page.Next
		switch {
		case len(items) > limit:
			return items[:limit], true, nil
		case next == "":
			return items, false, nil
		}
	}
}

// stall is how long a download may bring nothing. A node reads a whole table before it
// sends the first of few rows.
const stall = 10 * time.Minute

// Download requests a path and writes the body of the answer to w, however long it takes.
// It returns the trailer that follows the body. Errors: those of Get, and of w. A body
// that is cut short is an error, too.
func (c *Client) Download(ctx context.Context, path string, w io.Writer) (http.Header, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("%s has sent nothing for %v", c, stall)) })
	defer timer.Stop()
	request, err := c.request(ctx, http.MethodGet, path, "", nil, nil)
	if err != nil {
		return nil, err
	}
	whole := *c.http
	whole.Timeout = 0
	answer, err := whole.Do(request)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, problem(answer)
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := answer.Body.Read(buf)
		timer.Reset(stall)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return nil, werr
		}
		switch {
		case err == io.EOF:
			return answer.Trailer, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("%s: the answer was cut short: %w", c, text.Error(err, text.Max))
		}
	}
}

func (c *Client) decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s: invalid answer: %w", c, text.Error(err, text.Max))
	}
	return nil
}

// request returns a request for a path.
func (c *Client) request(ctx context.Context, method, path, contentType string, body []byte, header http.Header) (*http.Request, error) {
	rel, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	target := c.base.JoinPath(rel.EscapedPath())
	target.RawQuery = rel.RawQuery
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request, nil
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, header http.Header) ([]byte, error) {
	request, err := c.request(ctx, method, path, contentType, body, header)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, problem(answer)
	}
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, err)
	case len(got) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer has more than %d bytes", c, maxAnswer)
	}
	return got, nil
}

// unreachable returns why a request got no answer, without its method and URL.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w at %s: start one there, or pass --api", ErrUnreachable, c)
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c, text.Error(err, text.Max))
}

// problem reads an answer that is no success.
func problem(answer *http.Response) error {
	p := new(Problem)
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem)) // the status says enough
	if json.Unmarshal(body, p) != nil || p.Detail == "" {
		p.Detail = answer.Status
	}
	p.Status = answer.StatusCode
	for _, e := range p.Errors {
		p.Detail += fmt.Sprintf(": %s: %s", e.Location, e.Message)
	}
	p.Detail = text.Clean(p.Detail, 2*text.Max)
	p.Reason = reject.Reason(text.Clean(string(p.Reason), text.Max))
	return p
}

// IsNotFound reports whether an error is that nothing has the name that was asked for.
func IsNotFound(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}
