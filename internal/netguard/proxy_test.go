package netguard

import (
	"net/http"
	"testing"
)

func TestProxiesClient(t *testing.T) {
	type fields = map[string][]string
	xff := func(v ...string) fields { return fields{"X-Forwarded-For": v} }
	for name, c := range map[string]struct {
		proxies []string
		remote  string
		header  fields
		client  string
		direct  bool
	}{
		"direct":                        {nil, "127.0.0.1:5", nil, "127.0.0.1:5", true},
		"direct beside a proxy":         {[]string{"127.0.0.2"}, "127.0.0.1:5", nil, "127.0.0.1:5", true},
		"an untrusted proxy":            {nil, "127.0.0.1:5", xff("1.2.3.4"), "127.0.0.1:5", false},
		"another proxy than the one":    {[]string{"10.0.0.0/8"}, "127.0.0.1:5", xff("1.2.3.4"), "127.0.0.1:5", false},
		"Forwarded":                     {nil, "127.0.0.1:5", fields{"Forwarded": {"for=1.2.3.4"}}, "127.0.0.1:5", false},
		"Via":                           {nil, "127.0.0.1:5", fields{"Via": {"1.1 proxy"}}, "127.0.0.1:5", false},
		"X-Real-IP":                     {nil, "127.0.0.1:5", fields{"X-Real-Ip": {"1.2.3.4"}}, "127.0.0.1:5", false},
		"trusted":                       {[]string{"127.0.0.1"}, "127.0.0.1:5", xff("1.2.3.4"), "1.2.3.4:0", false},
		"trusted, without field":        {[]string{"127.0.0.1"}, "127.0.0.1:5", nil, "127.0.0.1:5", false},
		"trusted, malformed field":      {[]string{"127.0.0.1"}, "127.0.0.1:5", xff("unknown"), "127.0.0.1:5", false},
		"the client lies":               {[]string{"127.0.0.1"}, "127.0.0.1:5", xff("127.0.0.1, 1.2.3.4"), "1.2.3.4:0", false},
		"the client lies in a field":    {[]string{"127.0.0.1"}, "127.0.0.1:5", xff("127.0.0.1", "1.2.3.4"), "1.2.3.4:0", false},
		"two proxies":                   {[]string{"127.0.0.1", "10.0.0.0/8"}, "127.0.0.1:5", xff("9.9.9.9, 1.2.3.4, 10.1.2.3"), "1.2.3.4:0", false},
		"proxies only":                  {[]string{"127.0.0.1", "10.0.0.0/8"}, "127.0.0.1:5", xff("10.9.9.9, 10.1.2.3"), "10.9.9.9:0", false},
		"nonsense before":               {[]string{"127.0.0.1", "10.0.0.0/8"}, "127.0.0.1:5", xff("x, 10.1.2.3"), "10.1.2.3:0", false},
		"IPv6":                          {[]string{"::1"}, "[::1]:5", xff("2001:db8::7"), "[2001:db8::7]:0", false},
		"IPv6 with port":                {[]string{"::1"}, "[::1]:5", xff("[2001:db8::7]:99"), "[2001:db8::7]:0", false},
		"IPv4 with port":                {[]string{"127.0.0.1"}, "127.0.0.1:5", xff("1.2.3.4:99"), "1.2.3.4:0", false},
		"IPv4 in IPv6":                  {[]string{"127.0.0.1"}, "[::ffff:127.0.0.1]:5", xff("::ffff:1.2.3.4"), "1.2.3.4:0", false},
		"a peer that cannot be read":    {[]string{"127.0.0.1"}, "pipe", xff("1.2.3.4"), "pipe", false},
		"a prefix with bits after it":   {[]string{"10.1.2.3/8"}, "10.9.9.9:5", xff("1.2.3.4"), "1.2.3.4:0", false},
		"X-Forwarded-Proto of a proxy ": {nil, "127.0.0.1:5", fields{"X-Forwarded-Proto": {"https"}}, "127.0.0.1:5", false},
	} {
		proxies, err := ParseProxies(c.proxies)
		if err != nil {
			t.Fatal(err)
		}
		client, direct := proxies.Client(&http.Request{RemoteAddr: c.remote, Header: c.header})
		if client != c.client || direct != c.direct {
			t.Errorf("%s: %q, %v; want %q, %v", name, client, direct, c.client, c.direct)
		}
	}
	for _, text := range []string{"", "proxy.example", "10.0.0.0/33", "127.0.0.1:80", " 127.0.0.1"} {
		if _, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// Whatever a client writes into the field, it is never taken for another address
// than the one that the proxy has added.
func FuzzClient(f *testing.F) {
	f.Add("127.0.0.1, 10.0.0.1")
	f.Add("[::1]:80,,")
	f.Fuzz(func(t *testing.T, claimed string) {
		proxies := Proxies{}
		if p, err := ParseProxies([]string{"127.0.0.1"}); err == nil {
			proxies = p
		}
		client, direct := proxies.Client(&http.Request{
			RemoteAddr: "127.0.0.1:5", Header: http.Header{"X-Forwarded-For": {claimed, "203.0.113.5"}},
		})
		if client != "203.0.113.5:0" || direct {
			t.Errorf("%q: %q, %v", claimed, client, direct)
		}
	})
}
