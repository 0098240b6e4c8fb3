package stratum

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/internal/bounded"
	"stele/internal/rate"
)

// Options configure a [Client].
type Options struct {
	// URL is stratum+tcp://host:port, or stratum+ssl://host:port for TLS, or another
	// spelling that [miner.ParseURL] accepts. It may have a user and a password, which
	// are used if User and Password are "".
	URL string

	User     string // the worker; pools expect an account or an address, often with .worker
	Password string // "": x, which most pools accept

	// Fingerprint is the SHA-256 of the server's certificate (DER) in hex, with or
	// without colons. If it is not "", the client trusts that certificate and no
	// other, whoever signed it and whatever names it has.
	Fingerprint string

	Agent string // name/version of the program, for the pool's statistics

	// VersionMask has the bits of the version that the miner can roll, usually
	// [miner.DefaultVersionMask]. The pool may allow fewer. 0: none, and the client
	// does not request version rolling.
	VersionMask uint32

	// SuggestDifficulty is the share difficulty to request. 0: the difficulty for
	// about 15 shares a minute, from the measured hash rate.
	SuggestDifficulty pow.Difficulty

	Log *slog.Logger // nil: silent

	// Dial opens connections, for example through a proxy. Nil: those of package net.
	// Variables that name a proxy, such as ALL_PROXY, are ignored.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// address is where a pool listens.
type address struct {
	host, port string
	tls        bool
}

func (a address) String() string { return net.JoinHostPort(a.host, a.port) }

// name returns the URL without secrets.
func (a address) name() string {
	if a.tls {
		return "stratum+ssl://" + a.String()
	}
	return "stratum+tcp://" + a.String()
}

// parseURL parses the URL of a pool.
func parseURL(text string) (a address, user, password string, err error) {
	u, err := miner.ParseURL(text)
	if err != nil {
		return a, "", "", err
	}
	switch u.Scheme {
	case miner.SchemeStratum:
	case miner.SchemeStratumTLS:
		a.tls = true
	default:
		return a, "", "", fmt.Errorf("%w of a pool: the scheme must be stratum+tcp or stratum+ssl, not %s", miner.ErrURL, u.Scheme)
	}
	a.host, a.port = u.Hostname(), u.Port()
	password, _ = u.User.Password()
	return a, u.User.Username(), password, nil
}

// parseFingerprint reads a SHA-256 in hex, with or without colons.
func parseFingerprint(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(sum) != 32 {
		return nil, errors.New("invalid certificate fingerprint: must be its SHA-256, 64 hex digits")
	}
	return sum, nil
}

// New checks the options and returns a client. It does not connect; [Client.Run]
// does.
func New(o Options) (*Client, error) {
	at, user, password, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.User == "" {
		o.User = user
	}
	if o.Password == "" {
		o.Password = password
	}
	if o.Password == "" {
		o.Password = "x"
	}
	if o.User == "" {
		return nil, fmt.Errorf("%s: no user: a pool needs to know whom to pay", at.name())
	}
	if len(o.User) > stratum.MaxWorker || len(o.Password) > stratum.MaxWorker {
		return nil, fmt.Errorf("%s: user or password longer than %d bytes", at.name(), stratum.MaxWorker)
	}
	pin, err := parseFingerprint(o.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.name(), err)
	}
	if pin != nil && !at.tls {
		return nil, fmt.Errorf("%s: a fingerprint needs TLS: use stratum+ssl", at.name())
	}
	if o.Agent == "" {
		o.Agent = "stele"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	timeout := proxyDialTimeout
	if o.Dial == nil {
		timeout = dialTimeout
		o.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	return &Client{
		options:  o,
		at:       at,
		timeout:  timeout,
		pin:      pin,
		counters: bounded.NewMap[pow.Hash, *counter](maxCounters),
		log:      rate.Logger(o.Log).With("source", at.name()),
	}, nil
}
