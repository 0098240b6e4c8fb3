package netguard

import (
	"net/http"
	"testing"
)

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:7":               "192.0.2.1",
		"[::ffff:192.0.2.1]:7":      "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:7":  "2001:db8:1:2::",
		"[2001:db8:1:2::]:8":        "2001:db8:1:2::",
		"[fe80::1%eth0]:7":          "fe80::",
		"[::1]:7":                   "::1",
		"127.8.9.1:7":               "127.8.9.1",
		"":                          "",
		"192.0.2.1":                 "",
		"miner.example:7":           "",
		"@":                         "", // a Unix socket
		"[2001:db8:1:2:3:4:5:6]:-1": "",
	} {
		addr, ok := Address(remote)
		if ok != (want != "") || ok && addr.String() != want {
			t.Errorf("%q: %v %v, want %q", remote, addr, ok, want)
		}
	}
}

func TestLoopback(t *testing.T) {
	for remote, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.9.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.1:1": false, "[2001:db8::1]:1": false, "[::]:1": false, "": false, "127.0.0.1": false, "localhost:1": false,
	} {
		if got := Loopback(remote); got != want {
			t.Errorf("%q: %v", remote, got)
		}
	}
}

func TestTrustedHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:80": true, "[::1]:80": true, "[::1]": true, "192.0.2.7:8690": true,
		"": false, ":80": false, "rebound.example": false, "rebound.example:80": false, "localhost.rebound.example": false, "127.0.0.1.nip.example": false,
	} {
		if got := TrustedHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestBearer(t *testing.T) {
	for _, c := range []struct {
		header, token string
		want          bool
	}{
		{"Bearer secret", "secret", true},
		{"bearer secret", "secret", true},
		{"BEARER secret", "secret", true},
		{"bearer SECRET", "secret", false},
		{"Bearersecret", "secret", false},
		{"Bearer secret2", "secret", false},
		{"Bearer secre", "secret", false},
		{"Bearer ", "secret", false},
		{"secret", "secret", false},
		{"Basic secret", "secret", false},
		{"", "secret", false},
		{"", "", false},
		{"Bearer ", "", false},
	} {
		r := &http.Request{Header: http.Header{"Authorization": {c.header}}}
		if got := Bearer(r, c.token); got != c.want {
			t.Errorf("%q for %q: %v", c.header, c.token, got)
		}
	}
	if Bearer(&http.Request{}, "secret") {
		t.Error("a request without the header has the token")
	}
}
