package netguard

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// TrustedHost tells whether hostport, the Host of a request, can be that of
// somebody who knows where he sends it to: an IP address, or localhost. DNS
// rebinding makes a browser believe that a name of the attacker is this machine;
// it needs a name.
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

// Bearer tells whether r has a token, as "Authorization: Bearer TOKEN" (RFC 6750);
// in the word Bearer, small and capital letters are the same (RFC 9110, section
// 11.1). If the token is "", nobody has it. The time that it takes does not depend
// on what is right in what was given.
func Bearer(r *http.Request, token string) bool {
	if token == "" {
		return false
	}
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	ok = ok && strings.EqualFold(scheme, "Bearer")
	x, y := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && ok
}
