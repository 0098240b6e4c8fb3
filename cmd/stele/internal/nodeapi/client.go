// Package nodeapi asks the API of a node, for commands.
package nodeapi

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
)

// Flag returns the flag --api.
func Flag() cli.Flag {
	return &cli.StringFlag{Name: "api", Usage: "ask the node whose API is at `URL`", Value: "http://" + nodeflags.DefaultAPI}
}

const (
	apiTimeout = 10 * time.Second
	maxAnswer  = 4 << 20 // bytes
)

// Client asks the API of a node.
type Client struct {
	base  *url.URL
	token string // "": none
}

// New returns a client of the API at a URL, or at HOST:PORT.
func New(base, token string) (*Client, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, fmt.Errorf("--api: invalid URL %q: must be as http://%s", base, nodeflags.DefaultAPI)
	}
	return &Client{u, token}, nil
}

// Call sends a request with a JSON body, unless that is nil, and reads the JSON answer.
func (a *Client) Call(ctx context.Context, method, path string, body, answer any) error {
	path, query, _ := strings.Cut(path, "?")
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	to := a.base.JoinPath(path)
	to.RawQuery = query
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // only the host of the URL gets the token
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the method and the URL
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			err = fmt.Errorf("%w: start a node there, or pass --api", err)
		}
		return fmt.Errorf("%s: %w", a.base, err)
	}
	defer res.Body.Close()
	encoded, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", a.base, err)
	case res.StatusCode != http.StatusOK:
		var problem struct{ Detail string }
		if json.Unmarshal(encoded, &problem) != nil || problem.Detail == "" {
			problem.Detail = res.Status
		}
		return fmt.Errorf("%s: %s", a.base, text.Clean(problem.Detail, 2*text.Max))
	}
	if err := json.Unmarshal(encoded, answer); err != nil {
		return fmt.Errorf("%s: no answer of a node: %w", a.base, text.Error(err, text.Max))
	}
	return nil
}
