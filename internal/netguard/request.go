package netguard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// TrustedHost reports whether hostport, the Host of a request, is an IP address or
// localhost. DNS rebinding makes a browser send requests for a name of the
// attacker to this machine; without names it is impossible.
func TrustedHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// Bearer reports whether r has the token, as "Authorization: Bearer TOKEN" (RFC
// 6750); the case of the word Bearer does not matter (RFC 9110, section 11.1). The
// token "" never matches. The time of the comparison does not depend on how much of
// the token is right.
func Bearer(r *http.Request, token string) bool {
	if token == "" {
		return false
	}
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	ok = ok && strings.EqualFold(scheme, "Bearer")
	x, y := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && ok
}
