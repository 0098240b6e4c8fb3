package mine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/configfile"
	"stele/engine/miner"
	"stele/engine/miner/gbt"
	"stele/engine/miner/stratum"
)

// source is the configuration of a source of work: a table [[source]] of the file, or
// the values of flags.
type source struct {
	URL          string `toml:"url"`
	User         string `toml:"user,omitempty"`
	Password     string `toml:"password,omitempty"`
	PasswordFile string `toml:"password_file,omitempty"`
	Cookie       string `toml:"cookie,omitempty"`
	Fingerprint  string `toml:"fingerprint,omitempty"`
	Payout       string `toml:"payout,omitempty"`
	Proxy        string `toml:"proxy,omitempty"`
}

// sourceFlags returns the flags for sources.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "url", Aliases: []string{"o"}, EnvVars: []string{"STELE_URL"}, Usage: "mine to the pool or node at `URL`: [stratum+tcp://]host:port, stratum+ssl://host:port, or http://host:port of a node with getblocktemplate; repeat it for failover, best first"},
		&cli.StringSliceFlag{Name: "user", Aliases: []string{"u"}, EnvVars: []string{"STELE_USER"}, Usage: "user `NAME`: an account, an address, or at a Stele node the key to pay; once for all sources, or once for each"},
		&cli.StringSliceFlag{Name: "password", Aliases: []string{"p", "pass"}, EnvVars: []string{"STELE_PASSWORD"}, Usage: "`PASSWORD`, once for all sources or once for each", DefaultText: "x"},
		&cli.StringFlag{Name: "password-file", Usage: "read the password from `FILE`"},
		&cli.StringFlag{Name: "cookie", Usage: "read the RPC user and password from the .cookie `FILE` of Bitcoin Core (getblocktemplate only)"},
		&cli.StringFlag{Name: "fingerprint", Usage: "trust only the certificate with this `SHA-256` (TLS only)"},
		&cli.StringFlag{Name: "payout", Usage: "pay blocks to `ADDRESS`, or to an output script in hex (getblocktemplate only)"},
		&cli.StringFlag{Name: "proxy", Usage: "connect through the SOCKS5 proxy at `URL`, socks5h://[user:password@]host:port, which also resolves names; or \"none\""},
		&cli.StringFlag{Name: "version-mask", Usage: "roll the version bits in `MASK` (BIP 320); 0 rolls none", DefaultText: fmt.Sprintf("%#x", miner.DefaultVersionMask)},
	}
}

// readSources returns the sources of the flags, or if there are none, those of the
// file, each completed from the flags.
func readSources(c *cli.Context, file []source) ([]source, error) {
	if slices.ContainsFunc(c.StringSlice("password"), func(p string) bool { return p != "" }) && c.String("password-file") != "" {
		return nil, errors.New("--password and --password-file are mutually exclusive, as are STELE_PASSWORD and STELE_PASSWORD_FILE")
	}
	var all []source
	for _, text := range c.StringSlice("url") {
		for _, u := range splitURLs(text) {
			all = append(all, source{URL: u})
		}
	}
	if len(all) == 0 {
		all = append(all, file...)
	}
	if _, err := parseProxy(c.String("proxy")); err != nil {
		return nil, fmt.Errorf("--proxy: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("no pool configured: pass --url or add a [[source]] to the config file")
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

// perSource returns the value of a flag for source i of n. A flag that is set once is
// for all sources. One that is set n times has a value for each source in their order,
// as with other miners.
func perSource(c *cli.Context, flag string, i, n int) (string, error) {
	switch values := c.StringSlice(flag); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	case n:
		return values[i], nil
	default:
		return "", fmt.Errorf("--%s: %d values for %d sources: must be one for all, or one for each", flag, len(values), n)
	}
}

// nextURL matches where another URL begins: after a comma, with a scheme. Other commas
// may be part of a password.
var nextURL = regexp.MustCompile(`,\s*([A-Za-z][A-Za-z0-9+.-]*://)`)

// splitURLs returns the URLs of a list with commas.
func splitURLs(text string) (all []string) {
	for line := range strings.Lines(nextURL.ReplaceAllString(text, "\n$1")) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// complete fills in the fields that are not set: with user and password, with the
// values of flags, and with the password from its file.
func (s *source) complete(c *cli.Context, user, password string) error {
	u, err := miner.ParseURL(s.URL)
	if err != nil {
		return err
	}
	_, hasPassword := u.User.Password()
	switch {
	case s.User != "" && u.User.Username() != "":
		return errors.New("user is set both in the URL and as the key user")
	case hasPassword && (s.Password != "" || s.PasswordFile != ""):
		return errors.New("password is set both in the URL and as the key password or password_file")
	case s.Password != "" && s.PasswordFile != "":
		return errors.New("password and password_file are mutually exclusive")
	}
	if s.Cookie == "" && s.User == "" && u.User.Username() == "" && isTemplate(u) {
		s.Cookie = c.String("cookie")
	}
	if s.Cookie == "" && s.User == "" && u.User.Username() == "" {
		s.User = user
	}
	if s.Cookie == "" && s.Password == "" && s.PasswordFile == "" && !hasPassword {
		s.Password, s.PasswordFile = password, c.String("password-file")
	}
	if s.Fingerprint == "" && isTLS(u) {
		s.Fingerprint = c.String("fingerprint")
	}
	if s.Payout == "" && isTemplate(u) {
		s.Payout = c.String("payout")
	}
	if s.Proxy == "" {
		s.Proxy = c.String("proxy")
	}
	if s.PasswordFile != "" {
		s.Password, err = configfile.Secret(c, s.PasswordFile)
	}
	return err
}

// isTemplate reports whether a source is a node with getblocktemplate.
func isTemplate(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

// isTLS reports whether a source is a pool whose certificate can be pinned.
func isTLS(u *url.URL) bool { return u.Scheme == miner.SchemeStratumTLS }

// checkFingerprint checks the flag. It rejects one that pins nothing, which would only
// seem to protect.
func checkFingerprint(text string, sources []source) error {
	if text == "" {
		return nil
	}
	if sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err != nil || len(sum) != sha256.Size {
		return errors.New("--fingerprint: invalid fingerprint: must be the SHA-256 of a certificate, 64 hex digits")
	}
	for _, s := range sources {
		if u, err := miner.ParseURL(s.URL); err == nil && isTLS(u) {
			return nil
		}
	}
	return errors.New("--fingerprint: no source uses TLS: must be stratum+ssl or stratum+tls")
}

// masked returns the source with masks for its secrets.
func (s source) masked() source {
	if s.PasswordFile != "" {
		s.Password = ""
	}
	if s.Password != "" {
		s.Password = configfile.Mask
	}
	s.Proxy = maskedProxy(s.Proxy)
	if u, err := miner.ParseURL(s.URL); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			u.User = url.UserPassword(u.User.Username(), configfile.Mask)
			s.URL = u.String()
		}
	}
	return s
}

// coinbaseTag marks the coinbase of blocks that are mined by getblocktemplate.
const coinbaseTag = "stele"

// open returns the source, which does not connect yet. version is that of the
// program.
func (s source) open(version string, versionMask uint32, log *slog.Logger) (miner.Source, error) {
	u, err := miner.ParseURL(s.URL)
	if err != nil {
		return nil, err
	}
	dial, err := proxyDial(s.Proxy)
	if err != nil {
		return nil, err
	}
	if isTemplate(u) {
		switch {
		case s.Payout == "":
			return nil, errors.New("getblocktemplate requires --payout, or payout in the source: an address or an output script in hex")
		case s.Fingerprint != "":
			return nil, errors.New("fingerprint applies to stratum+ssl only; https uses the certificate authorities of the system")
		case s.Cookie != "" && s.Password != "":
			return nil, errors.New("password and cookie are mutually exclusive")
		}
		user, password := s.User, s.Password // each may be in the URL or a setting
		if user == "" {
			user = u.User.Username()
		}
		if password == "" {
			password, _ = u.User.Password()
		}
		return gbt.New(gbt.Options{URL: s.URL, User: user, Password: password, Cookie: s.Cookie, Payout: s.Payout, Tag: coinbaseTag, Dial: dial})
	}
	if s.Payout != "" {
		return nil, errors.New("payout applies to http and https only; a pool pays the user")
	}
	if s.Cookie != "" {
		return nil, errors.New("cookie applies to http and https only")
	}
	return stratum.New(stratum.Options{
		URL: s.URL, User: s.User, Password: s.Password, Fingerprint: s.Fingerprint,
		Agent: "stele/" + version, VersionMask: versionMask, Log: log, Dial: dial,
	})
}
