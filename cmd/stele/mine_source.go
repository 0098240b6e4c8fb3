package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/engine/miner"
	"stele/engine/miner/gbt"
	"stele/engine/miner/stratum"
)

// mineSource tells where work comes from: a table [[source]] of the file, or
// what the flags say.
type mineSource struct {
	URL          string `toml:"url"`
	User         string `toml:"user,omitempty"`
	Password     string `toml:"password,omitempty"`
	PasswordFile string `toml:"password_file,omitempty"`
	Cookie       string `toml:"cookie,omitempty"`
	Fingerprint  string `toml:"fingerprint,omitempty"`
	Payout       string `toml:"payout,omitempty"`
	Proxy        string `toml:"proxy,omitempty"`
}

// mineSourceFlags returns the flags about sources.
func mineSourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "url", Aliases: []string{"o"}, EnvVars: []string{"STELE_URL"}, Usage: "mine for the pool or node at `URL`: host:port or stratum+tcp://host:port, stratum+ssl://host:port, or http://host:port of a node with getblocktemplate; may be repeated, the best one first"},
		&cli.StringSliceFlag{Name: "user", Aliases: []string{"u"}, EnvVars: []string{"STELE_USER"}, Usage: "the `NAME` at sources that have none of their own: an account, an address, or the key to be paid at a Stele node; once for all sources, or once for each"},
		&cli.StringSliceFlag{Name: "password", Aliases: []string{"p", "pass"}, EnvVars: []string{"STELE_PASSWORD"}, Usage: "the `PASSWORD` at sources that have none of their own, once for all or once for each", DefaultText: "x"},
		&cli.StringFlag{Name: "password-file", Usage: "the `FILE` that holds the password"},
		&cli.StringFlag{Name: "cookie", Usage: "the `FILE` in which Bitcoin Core keeps user and password of its RPC (.cookie), at getblocktemplate sources that have none of their own"},
		&cli.StringFlag{Name: "fingerprint", Usage: "trust only the certificate with this `SHA-256`, at sources over TLS that have none of their own"},
		&cli.StringFlag{Name: "payout", Usage: "the `ADDRESS` that blocks mined by getblocktemplate pay, or an output script in hex, at sources that have none of their own"},
		&cli.StringFlag{Name: "proxy", Usage: "connect through the SOCKS5 proxy at `URL`, socks5h://[user:password@]host:port, which also resolves names, to sources that have none of their own; \"none\" for no proxy"},
		&cli.StringFlag{Name: "version-mask", Usage: "the bits of the version that may be rolled (BIP 320), in hex after 0x; 0 for none", DefaultText: fmt.Sprintf("%#x", miner.DefaultVersionMask)},
	}
}

// mineSources returns the sources of the flags, or if there are none, those of
// the file; each with a user and a password, and none twice.
func mineSources(c *cli.Context, file []mineSource) ([]mineSource, error) {
	if slices.ContainsFunc(c.StringSlice("password"), func(p string) bool { return p != "" }) && c.String("password-file") != "" {
		return nil, errors.New("--password or --password-file, not both (nor STELE_PASSWORD or STELE_PASSWORD_FILE beside them)")
	}
	var all []mineSource
	for _, text := range c.StringSlice("url") {
		for _, u := range splitURLs(text) {
			all = append(all, mineSource{URL: u})
		}
	}
	if len(all) == 0 {
		all = append(all, file...)
	}
	if _, err := parseProxy(c.String("proxy")); err != nil {
		return nil, fmt.Errorf("--proxy: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("nothing to mine for: give --url, or a [[source]] in the file of --config")
	}
	for i := range all {
		user, err := perSource(c, "user", i, len(all))
		if err != nil {
			return nil, err
		}
		password, err := perSource(c, "password", i, len(all))
		if err != nil {
			return nil, err
		}
		if err := all[i].complete(c, user, password); err != nil {
			return nil, fmt.Errorf("source %d: %w", i+1, err)
		}
	}
	return all, checkFingerprint(c.String("fingerprint"), all)
}

// perSource returns the value of a flag for source i of n. A flag that stands once is
// for all sources; one that stands as often as there are sources is for one each, in
// their order, as other miners have it.
func perSource(c *cli.Context, flag string, i, n int) (string, error) {
	switch values := c.StringSlice(flag); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	case n:
		return values[i], nil
	default:
		return "", fmt.Errorf("--%s: %d of them for %d sources: must be one for all, or one for each", flag, len(values), n)
	}
}

// nextURL is where one URL ends and another begins: at a comma that a scheme
// follows. Other commas may be part of a password.
var nextURL = regexp.MustCompile(`,\s*([A-Za-z][A-Za-z0-9+.-]*://)`)

// splitURLs returns the URLs of a text with commas between.
func splitURLs(text string) (all []string) {
	for line := range strings.Lines(nextURL.ReplaceAllString(text, "\n$1")) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// complete takes what the source does not say itself from the flags, with the user
// and the password that they have for it, and the password out of its file.
func (s *mineSource) complete(c *cli.Context, user, password string) error {
	u, err := miner.ParseURL(s.URL)
	if err != nil {
		return err
	}
	_, hasPassword := u.User.Password()
	switch {
	case s.User != "" && u.User.Username() != "":
		return errors.New("a user in the URL or the key user, not both")
	case hasPassword && (s.Password != "" || s.PasswordFile != ""):
		return errors.New("a password in the URL or the key password or password_file, not both")
	case s.Password != "" && s.PasswordFile != "":
		return errors.New("password or password_file, not both")
	}
	if s.Cookie == "" && s.User == "" && u.User.Username() == "" && byTemplate(u) {
		s.Cookie = c.String("cookie")
	}
	if s.Cookie == "" && s.User == "" && u.User.Username() == "" {
		s.User = user
	}
	if s.Cookie == "" && s.Password == "" && s.PasswordFile == "" && !hasPassword {
		s.Password, s.PasswordFile = password, c.String("password-file")
	}
	if s.Fingerprint == "" && overTLS(u) {
		s.Fingerprint = c.String("fingerprint")
	}
	if s.Payout == "" && byTemplate(u) {
		s.Payout = c.String("payout")
	}
	if s.Proxy == "" {
		s.Proxy = c.String("proxy")
	}
	if s.PasswordFile != "" {
		s.Password, err = secretOf(c, s.PasswordFile)
	}
	return err
}

// byTemplate reports whether a source is a node with getblocktemplate.
func byTemplate(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// overTLS reports whether a source is a pool whose certificate can be pinned.
func overTLS(u *url.URL) bool { return u.Scheme == miner.SchemeStratumTLS }

// checkFingerprint judges the flag. One that pins nothing would only seem to
// protect.
func checkFingerprint(text string, sources []mineSource) error {
	if text == "" {
		return nil
	}
	if sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err != nil || len(sum) != sha256.Size {
		return errors.New("--fingerprint: bad fingerprint of a certificate: want its SHA-256, 64 hex digits")
	}
	for _, s := range sources {
		if u, err := miner.ParseURL(s.URL); err == nil && overTLS(u) {
			return nil
		}
	}
	return errors.New("--fingerprint: no source uses TLS (stratum+ssl or stratum+tls), so nothing would be pinned")
}

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 4 << 10

// secretOf returns the first line of a file.
func secretOf(c *cli.Context, name string) (string, error) {
	text, err := readSoon(c, name, maxSecret)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: the first line is empty", name)
	}
	return line, nil
}

// mostWait bounds how long a pipe may take to give a file of settings.
const mostWait = 5 * time.Second

// readSoon returns a file of at most limit bytes. A pipe has to give them within
// mostWait, and an interrupt ends the wait.
func readSoon(c *cli.Context, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.Context, mostWait)
	defer cancel()
	var text []byte
	f, err := openFile(ctx, name)
	if err == nil {
		defer f.Close()
		text, err = io.ReadAll(io.LimitReader(f, limit+1))
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: it is a pipe, and nobody writes to it (to the end, within %v)", name, mostWait)
	case err != nil:
		return nil, reason(c, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s: larger than %d bytes", name, limit)
	}
	return text, nil
}

// masked returns the source without secrets, as the file can have it.
func (s mineSource) masked() mineSource {
	if s.PasswordFile != "" {
		s.Password = ""
	}
	if s.Password != "" {
		s.Password = mask
	}
	s.Proxy = maskedProxy(s.Proxy)
	if u, err := miner.ParseURL(s.URL); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			u.User = url.UserPassword(u.User.Username(), mask)
			s.URL = u.String()
		}
	}
	return s
}

// mask stands where a secret is.
const mask = "xxxxx"

// open returns the source. It does not connect yet.
func (s mineSource) open(versionMask uint32, log *slog.Logger) (miner.Source, error) {
	u, err := miner.ParseURL(s.URL)
	if err != nil {
		return nil, err
	}
	dial, err := proxyDial(s.Proxy)
	if err != nil {
		return nil, err
	}
	if byTemplate(u) {
		switch {
		case s.Payout == "":
			return nil, errors.New("getblocktemplate needs a payout: --payout, or payout in the source, an address or an output script in hex")
		case s.Fingerprint != "":
			return nil, errors.New("a fingerprint is for stratum+ssl; https trusts the authorities of the system")
		case s.Cookie != "" && s.Password != "":
			return nil, errors.New("a password or a cookie, not both")
		}
		user, password := s.User, s.Password // one of them may be in the URL, and the other not
		if user == "" {
			user = u.User.Username()
		}
		if password == "" {
			password, _ = u.User.Password()
		}
		return gbt.New(gbt.Options{URL: s.URL, User: user, Password: password, Cookie: s.Cookie, Payout: s.Payout, Tag: coinbaseTag, Dial: dial})
	}
	if s.Payout != "" {
		return nil, errors.New("a payout is for http and https; a pool pays the user")
	}
	if s.Cookie != "" {
		return nil, errors.New("a cookie is for http and https")
	}
	return stratum.New(stratum.Options{
		URL: s.URL, User: s.User, Password: s.Password, Fingerprint: s.Fingerprint,
		Agent: "stele/" + versionText(), VersionMask: versionMask, Log: log, Dial: dial,
	})
}
