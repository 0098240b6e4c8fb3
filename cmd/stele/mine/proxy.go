package mine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/proxy"

	"stele/cmd/stele/internal/configfile"
)

// noProxy is the setting of a source that uses no proxy.
const noProxy = "none"

// errProxy does not quote the URL: any part of it may be the password.
var errProxy = errors.New("invalid proxy: must be socks5h://host:port, socks5h://user:password@host:port or none; " +
	"in user and password write %25 for %, %40 for @, %2F for /, and so on")

// dialFunc opens connections, as [net.Dialer.DialContext] does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// parseProxy parses the URL of a proxy. It returns nil for none. It rejects the scheme
// socks5, with which this host would resolve the names.
func parseProxy(text string) (*url.URL, error) {
	if text == "" || text == noProxy {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "socks5h" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" ||
		strings.Count(u.Host, ":") > 1 && u.Host[0] != '[' {
		return nil, errProxy
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return nil, errProxy
	}
	if u.User != nil { // each has 1 to 255 bytes (RFC 1929)
		password, _ := u.User.Password()
		for _, s := range []string{u.User.Username(), password} {
			if len(s) < 1 || len(s) > 255 {
				return nil, errProxy
			}
		}
	}
	return u, nil
}

// proxyDial returns a function that opens connections through a proxy, nil for no
// proxy. The proxy resolves host names. If it cannot be reached, the connection fails:
// none bypasses it.
func proxyDial(text string) (dialFunc, error) {
	u, err := parseProxy(text)
	if u == nil || err != nil {
		return nil, err
	}
	var auth *proxy.Auth
	if u.User != nil {
		auth = &proxy.Auth{User: u.User.Username()}
		auth.Password, _ = u.User.Password()
	}
	dialer, err := proxy.SOCKS5("tcp", u.Host, auth, &net.Dialer{KeepAlive: 30 * time.Second})
	if err != nil {
		return nil, err
	}
	through, ok := dialer.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("the SOCKS5 client cannot be interrupted") // x/net has one that can
	}
	return through.DialContext, nil
}

// maskedProxy returns the URL of a proxy without its password.
func maskedProxy(text string) string {
	u, err := parseProxy(text)
	if u == nil || err != nil || u.User == nil {
		return text
	}
	u.User = url.UserPassword(u.User.Username(), configfile.Mask)
	return u.String()
}

// proxyVariables are the variables that other programs read. The miner ignores them:
// they are often set for browsers, and a proxy would see the passwords of pools.
var proxyVariables = []string{"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"}

// warnOfVariables logs a warning if a proxy variable is set and a source has no proxy
// setting.
func warnOfVariables(log *slog.Logger, sources []source) {
	if !slices.ContainsFunc(sources, func(s source) bool { return s.Proxy == "" }) {
		return
	}
	for _, name := range proxyVariables {
		if os.Getenv(name) != "" {
			log.Warn("proxy variable ignored: use --proxy, or --proxy none to silence this warning", "variable", name)
			return
		}
	}
}
