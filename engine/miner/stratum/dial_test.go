package stratum_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/stratum/stratumtest"
	"stele/internal/text"
)

// Without a pin the client trusts what the system trusts, with a pin only that.
func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	config := &tls.Config{Certificates: server.TLS.Certificates}
	sum := sha256.Sum256(server.Certificate().Raw)
	right := hex.EncodeToString(sum[:])
	pool := stratumtest.New(t, stratumtest.Options{TLS: config, Difficulty: easy})
	if !strings.HasPrefix(pool.URL(), "stratum+ssl://") {
		t.Fatal(pool.URL())
	}
	t.Run("pinned", func(t *testing.T) {
		m := newStub(t, stratum.Options{URL: pool.URL(), Fingerprint: strings.ToUpper(right[:2] + ":" + right[2:])})
		m.start()
		accepted(t, find(t, m.work(0), 0, 0))
	})
	for name, pin := range map[string]string{"another": strings.Repeat("00", 32), "by nobody": ""} {
		t.Run(name, func(t *testing.T) {
			m := newStub(t, stratum.Options{URL: pool.URL(), Fingerprint: pin})
			err := m.client.Run(t.Context(), m)
			if !errors.Is(err, miner.ErrFatal) {
				t.Errorf("%v, want it to be fatal", err)
			}
			if !strings.Contains(err.Error(), right) {
				t.Errorf("%v does not have the fingerprint", err)
			}
		})
	}
}

// The error of a pool that closes the connection on the wrong scheme differs from that
// of a pool that is down.
func TestWrongScheme(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	for _, c := range []struct {
		scheme, want string
		pool         func(net.Conn)
	}{
		{"stratum+tcp", "stratum+ssl://", func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: server.TLS.Certificates}).Handshake()
		}},
		{"stratum+tcp", "stratum+ssl://", func(conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadString('\n')
		}},
		{"stratum+ssl", "stratum+tcp://", func(conn net.Conn) {
			_, _ = io.WriteString(conn, `{"id":null,"error":[20,"Not JSON",null]}`+"\n")
			_, _ = io.Copy(io.Discard, conn)
		}},
		{"stratum+ssl", "stratum+tcp://", func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1<<16))
		}},
	} {
		pool, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			conn, err := pool.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			c.pool(conn)
		})
		m := newStub(t, stratum.Options{URL: c.scheme + "://" + pool.Addr().String()})
		err = m.client.Run(t.Context(), m)
		_ = pool.Close()
		group.Wait()
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, miner.ErrFatal) {
			t.Errorf("%s: %v, want it to name %s and to try again", c.scheme, err, c.want)
		}
	}
}

// The names in a certificate may be anything: an error quotes them so that they are
// safe to show, with the whole fingerprint after them.
func TestHostileCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"\x1b]0;x\x07\nlevel=ERROR"}
	for range 50 {
		names = append(names, strings.Repeat("q", 60)+".example")
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer pool.Close()
	group.Go(func() {
		conn, err := pool.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}).Handshake()
	})
	to := pool.Addr().String()
	m := newStub(t, stratum.Options{URL: "stratum+ssl://pool.example:1", Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, to)
	}})
	err = m.client.Run(t.Context(), m)
	sum := sha256.Sum256(raw)
	if !errors.Is(err, miner.ErrFatal) || text.Clean(err.Error(), 2*text.Max) != err.Error() || !strings.Contains(err.Error(), "valid for") ||
		!strings.HasSuffix(err.Error(), hex.EncodeToString(sum[:])) {
		t.Errorf("%.1000q", err)
	}
}
