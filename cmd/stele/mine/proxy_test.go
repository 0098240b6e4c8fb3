package mine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stele/engine/miner"
	"stele/engine/stratum/stratumtest"
)

// socks is a SOCKS5 proxy (RFC 1928, 1929) that knows hosts by names of its own.
type socks struct {
	net.Listener
	user, password string            // "": it wants none
	hosts          map[string]string // "name:port" to the address that it connects to

	serving sync.WaitGroup
	mu      sync.Mutex
	asked   []string // what it was asked to connect to, as it came
	faults  []string
}

// newSocks starts a proxy that ends with the test.
func newSocks(t *testing.T, user, password string, hosts map[string]string) *socks {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socks{Listener: l, user: user, password: password, hosts: hosts}
	ctx, cancel := context.WithCancel(context.Background())
	s.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				defer c.Close()
				if err := s.serve(ctx, c); err != nil {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.faults = append(s.faults, err.Error())
				}
			})
		}
	})
	t.Cleanup(func() { cancel(); _ = l.Close(); s.serving.Wait() })
	return s
}

// url returns the URL with which the proxy is reached.
func (s *socks) url() string {
	u := &url.URL{Scheme: "socks5h", Host: s.Addr().String()}
	if s.user != "" {
		u.User = url.UserPassword(s.user, s.password)
	}
	return u.String()
}

// requests returns what the proxy was asked to connect to.
func (s *socks) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *socks) serve(ctx context.Context, c net.Conn) error {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	methods := read(int(read(2)[1]))
	wanted := byte(0)
	if s.user != "" {
		wanted = 2
	}
	if !bytes.Contains(methods, []byte{wanted}) {
		_, _ = c.Write([]byte{5, 0xff})
		return nil // it may not speak SOCKS5 at all
	}
	_, _ = c.Write([]byte{5, wanted})
	if s.user != "" {
		user := read(int(read(2)[1]))
		password := read(int(read(1)[0]))
		if string(user) != s.user || string(password) != s.password {
			_, _ = c.Write([]byte{1, 1})
			return nil
		}
		_, _ = c.Write([]byte{1, 0})
	}
	head := read(4)
	if head[0] != 5 || head[1] != 1 || head[3] != 3 {
		return fmt.Errorf("request % x: want CONNECT to a name", head)
	}
	host := string(read(int(read(1)[0])))
	port := binary.BigEndian.Uint16(read(2))
	asked := net.JoinHostPort(host, fmt.Sprint(port))
	s.mu.Lock()
	s.asked = append(s.asked, asked)
	s.mu.Unlock()
	to, err := net.Dial("tcp", s.hosts[asked])
	if err != nil {
		_, _ = c.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
		return nil
	}
	defer context.AfterFunc(ctx, func() { _ = to.Close() })()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(c, to); _ = c.Close() })
	_, _ = io.Copy(to, c)
	_ = to.Close()
	back.Wait()
	return nil
}

// firstWork is a session that waits for work.
type firstWork chan *miner.Work

func (s firstWork) Work(w *miner.Work) {
	select {
	case s <- w:
	default:
	}
}

func (s firstWork) HashRate() float64 { return 0 }

// tryMine runs a source until it has given work, or has ended, and returns why.
func tryMine(t *testing.T, s source) error {
	t.Helper()
	source, err := s.open("test", miner.DefaultVersionMask, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	work, ended := make(firstWork, 1), make(chan error, 1)
	go func() { ended <- source.Run(ctx, work) }()
	select {
	case <-work:
		cancel()
		<-ended
		return nil
	case err := <-ended:
		return err
	}
}

// newNode starts a node with getblocktemplate, which wants u and secretp, and counts
// the requests.
func newNode(t *testing.T) (address string, requests *atomic.Int32) {
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if user, password, _ := r.BasicAuth(); user != "u" || password != "secretp" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"result":{"version":1,"previousblockhash":"%064d","bits":"207fffff","curtime":1700000000,"height":5,"coinbasevalue":5}}`, 1)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), requests
}

// Every kind of source is reached through the proxy, by a name that only the proxy
// can resolve; and not at all where the proxy does not let it through.
func TestMineProxy(t *testing.T) {
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	options := stratumtest.Options{User: "rig.1", Password: "secret"}
	plain := stratumtest.New(t, options)
	options.TLS = &tls.Config{Certificates: certificate.TLS.Certificates}
	secure := stratumtest.New(t, options)
	sum := sha256.Sum256(certificate.Certificate().Raw)
	host := func(text string) string {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u.Host
	}
	node, requests := newNode(t)
	hosts := map[string]string{
		"pool.invalid:3333": host(plain.URL()), "pool.invalid:3334": host(secure.URL()), "node.invalid:8332": node,
	}
	reached := func() int { return plain.Connections() + secure.Connections() + int(requests.Load()) }
	sources := map[string]source{
		"pool.invalid:3333": {URL: "stratum+tcp://pool.invalid:3333", User: "rig.1", Password: "secret"},
		"pool.invalid:3334": {URL: "stratum+ssl://pool.invalid:3334", User: "rig.1", Password: "secret", Fingerprint: hex.EncodeToString(sum[:])},
		"node.invalid:8332": {URL: "http://u:secretp@node.invalid:8332", Payout: "51"},
	}
	for _, login := range [][2]string{{"", ""}, {"me", "p@ss/w:ord%"}} {
		for name, source := range sources {
			s := newSocks(t, login[0], login[1], hosts)
			source.Proxy = s.url()
			if err := tryMine(t, source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if got := s.requests(); !slices.Equal(slices.Compact(got), []string{name}) || len(s.faults) > 0 {
				t.Errorf("%s: the proxy was asked for %q, faults %q", name, got, s.faults)
			}
		}
	}
	// By its real address each would be reached: a connection past the proxy is seen.
	for name, source := range sources {
		closed := newSocks(t, "", "", nil)
		_ = closed.Close()
		for what, through := range map[string]string{
			"that is down":                closed.url(),
			"that wants another password": strings.Replace(newSocks(t, "me", "right", hosts).url(), "right", "secretwrong", 1),
			"that wants a password":       "socks5h://" + newSocks(t, "me", "right", hosts).Addr().String(),
			"that cannot reach it":        newSocks(t, "", "", nil).url(),
		} {
			direct := source
			direct.URL, direct.Proxy = strings.Replace(source.URL, name, hosts[name], 1), through
			before := reached()
			err := tryMine(t, direct)
			if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "right") {
				t.Errorf("%s by a proxy %s: %v", name, what, err)
			}
			if reached() != before {
				t.Errorf("%s by a proxy %s: reached", name, what)
			}
		}
	}
}

// No variable makes a proxy see anything, for any kind of source, and the log says
// that it does not count.
func TestMineProxyVariables(t *testing.T) {
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	caught := make(chan string, 100)
	go func() {
		for {
			c, err := trap.Accept()
			if err != nil {
				close(caught)
				return
			}
			caught <- c.RemoteAddr().String()
			_ = c.Close()
		}
	}()
	env := os.Environ()
	for i, name := range proxyVariables {
		env = append(env, fmt.Sprintf("%s=%s://%s", name, []string{"socks5h", "http"}[i%2], trap.Addr()))
	}
	for _, args := range [][]string{
		{"--url", "stratum+tcp://pool.invalid:3333", "--user", "u", "--password", "p"},
		{"--url", "http://u:p@node.invalid:8332", "--payout", "51"},
		{"--url", "https://u:p@node.invalid:8332", "--payout", "51"},
	} {
		for _, none := range []bool{false, true} {
			args := append([]string{"mine", "--api", "none", "--device", "cpu", "--threads", "1", "--for", "1s"}, args...)
			if none {
				args = append(args, "--proxy", "none")
			}
			c := exec.CommandContext(t.Context(), "stele", args...)
			c.Env = env
			out, err := c.CombinedOutput()
			if err != nil || strings.Contains(string(out), "proxy variable ignored") == none {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
	}
	_ = trap.Close()
	for c := range caught {
		t.Errorf("a proxy that nobody configured got a connection from %s", c)
	}
}

// An invalid proxy is rejected and never shown: it may have a password.
func TestProxyURL(t *testing.T) {
	for text, masked := range map[string]string{
		"": "", "none": "none",
		"socks5h://h:1": "socks5h://h:1", "socks5h://[::1]:1080/": "socks5h://[::1]:1080/",
		"socks5h://u:secret@h:1": "socks5h://u:xxxxx@h:1", "socks5h://u:sec%40ret@h:1": "socks5h://u:xxxxx@h:1",
	} {
		if _, err := parseProxy(text); err != nil || maskedProxy(text) != masked {
			t.Errorf("%q: %v, masked %q", text, err, maskedProxy(text))
		}
	}
	for _, text := range []string{
		"h:1", "socks5://h:1", "socks4://h:1", "http://h:1", "socks5h://h", "socks5h://h:0", "socks5h://h:65536", "socks5h://:1",
		"socks5h://secret@h:1", "socks5h://u:@h:1", "socks5h://:secret@h:1", "socks5h://u:sec/ret@h:1", "socks5h://u:sec#ret@h:1",
		"socks5h://u:secret@h:1/path", "socks5h://u:secret@h:1?q", "socks5h://u:secret%zz@h:1", "socks5h://::1:1",
		"socks5h://u:" + strings.Repeat("secret", 50) + "@h:1", "None",
	} {
		if u, err := parseProxy(text); err != errProxy || u != nil {
			t.Errorf("%q: %v %v", text, u, err)
		}
	}
}
