package gbt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"stele/engine/miner"
	"stele/internal/text"
)

// maxBody bounds an answer, in bytes: a full block in hex, with room for the rest
// of a template.
const maxBody = 16 << 20

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string {
	return fmt.Sprintf("error of the node: %s (%d)", e.Message, e.Code)
}

// maxCookie bounds a cookie file, in bytes.
const maxCookie = 4 << 10

var (
	errNoMethod = errors.New("the node has no method")
	errRedirect = errors.New("the node redirects")
)

// call makes one JSON-RPC request.
func (c *Client) call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	c.mu.Lock()
	c.id++
	id := c.id
	c.mu.Unlock()
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": id, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return nil, err
	}
	a, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	status := text.Clean(a.Status, 64)
	switch a.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return nil, fmt.Errorf("%w to %.200q: redirects are not followed; does the URL point to the RPC port of the node?", errRedirect, a.Header.Get("Location"))
	case http.StatusUnauthorized:
		return nil, c.rejections.Rejected(fmt.Errorf("wrong user or password, or cookie (%s)", status))
	case http.StatusForbidden:
		return nil, c.rejections.Rejected(fmt.Errorf("%s not allowed for this user, or from this address (%s)", method, status))
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, maxBody+1))
	if err != nil {
		return nil, text.Error(err, text.Max)
	}
	if len(b) > maxBody {
		return nil, fmt.Errorf("%w: an answer of more than %d bytes", ErrTemplate, maxBody)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	switch err := json.Unmarshal(b, &answer); {
	case a.StatusCode >= 500 && (err != nil || answer.Error == nil): // an error of the RPC would be JSON
		return nil, serverError(a.StatusCode, b)
	case err != nil:
		return nil, fmt.Errorf("not a JSON-RPC answer (%s); does the URL point to the RPC port of the node?", status)
	case answer.Error != nil && answer.Error.Code == -32601:
		return nil, fmt.Errorf("%w: %w %s", miner.ErrFatal, errNoMethod, method)
	}
	c.rejections.Accepted()
	if answer.Error != nil {
		answer.Error.Message = text.Clean(answer.Error.Message, text.Max)
		return nil, answer.Error
	}
	return answer.Result, nil
}

// serverError returns the error of a node, or of a proxy in front of it, that cannot
// serve now. It quotes the start of the body: Bitcoin Core says there that its work
// queue is full.
func serverError(status int, body []byte) error {
	const maxShown = 200
	text := strings.Join(strings.Fields(string(body[:min(len(body), maxShown)])), " ")
	if text == "" {
		return fmt.Errorf("the node cannot answer now: %d %s", status, http.StatusText(status))
	}
	return fmt.Errorf("the node cannot answer now: %d %s: %+q", status, http.StatusText(status), text)
}

// post sends a request. A node writes a new cookie at each start: if it rejects the
// known one, the file is read again.
func (c *Client) post(ctx context.Context, body []byte) (*http.Response, error) {
	for again := false; ; again = true {
		user, password, err := c.login(again)
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.SetBasicAuth(user, password)
		r.Header.Set("Content-Type", "application/json")
		a, err := c.http.Do(r)
		if err != nil || a.StatusCode != http.StatusUnauthorized || c.cookie == "" || again {
			return a, text.Error(err, text.Max) // it may quote what the node sent
		}
		_ = a.Body.Close()
	}
}

// login returns the user and the password: those of the options, or those of the
// cookie, which is read the first time, and again if reread is set.
func (c *Client) login(reread bool) (user, password string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cookie != "" && (c.user == "" || reread) {
		if c.user, c.password, err = readCookie(c.cookie); err != nil {
			return "", "", fmt.Errorf("the cookie of the node: %w", err)
		}
	}
	return c.user, c.password, nil
}

// readCookie reads the file that Bitcoin Core writes for its own programs: one
// line, user:password. No error quotes any of it.
func readCookie(name string) (user, password string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxCookie+1))
	if err != nil {
		return "", "", err
	}
	user, password, found := strings.Cut(strings.TrimRight(string(text), "\r\n"), ":")
	if !found || user == "" || len(text) > maxCookie || strings.ContainsAny(password, "\r\n") {
		return "", "", fmt.Errorf("%s is not one line of user:password", name)
	}
	return user, password, nil
}
