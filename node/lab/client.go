package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/query"
)

// apiClient asks the API of a node. Safe for concurrent use.
type apiClient struct {
	base string // URL
	http *http.Client
}

// maxAPIAnswer bounds an answer, in bytes.
const maxAPIAnswer = 16 << 20

func newAPIClient(address string) *apiClient {
	return &apiClient{base: "http://" + address, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

// close ends the connections.
func (a *apiClient) close() { a.http.CloseIdleConnections() }

// statusError is an answer that is not what was asked for.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.text) }

// ask makes a request, and decodes the answer into v unless that is nil.
func (a *apiClient) ask(ctx context.Context, method, path string, body []byte, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	res, err := a.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAPIAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return &statusError{res.StatusCode, text.Clean(string(answer), 300)}
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer, v)
}

func (a *apiClient) health(ctx context.Context) error {
	return a.ask(ctx, http.MethodGet, "/v1/health", nil, nil)
}

// shownTip is the answer of /v1/tip.
type shownTip struct {
	Hash   string `json:"hash"`
	Height uint32 `json:"height"`
	Digest string `json:"digest"`
}

func (a *apiClient) tip(ctx context.Context) (t shownTip, err error) {
	return t, a.ask(ctx, http.MethodGet, "/v1/tip", nil, &t)
}

// shownBlock is a block in the answer of /v1/blocks.
type shownBlock struct {
	Hash    string `json:"hash"`
	Prev    string `json:"prev"`
	Height  uint32 `json:"height"`
	Size    int    `json:"size"`
	Records int    `json:"record_count"`
	Payee   string `json:"payee"`
}

// blocks returns some blocks of the chain, from a height down.
func (a *apiClient) blocks(ctx context.Context, from uint32, limit int) (b []shownBlock, err error) {
	return b, a.ask(ctx, http.MethodGet, fmt.Sprintf("/v1/blocks?from=%d&limit=%d", from, limit), nil, &b)
}

// send sends a record.
func (a *apiClient) send(ctx context.Context, r *record.Record) error {
	return a.ask(ctx, http.MethodPost, "/v1/records", r.Encode(), nil)
}

// nextSeq returns the next sequence number of an account.
func (a *apiClient) nextSeq(ctx context.Context, key record.Key) (uint64, error) {
	var account struct {
		Next uint64 `json:"next_seq"`
	}
	err := a.ask(ctx, http.MethodGet, "/v1/accounts/"+key.String(), nil, &account)
	return account.Next, err
}

// fate returns where a record is; FateLost if the node does not know it.
func (a *apiClient) fate(ctx context.Context, id record.ID) (Fate, error) {
	var answer struct {
		State         string `json:"state"`
		Confirmations int    `json:"confirmations"`
	}
	err := a.ask(ctx, http.MethodGet, "/v1/records/"+id.String(), nil, &answer)
	if e, ok := err.(*statusError); ok && e.status == http.StatusNotFound {
		return FateLost, nil
	}
	switch {
	case err != nil:
		return FateStrange, err
	case answer.Confirmations > 0:
		return FateChain, nil
	}
	return FatePool, nil
}

// shownPeers is the part of the answer of /v1/peers that is needed.
type shownPeers struct {
	Discouraged int `json:"discouraged"`
	Peers       []struct {
		Address string `json:"address"`
	} `json:"peers"`
	Gone []struct {
		Address string `json:"address"`
		Reason  string `json:"reason"`
		Text    string `json:"text"`
		By      string `json:"by"` // "node" or "peer"
	} `json:"gone"`
}

func (a *apiClient) peers(ctx context.Context) (p shownPeers, err error) {
	return p, a.ask(ctx, http.MethodGet, "/v1/peers", nil, &p)
}

// metricLine is a counter of the peer-to-peer server with one label.
var metricLine = regexp.MustCompile(`^stele_p2p_(\w+)_total\{\w+="([\w-]+)"\} ([0-9.e+]+)$`)

// counts returns the counters of the peer-to-peer server that reports show.
func (a *apiClient) counts(ctx context.Context) (c query.PeerCounts, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/metrics", http.NoBody)
	if err != nil {
		return c, err
	}
	res, err := a.http.Do(r)
	if err != nil {
		return c, err
	}
	defer res.Body.Close()
	c = query.PeerCounts{
		Received: map[string]uint64{}, Sent: map[string]uint64{}, MessagesOut: map[string]uint64{},
		Disconnects: map[string]uint64{}, Rebuilds: map[string]uint64{},
	}
	to := map[string]map[string]uint64{
		"received_bytes": c.Received, "sent_bytes": c.Sent, "sent_messages": c.MessagesOut, "disconnects": c.Disconnects, "rebuilds": c.Rebuilds,
	}
	lines := bufio.NewScanner(io.LimitReader(res.Body, maxAPIAnswer))
	for lines.Scan() {
		m := metricLine.FindStringSubmatch(lines.Text())
		if m == nil || to[m[1]] == nil {
			continue
		}
		if v, err := strconv.ParseFloat(m[3], 64); err == nil {
			to[m[1]][m[2]] = uint64(v)
		}
	}
	return c, lines.Err()
}

// shownChain is the chain of a node as far as it was seen.
type shownChain struct {
	tip    string
	blocks map[uint32]shownBlock
}

// maxShown bounds how far back a change of the chain is followed at once.
const maxShown = 100

// observe brings the chain up to the node's tip, and returns what changed. A page of
// blocks can be of two chains if the node changes its tip meanwhile: then nothing is
// returned until the next look.
func (s *shownChain) observe(ctx context.Context, a *apiClient) (o Observation, err error) {
	tip, err := a.tip(ctx)
	if err != nil || tip.Hash == s.tip {
		return o, err
	}
	page, err := a.blocks(ctx, tip.Height, maxShown)
	if err != nil || len(page) == 0 || page[0].Hash != tip.Hash {
		return o, err
	}
	hash, err := parseHash(tip.Hash)
	if err != nil {
		return o, err
	}
	if s.blocks == nil {
		s.blocks = make(map[uint32]shownBlock)
	}
	o.Tip = hash
	for i, b := range page {
		if i > 0 && page[i-1].Prev != b.Hash || s.blocks[b.Height].Hash == b.Hash {
			break
		}
		if s.blocks[b.Height].Hash != "" {
			o.Depth++
		}
		c, err := b.connected()
		if err != nil {
			return Observation{}, err
		}
		if b.Height > 0 {
			o.Connected = append(o.Connected, c)
		}
	}
	for h := range s.blocks {
		if h > tip.Height {
			o.Depth++
			delete(s.blocks, h)
		}
	}
	for _, b := range page[:min(len(page), len(o.Connected)+1)] {
		s.blocks[b.Height] = b
	}
	s.tip = tip.Hash
	for i, j := 0, len(o.Connected)-1; i < j; i, j = i+1, j-1 { // the lowest first
		o.Connected[i], o.Connected[j] = o.Connected[j], o.Connected[i]
	}
	return o, nil
}

func (b shownBlock) connected() (Connected, error) {
	hash, err := parseHash(b.Hash)
	if err != nil {
		return Connected{}, err
	}
	parent, err := parseHash(b.Prev)
	c := Connected{Hash: hash, Parent: parent, Height: b.Height, Miner: -1, Bytes: b.Size, Records: max(b.Records-1, 0)}
	for n, key := range payoutKeys() {
		if key.String() == b.Payee {
			c.Miner = n
		}
	}
	return c, err
}

// parseHash reads a hash as people see it.
func parseHash(s string) (pow.Hash, error) { return pow.ParseHash(strings.TrimSpace(s)) }
