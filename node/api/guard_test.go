package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"stele/internal/netguard"
	"stele/node/ledger/record"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
}

func TestHost(t *testing.T) {
	s := serve(t)
	for host, good := range map[string]bool{
		"localhost": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:80": true, "[::1]:80": true, "[::1]": true, "192.0.2.7:8690": true,
		"evil.example": false, "evil.example:80": false, "localhost.evil.example": false, "127.0.0.1.nip.example": false,
	} {
		if answer, text := s.do("GET", "/v1/tip", "", nil, header("Host", host)); (answer.StatusCode == http.StatusOK) != good {
			t.Errorf("%s: %d %s", host, answer.StatusCode, text)
		}
	}
}

// A page of another origin can make the browser send requests, but they write
// nothing.
func TestOrigin(t *testing.T) {
	s := serve(t)
	for _, from := range []func(*http.Request){header("Origin", "https://evil.example"), header("Origin", "null"), header("Sec-Fetch-Site", "cross-site")} {
		s.rejected(http.StatusForbidden, "POST", "/v1/records", "application/octet-stream", []byte("x"), from)
	}
	s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", "application/octet-stream", []byte("x"), header("Origin", "http://"+s.addr))
}

func TestToken(t *testing.T) {
	s := serve(t, func(o *Options) { o.Token = "secret" })
	for given, status := range map[string]int{
		"":               http.StatusUnauthorized,
		"Bearer wrong":   http.StatusUnauthorized,
		"Bearer secret2": http.StatusUnauthorized,
		"Bearer secret":  http.StatusUnprocessableEntity,
	} {
		s.rejected(status, "POST", "/v1/records", "application/octet-stream", []byte("x"), header("Authorization", given))
	}
	s.get("/v1/tip", new(Tip))
}

// A new token applies at once, and the old one is worth nothing. Without one, this
// machine writes again, but not through a proxy that is trusted by now.
func TestSetAccess(t *testing.T) {
	s := serve(t, func(o *Options) { o.Token = "old" })
	writes := func(status int, headers ...string) {
		t.Helper()
		set := func(r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
		}
		s.rejected(status, "POST", "/v1/records", "application/octet-stream", []byte("x"), set)
	}
	writes(http.StatusUnprocessableEntity, "Authorization", "Bearer old")
	s.api.SetAccess("new", nil)
	writes(http.StatusUnauthorized, "Authorization", "Bearer old")
	writes(http.StatusUnprocessableEntity, "Authorization", "Bearer new")
	s.api.SetAccess("", nil)
	writes(http.StatusUnprocessableEntity)
	proxies, err := netguard.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s.api.SetAccess("", proxies)
	writes(http.StatusForbidden)
	writes(http.StatusForbidden, "X-Forwarded-For", "203.0.113.5")
}

// Without a token, only this machine may write.
func TestMayWrite(t *testing.T) {
	for remote, good := range map[string]bool{
		"127.0.0.1:1": true, "127.8.9.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.1:1": false, "[2001:db8::1]:1": false, "": false, "127.0.0.1": false,
	} {
		if got := new(access).mayWrite(&http.Request{RemoteAddr: remote}, true); got != good {
			t.Errorf("%q: %v", remote, got)
		}
		if new(access).mayWrite(&http.Request{RemoteAddr: remote}, false) {
			t.Errorf("%q may write through a proxy", remote)
		}
	}
}

// Behind a reverse proxy on this machine a client has the loopback address, but
// none of its rights, and with --trusted-proxy a rate of its own.
func TestBehindProxy(t *testing.T) {
	for name, proxies := range map[string][]string{"a proxy that the node does not know": nil, "a trusted proxy": {"127.0.0.1"}} {
		trusted, err := netguard.ParseProxies(proxies)
		if err != nil {
			t.Fatal(err)
		}
		s := newService(t, func(o *Options) { o.Proxies, o.Rate = trusted, 0.001 }).listen()
		direct := s.addr
		proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: direct})
			r.Out.Host = "localhost"
			// The first address is what the client claims, the last one is the
			// proxy's word; here the client says both.
			r.Out.Header["X-Forwarded-For"] = []string{"127.0.0.1", r.In.Header.Get("Client")}
		}})
		t.Cleanup(proxy.Close)
		s.addr = strings.TrimPrefix(proxy.URL, "http://")
		status := func(method, client string) int {
			answer, _ := s.do(method, map[string]string{"GET": "/v1/tip", "POST": "/v1/records"}[method],
				"application/octet-stream", []byte("x")[:min(1, len(method)-3)], header("Client", client))
			return answer.StatusCode
		}
		if got := status("POST", "203.0.113.5"); got != http.StatusForbidden {
			t.Errorf("%s: a client writes: %d", name, got)
		}
		// That was the one request that the first client has at once.
		if got := status("GET", "203.0.113.5"); got != http.StatusTooManyRequests {
			t.Errorf("%s: too many requests: %d", name, got)
		}
		want := http.StatusOK
		if proxies == nil {
			want = http.StatusTooManyRequests
		}
		if got := status("GET", "203.0.113.6"); got != want {
			t.Errorf("%s: another client: %d, want %d", name, got, want)
		}
	}
}

func TestBodies(t *testing.T) {
	s := serve(t)
	big := bytes.Repeat([]byte("x"), maxBody+1)
	for _, c := range []struct {
		status      int
		contentType string
		body        []byte
	}{
		{http.StatusRequestEntityTooLarge, "application/octet-stream", big},
		{http.StatusRequestEntityTooLarge, "application/json", big},
		{http.StatusUnprocessableEntity, "application/octet-stream", big[:record.MaxSize+1]},
		{http.StatusBadRequest, "application/octet-stream", nil},
		{http.StatusUnsupportedMediaType, "", []byte("{}")},
		{http.StatusUnsupportedMediaType, "text/plain", []byte("{}")},
		{http.StatusUnsupportedMediaType, "multipart/form-data; boundary=x", []byte("--x--")},
		{http.StatusUnsupportedMediaType, "application/x-www-form-urlencoded", []byte("a=b")},
		{http.StatusUnsupportedMediaType, ";;;", []byte("{}")},
		{http.StatusBadRequest, "application/json", []byte("{")},
		{http.StatusUnprocessableEntity, "application/json", []byte("[]")},
		{http.StatusUnprocessableEntity, "application/json", []byte("null")},
		{http.StatusBadRequest, "application/json", []byte(strings.Repeat("[", 60_000))},
	} {
		s.rejected(c.status, "POST", "/v1/records", c.contentType, c.body)
	}
	// A body of unknown length is bounded too.
	endless := func(r *http.Request) {
		r.ContentLength, r.Body = -1, io.NopCloser(io.LimitReader(zeros{}, 10<<20))
	}
	s.rejected(http.StatusRequestEntityTooLarge, "POST", "/v1/records", "application/octet-stream", nil, endless)
	// So is a body where none is asked for.
	s.rejected(http.StatusRequestEntityTooLarge, "GET", "/v1/tip", "", big)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// raw sends bytes and returns the answer, if one comes before the connection is
// closed.
func (s *service) raw(text string) (*http.Response, error) {
	conn, err := net.Dial("tcp", s.addr)
	s.check(err)
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return nil, err
	}
	s.check(conn.(*net.TCPConn).CloseWrite())
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		_ = answer.Body.Close()
	}
	return answer, err
}

// Requests that are no HTTP, or end early, are the sender's fault.
func TestBrokenRequests(t *testing.T) {
	s := serve(t)
	for _, text := range []string{
		"hello\r\n\r\n",
		"GET /v1/tip HTTP/9.9\r\nHost: localhost\r\n\r\n",
		"GET /v1/tip HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /v1/tip HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 4*maxHeader) + "\r\n\r\n",
	} {
		answer, err := s.raw(text)
		if err != nil || answer.StatusCode < 400 || answer.StatusCode > 499 && answer.StatusCode != http.StatusHTTPVersionNotSupported {
			t.Errorf("%.60q: %v, %v", text, answer, err)
		}
	}
}

// A request for a long list counts as several, but never as more than a client may send
// at once.
func TestListsCost(t *testing.T) {
	for name, test := range map[string]struct {
		query string
		burst int
		want  int // requests that are allowed
	}{
		"no list":    {"", 100, 100},
		"short list": {"?limit=9", 100, 100},
		"page":       {"?limit=50", 100, 16},
		"long list":  {"?limit=1000", 1000, 9},
		"too long":   {"?limit=9999999999999999999999&limit=2", 100, 100},
		"negative":   {"?limit=-5", 100, 100},
		"small":      {"?limit=1000", 1, 1},
	} {
		budget, got := rate.NewLimiter(0, test.burst), 0
		for allow(budget, httptest.NewRequest(http.MethodGet, "/v1/vouchers"+test.query, nil)) {
			got++
		}
		if got != test.want {
			t.Errorf("%s: %d requests, want %d", name, got, test.want)
		}
	}
}

// Too many requests are answered with 429 and Retry-After.
func TestTooManyRequests(t *testing.T) {
	s := serve(t, func(o *Options) { o.Rate = 2 })
	s.get("/v1/tip", new(Tip))
	answer, _ := s.do("GET", "/v1/tip", "", nil)
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
}

// Whatever is sent, no answer blames the node, and it goes on.
func TestAbuse(t *testing.T) {
	s := serve(t, func(o *Options) { o.Rate = 1e9 })
	random := rand.New(rand.NewPCG(1, 2))
	from, to := s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1)
	good := s.builder.Pay(s.tip, from, to, 5)
	asJSON, err := json.Marshal(good)
	s.check(err)
	paths := []string{
		"/v1/health", "/v1/tip", "/v1/headers", "/v1/headers/%s", "/v1/blocks/%s", "/v1/records/%s",
		"/v1/records/%s/proof", "/v1/pool", "/v1/accounts/%s", "/v1/state", "/v1/records", "/openapi.json",
	}
	words := []string{"", "0", "-1", "99999999999999999999", "%00", "..%2f..", "%F0%9F", strings.Repeat("f", 64), from.String(), s.tip.Hash().String(), "<script>"}
	mutate := func(b []byte) []byte {
		b = bytes.Clone(b)
		for range 1 + random.IntN(4) {
			switch i := random.IntN(len(b)); random.IntN(3) {
			case 0:
				b[i] ^= 1 << random.IntN(8)
			case 1:
				b = append(b[:i], b[min(len(b), i+1+random.IntN(8)):]...)
			default:
				b = append(b[:i], append([]byte{byte(random.Uint32())}, b[i:]...)...)
			}
			if len(b) == 0 {
				return b
			}
		}
		return b
	}
	word := func() string { return words[random.IntN(len(words))] }
	for range 1500 {
		method := []string{"GET", "POST", "HEAD", "PUT", "OPTIONS"}[random.IntN(5)]
		path := paths[random.IntN(len(paths))]
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, word())
		}
		if random.IntN(3) == 0 {
			path += "?from=" + word() + "&limit=" + word()
		}
		contentType, body := "application/json", mutate(asJSON)
		if random.IntN(2) == 0 {
			contentType, body = "application/octet-stream", mutate(good.Encode())
		}
		if method == "GET" || method == "HEAD" {
			body = nil
		}
		if strings.ContainsAny(path, "<>") {
			path = strings.NewReplacer("<", "%3C", ">", "%3E").Replace(path)
		}
		if answer, text := s.do(method, path, contentType, body); answer.StatusCode >= 500 {
			t.Errorf("%s %s: %d %s", method, path, answer.StatusCode, text)
		}
	}
	s.get("/v1/tip", new(Tip))
}

// Connections that send their request byte by byte keep nobody else waiting.
func TestSlowConnections(t *testing.T) {
	s := serve(t)
	var slow sync.WaitGroup
	stop := make(chan struct{})
	for range 64 {
		conn, err := net.Dial("tcp", s.addr)
		s.check(err)
		slow.Go(func() {
			defer conn.Close()
			for _, c := range []byte("GET /v1/tip HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1000)) {
				if _, err := conn.Write([]byte{c}); err != nil {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	for range 20 {
		s.get("/v1/tip", new(Tip))
	}
	close(stop)
	slow.Wait()
}

// A body that is too long, or encoded, is rejected by its header alone:
// who asks first (RFC 9110, section 10.1.1) gets no 100 Continue.
func TestRefusedBeforeTheBody(t *testing.T) {
	s := serve(t)
	for head, status := range map[string]int{
		"Content-Length: 1000000000\r\nExpect: 100-continue\r\n":                  http.StatusRequestEntityTooLarge,
		"Content-Length: 1000000000\r\n":                                          http.StatusRequestEntityTooLarge,
		"Content-Length: 9\r\nContent-Encoding: gzip\r\n":                         http.StatusUnsupportedMediaType,
		"Content-Length: 9\r\nContent-Encoding: gzip\r\nExpect: 100-continue\r\n": http.StatusUnsupportedMediaType,
	} {
		answer, err := s.raw("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + head + "\r\n")
		s.check(err)
		if answer.StatusCode != status {
			t.Errorf("%q: %d, want %d", head, answer.StatusCode, status)
		}
		if status == http.StatusUnsupportedMediaType && answer.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%q: Accept-Encoding %q", head, answer.Header.Get("Accept-Encoding"))
		}
	}
	s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", octets, []byte("x"), header("Content-Encoding", "identity"))
}

// An answer never repeats a request at length, and has no words of Go's decoder.
func TestProblemsAreBounded(t *testing.T) {
	s := serve(t, withCustody(t))
	long := strings.Repeat("long", 15_000)
	notice := "/v1/carriers/" + record.PublicOf(s.builder.NewKey()).String() + "/notice"
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/records", long},
		{"POST", "/v1/records", `{"type":"` + long + `"}`},
		{"POST", "/v1/records", `{"` + long + `":1}`},
		{"POST", "/v1/records", `[` + long},
		{"POST", notice, long},
		{"POST", notice, `{"key":"` + long + `"}`},
		{"POST", notice, `{"` + long + `":1}`},
		{"POST", notice, `{"key":` + strings.Repeat("[", 15_000)},
		{"GET", "/v1/pool?limit=" + long[:10_000], ""},
		{"GET", "/v1/pool?" + long[:10_000] + "=1", ""},
		{"GET", "/v1/headers/" + long[:10_000], ""},
	} {
		answer, text := s.do(c.method, c.path, "application/json", []byte(c.body))
		if answer.StatusCode < 400 || answer.StatusCode >= 500 || len(text) > 1500 {
			t.Errorf("%s %.40s %.40s: %d with %d bytes: %.300s", c.method, c.path, c.body, answer.StatusCode, len(text), text)
		}
		for _, word := range []string{"json:", "Go ", "unmarshal", "invalid character", "strconv"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s %.40s %.40s: %q in %.300s", c.method, c.path, c.body, word, text)
			}
		}
	}
}
