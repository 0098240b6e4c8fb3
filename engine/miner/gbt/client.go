package gbt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/internal/text"
)

const (
	requestTimeout = 30 * time.Second
	// longPollTimeout is how long a node may have nothing new. Then a request without
	// long polling shows whether it still answers.
	longPollTimeout = 5 * time.Minute
	// maxRaces is how many templates in a row may be out of date when the node checks
	// them.
	maxRaces = 5
)

// errRace says that a new block arrived while the node checked a proposal.
var errRace = errors.New("the template is out of date")

// ErrRejected is the kind of the error that the node rejects the block before it
// is hashed.
var ErrRejected = errors.New("the node rejects the block that would be mined")

// Options configure a client.
type Options struct {
	URL            string // http(s)://user:password@host:port
	User, Password string // instead of those in the URL
	Cookie         string // file with user:password instead, as Bitcoin Core writes it; read again when the node rejects it
	Payout         string // address, or output script in hex of 1 to 252 bytes
	Tag            string // for the coinbase, at most 64 bytes

	// Dial opens connections, for example through a proxy. Nil: those of package net.
	// Variables that name a proxy, such as HTTPS_PROXY, are ignored.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	HTTP *http.Client // makes the requests, without following redirects; nil: a client of its own
}

// Client is a node as a source of work. It implements [miner.Source]; make one with
// [New].
type Client struct {
	name, url, cookie, tag string
	payout                 payout
	credited               string // the payout as in the options
	http                   http.Client

	rejections miner.UserRejections

	mu   sync.Mutex
	race *race // of the newest template
	id   uint64

	user, password string // of requests; "" until the cookie is read
}

// New checks the options and returns a client. It does not connect; [Client.Run]
// does.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("invalid URL of a node: must be http(s)://user:password@host:port")
	}
	c := &Client{cookie: o.Cookie, user: o.User, password: o.Password, tag: o.Tag, credited: o.Payout}
	if c.user == "" && u.User != nil {
		c.user = u.User.Username()
		if c.password == "" {
			c.password, _ = u.User.Password()
		}
	}
	if c.cookie != "" && c.user != "" {
		return nil, errors.New("user and cookie both given: must be one of them")
	}
	u.User = nil
	c.url, c.name = u.String(), u.Scheme+"://"+u.Host
	if c.payout, err = parsePayout(o.Payout); err != nil {
		return nil, err
	}
	if len(o.Tag) > 64 {
		return nil, errors.New("tag too long: must be at most 64 bytes")
	}
	if o.HTTP != nil {
		c.http = *o.HTTP
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.Proxy = nil
		if o.Dial != nil {
			transport.DialContext = o.Dial
		}
		c.http.Transport = transport
	}
	// A redirect would send requests, and blocks, to a host that the user has not
	// named.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Name implements [miner.Source].
func (c *Client) Name() string { return c.name }

// User implements [miner.Source]: it returns the payout as it was given, since the
// user of the RPC is not paid.
func (c *Client) User() string { return c.credited }

// Run implements [miner.Source].
func (c *Client) Run(ctx context.Context, s miner.Session) error {
	defer c.http.CloseIdleConnections()
	if err := c.checkNetwork(ctx); err != nil {
		return err
	}
	var last *template
	for n, races := uint64(0), 0; ; n++ {
		asked := time.Now()
		t, err := c.template(ctx, last)
		if err != nil {
			return err
		}
		received := time.Now()
		if t.has("proposal") {
			err := c.propose(ctx, t)
			if errors.Is(err, errRace) && races < maxRaces {
				races, last = races+1, nil
				continue
			}
			if err != nil {
				return err
			}
		}
		races = 0
		r := c.enter(t.Previous)
		s.Work(c.work(t, r, n, received, last == nil || last.Previous != t.Previous))
		last = t
		pause := 5 * time.Second // without long polling
		if t.LongPoll != "" {
			pause = max(0, 200*time.Millisecond-time.Since(asked))
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// checkNetwork asks the node for its network, and rejects an address of another
// one. It also rejects an address if the node does not report its network.
func (c *Client) checkNetwork(ctx context.Context) error {
	if c.payout.address == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	b, err := c.call(ctx, "getblockchaininfo")
	if errors.Is(err, errNoMethod) {
		return fmt.Errorf("%w, so the network of the payout cannot be checked: use an output script in hex as payout", err)
	}
	if err != nil {
		return err
	}
	var info struct {
		Chain string `json:"chain"`
	}
	switch err := json.Unmarshal(b, &info); {
	case err != nil || info.Chain == "":
		return fmt.Errorf("%w: the node does not report its network: use an output script in hex as payout", miner.ErrFatal)
	case !c.payout.fits(info.Chain):
		return fmt.Errorf("%w: %w: %s is an address of the network %s, but the node is on %s",
			miner.ErrFatal, ErrPayout, c.payout.address, strings.Join(c.payout.chains, " or "), text.Clean(info.Chain, 64))
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// template requests a template: if last is not nil and the node supports long
// polling, the one after it.
func (c *Client) template(ctx context.Context, last *template) (*template, error) {
	p := map[string]any{
		"capabilities": []string{"coinbasevalue", "longpoll", "proposal"},
		"rules":        knownRules,
	}
	limit, long := requestTimeout, last != nil && last.LongPoll != ""
	if long {
		p["longpollid"], limit = last.LongPoll, longPollTimeout
	}
	call, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b, err := c.call(call, "getblocktemplate", p)
	switch {
	case long && errors.Is(call.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return c.template(ctx, nil)
	case err != nil:
		return nil, err
	}
	t, err := parseTemplate(b)
	return t, text.Error(err, text.Max)
}

// propose has the node check the block of a template (BIP 23).
func (c *Client) propose(ctx context.Context, t *template) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	h := t.header(c.payout.script, c.tag, 0, max(t.CurTime, t.MinTime))
	b, err := c.call(ctx, "getblocktemplate", map[string]any{
		"mode": "proposal", "data": t.block(h, c.payout.script, c.tag, 0), "rules": knownRules,
	})
	if err != nil {
		return err
	}
	switch reason := verdict(b); {
	case reason == "":
	case strings.Contains(reason, "prevblk"): // inconclusive-not-best-prevblk; btcd: bad-prevblk
		return fmt.Errorf("%w: %w: %s", ErrRejected, errRace, reason)
	default:
		return fmt.Errorf("%w: %s", ErrRejected, reason)
	}
	return nil
}

func (c *Client) work(t *template, r *race, n uint64, received time.Time, clean bool) *miner.Work {
	return &miner.Work{
		ID: fmt.Sprintf("%d-%d", t.Height, n), Clean: clean, Height: t.Height, Target: t.target,
		Time: max(t.CurTime, t.MinTime), MaxTime: t.MaxTime, Received: received,
		Extranonces: 1 << 63,
		Header: func(extranonce uint64, time uint32) pow.Header {
			return t.header(c.payout.script, c.tag, extranonce, time)
		},
		Submit: func(ctx context.Context, s miner.Share) error { return c.submit(ctx, t, r, s) },
	}
}
