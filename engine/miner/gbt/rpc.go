package gbt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"stele/engine/miner"
)

// maxBody is the longest answer that is read, in bytes: a full block in hex,
// with room for what else a template has.
const maxBody = 16 << 20

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("the node says: %s (%d)", e.Message, e.Code) }

var errNoMethod = errors.New("it has no")

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
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(c.user, c.password)
	r.Header.Set("Content-Type", "application/json")
	a, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	switch a.StatusCode {
	case http.StatusUnauthorized:
		return nil, fmt.Errorf("%w: wrong user or password (%s)", miner.ErrFatal, a.Status)
	case http.StatusForbidden:
		return nil, fmt.Errorf("%w: it does not allow %s to this user, or from this address (%s)", miner.ErrFatal, method, a.Status)
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxBody {
		return nil, fmt.Errorf("%w: an answer of more than %d bytes", ErrTemplate, maxBody)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  *rpcError       `json:"error"`
	}
	switch err := json.Unmarshal(b, &answer); {
	case err != nil:
		return nil, fmt.Errorf("not the answer of a node (%s); is the URL that of its RPC port?", a.Status)
	case answer.Error != nil && answer.Error.Code == -32601:
		return nil, fmt.Errorf("%w: %w %s", miner.ErrFatal, errNoMethod, method)
	case answer.Error != nil:
		return nil, answer.Error
	}
	return answer.Result, nil
}
