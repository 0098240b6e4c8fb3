package miner

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"stratum+tcp://h:1":           "stratum+tcp://h:1",
		"STRATUM+TCP://h:65535/":      "stratum+tcp://h:65535/",
		"h:1":                         "stratum+tcp://h:1",
		" pool.example:3333\n":        "stratum+tcp://pool.example:3333",
		"u.w:x@pool.example:3333":     "stratum+tcp://u.w:x@pool.example:3333",
		"[2001:db8::1]:3333":          "stratum+tcp://[2001:db8::1]:3333",
		"stratum://h:1":               "stratum+tcp://h:1",
		"stratum1+tcp://h:1":          "stratum+tcp://h:1",
		"tcp://h:1":                   "stratum+tcp://h:1",
		"stratum+ssl://u:x,d=64@h:1":  "stratum+ssl://u:x,d=64@h:1",
		"stratum+tls://[::1]:1":       "stratum+ssl://[::1]:1",
		"stratum1+ssl://h:1":          "stratum+ssl://h:1",
		"stratum1+tls://h:1":          "stratum+ssl://h:1",
		"stratums://h:1":              "stratum+ssl://h:1",
		"ssl://h:1":                   "stratum+ssl://h:1",
		"TLS://h:1":                   "stratum+ssl://h:1",
		"stratum+tcp://u:%25%40@h:1":  "stratum+tcp://u:%25%40@h:1",
		"http://h":                    "http://h",
		"https://u:p@h:8332/wallet/w": "https://u:p@h:8332/wallet/w",
		"http://h:1?key=x":            "http://h:1?key=x",
	} {
		u, err := ParseURL(text)
		if err != nil || u.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, u, err, want)
		}
	}
}

// An error names the fault and quotes the URL, but for what may be a secret.
func TestParseURLFaults(t *testing.T) {
	const (
		port    = "the port must be a number from 1 to 65535"
		escaped = "a /, ? or # in user or password, or an @ after the host: write %2F, %3F, %23, %40"
		odd     = "a character in user or password that must be written as % and two hex digits"
		after   = "a pool has no path or query after the port"
	)
	for text, want := range map[string]string{
		"":                               `"": no host: must be host:port`,
		" ":                              `"": no host: must be host:port`,
		"secret":                         `"xxxxx": no port: must be host:port`,
		"pool.example":                   `"pool.example": no port: must be host:port`,
		"stratum+tcp://h":                `"stratum+tcp://h": no port: must be host:port`,
		"ssl://u:secret@pool.example":    `"ssl://xxxxx@pool.example": no port: must be host:port`,
		"stratum+tcp://u:p@secret":       `"stratum+tcp://xxxxx@xxxxx": no port: must be host:port`,
		"htp://secret@h:1":               `"htp://xxxxx@h:1": unknown scheme "htp": must be stratum+tcp, stratum+ssl, http or https`,
		"stratum2+tcp://u:secret@h:1":    `"stratum2+tcp://xxxxx@h:1": Stratum V2 is not supported, only V1: stratum+tcp or stratum+ssl`,
		"me:secret://h:1":                `"xxxxx": more than one colon after the host: must be host:port, with brackets around an IPv6 address, as in [2001:db8::1]:3333`,
		"stratum+tcp://secret:1:1":       `"stratum+tcp://xxxxx": more than one colon after the host: must be host:port, with brackets around an IPv6 address, as in [2001:db8::1]:3333`,
		"stratum+tcp://u:secret":         `"stratum+tcp://xxxxx": ` + port,
		"stratum+tcp://u:secret@h:0":     `"stratum+tcp://xxxxx@h:0": ` + port,
		"stratum+tcp://u:secret@h:65536": `"stratum+tcp://xxxxx@h:65536": ` + port,
		"stratum+tcp://u:secret@h:http":  `"stratum+tcp://xxxxx@xxxxx": ` + port,
		"http://u:secret@h:99999":        `"http://xxxxx@h:99999": ` + port,
		"http://u:secret@h:0":            `"http://xxxxx@h:0": ` + port,
		"stratum+tcp://u:secret@:1":      `"stratum+tcp://xxxxx@:1": no host: must be host:port`,
		"stratum+tcp://u:secret%zz@h:1":  `"stratum+tcp://xxxxx@h:1": a % that is not followed by two hex digits: write %25 for %`,
		"stratum+tcp://u:sec ret@h:1":    `"stratum+tcp://xxxxx@h:1": ` + odd,
		"stratum+tcp//h:1":               `"xxxxx": a // without a scheme and a colon before it: must be scheme://host:port`,
		"stratum+tcp://se cret:1":        `"stratum+tcp://xxxxx": an invalid character in the host`,
		"stratum+tcp://u:1/secret@h:1":   `"stratum+tcp://xxxxx@h:1": ` + escaped,
		"stratum+tcp://u:1#secret@h:1":   `"stratum+tcp://xxxxx@h:1": ` + escaped,
		"stratum+tcp://u:1?secret@h:1":   `"stratum+tcp://xxxxx@h:1": ` + escaped,
		"http://u:1/secret@h:1":          `"http://xxxxx@h:1": ` + escaped,
		"http://u:1#secret@h:1":          `"http://xxxxx@h:1": ` + escaped,
		"http://u:1?secret@h:1":          `"http://xxxxx@h:1": ` + escaped,
		"stratum+tcp://h:1/secret":       `"stratum+tcp://h:1...": ` + after,
		"stratum+tcp://h:1?secret":       `"stratum+tcp://h:1...": ` + after,
		"http://h:1#secret":              `"http://h:1...": a # after the host`,
		"a.example:1,b.example:2":        `"xxxxx": a comma after the host: several URLs each need a scheme`,
		"h:1\x1b[31m":                    `"xxxxx": an invalid character in the host`,
	} {
		u, err := ParseURL(text)
		if !errors.Is(err, ErrURL) || u != nil || err.Error() != "bad URL "+want {
			t.Errorf("%q: %v, want bad URL %s", text, err, want)
		}
	}
}

// Whatever mistake is in a URL with a password, no error has the password.
func TestParseURLSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringOfN(rapid.SampledFrom([]rune("a1:/?#@%[]., +-")), 0, 6, -1)
		text := rapid.SampledFrom([]string{"", "stratum+tcp://", "ssl://", "http://", "htp://"}).Draw(t, "scheme") +
			"u:" + part.Draw(t, "before") + "hunter2" + part.Draw(t, "after") + "@" + part.Draw(t, "host") + ":3333"
		if _, err := ParseURL(text); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
