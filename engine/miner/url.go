package miner

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// ErrURL is the kind of the errors of [ParseURL].
var ErrURL = errors.New("bad URL")

// The schemes of a source.
const (
	SchemeStratum    = "stratum+tcp"
	SchemeStratumTLS = "stratum+ssl"
	schemeHTTP       = "http"
	schemeHTTPS      = "https"
)

// schemes maps each scheme to its meaning. Pools and other miners spell them in
// many ways.
var schemes = map[string]string{
	"stratum+tcp": SchemeStratum, "stratum1+tcp": SchemeStratum, "stratum": SchemeStratum, "tcp": SchemeStratum,
	"stratum+ssl": SchemeStratumTLS, "stratum+tls": SchemeStratumTLS, "stratum1+ssl": SchemeStratumTLS, "stratum1+tls": SchemeStratumTLS,
	"stratums": SchemeStratumTLS, "ssl": SchemeStratumTLS, "tls": SchemeStratumTLS,
	"http": schemeHTTP, "https": schemeHTTPS,
}

// ParseURL parses the URL of a source: scheme://user:password@host:port. User and
// password are optional. The scheme of the result is stratum+tcp or stratum+ssl for
// a pool, which needs a port, and http or https for a node. The default is
// stratum+tcp.
//
// An error is of the kind [ErrURL]. It says which part is wrong, and quotes the URL
// without anything that may be a secret.
func ParseURL(text string) (*url.URL, error) {
	scheme, rest := cutScheme(text)
	u, fault := parseURL(scheme, rest)
	if fault != "" {
		return nil, fmt.Errorf("%w %q: %s", ErrURL, quotable(scheme, rest), fault)
	}
	return u, nil
}

var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]{0,31}$`)

// cutScheme splits the scheme from a URL; "": it has none.
func cutScheme(text string) (scheme, rest string) {
	text = strings.TrimSpace(text)
	if scheme, rest, ok := strings.Cut(text, "://"); ok && schemePattern.MatchString(scheme) {
		return scheme, rest
	}
	return "", text
}

// parseURL returns the URL, or the fault in it.
func parseURL(scheme, rest string) (u *url.URL, fault string) {
	meaning, known := SchemeStratum, true
	if scheme != "" {
		meaning, known = schemes[strings.ToLower(scheme)]
	}
	authority, user, hostPort := splitAuthority(rest)
	switch {
	case strings.HasPrefix(strings.ToLower(scheme), "stratum2"):
		return nil, "Stratum V2 is not supported, only V1: stratum+tcp or stratum+ssl"
	case !known:
		return nil, fmt.Sprintf("unknown scheme %q: must be stratum+tcp, stratum+ssl, http or https", scheme)
	case strings.Contains(rest[len(authority):], "@"):
		return nil, "a /, ? or # in user or password, or an @ after the host: write %2F, %3F, %23, %40"
	case strings.Contains(hostPort, ","):
		return nil, "a comma after the host: several URLs each need a scheme"
	case !strings.HasPrefix(hostPort, "[") && strings.Count(hostPort, ":") > 1:
		return nil, "more than one colon after the host: must be host:port, with brackets around an IPv6 address, as in [2001:db8::1]:3333"
	case scheme == "" && strings.HasPrefix(rest[len(authority):], "//"):
		return nil, "a // without a scheme and a colon before it: must be scheme://host:port"
	}
	u, err := url.Parse(meaning + "://" + rest)
	if err != nil {
		return nil, syntaxFault(user, err)
	}
	if u.Hostname() == "" {
		return nil, "no host: must be host:port"
	}
	pool := meaning == SchemeStratum || meaning == SchemeStratumTLS
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Port() == "" && pool:
		return nil, "no port: must be host:port"
	case u.Port() != "" && (err != nil || port == 0):
		return nil, "the port must be a number from 1 to 65535"
	case u.Fragment != "":
		return nil, "a # after the host"
	case pool && (strings.Trim(u.Path, "/") != "" || u.RawQuery != ""):
		return nil, "a pool has no path or query after the port"
	}
	return u, ""
}

// splitAuthority returns the authority of a URL (user, password, host and port),
// and the parts of it before and after the last @.
func splitAuthority(rest string) (authority, user, hostPort string) {
	authority = rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		return authority, authority[:at], authority[at+1:]
	}
	return authority, "", authority
}

// syntaxFault returns the fault that package url reports. The error of url itself
// quotes the URL.
func syntaxFault(user string, err error) string {
	var escape url.EscapeError
	if errors.As(err, &escape) {
		return "a % that is not followed by two hex digits: write %25 for %"
	}
	if _, err := url.Parse("x://" + user + "@host"); err != nil {
		return "a character in user or password that must be written as % and two hex digits"
	}
	if strings.Contains(err.Error(), "invalid port") {
		return "the port must be a number from 1 to 65535"
	}
	return "an invalid character in the host"
}

// plainHost is a host, and perhaps a port, that cannot be a misplaced password.
var plainHost = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]{1,64}\]|[A-Za-z0-9._-]{0,253})(:[0-9]{0,20})?$`)

// quotable returns a URL for an error. In a URL with a mistake, everything before
// the last @ may be the password, and so may anything that is not a host and port.
// A single word without a port may be the end of a password.
func quotable(scheme, rest string) string {
	const hidden = "xxxxx"
	shown := scheme
	if scheme != "" {
		shown += "://"
	}
	at := strings.LastIndex(rest, "@")
	if at >= 0 {
		shown += hidden + "@"
	}
	authority, _, _ := splitAuthority(rest[at+1:])
	word := (scheme == "" || at >= 0) && !strings.ContainsAny(authority, ".:")
	if word && authority != "" || !plainHost.MatchString(authority) {
		authority = hidden
	}
	shown += authority
	if at+1+len(authority) < len(rest) && authority != hidden {
		shown += "..."
	}
	return shown
}
