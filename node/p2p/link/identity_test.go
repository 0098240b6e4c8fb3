package link

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHandshake(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := must(NewKey()), must(NewKey())
		c, s := w.connect()
		done := make(chan ID)
		go func() {
			conn, id, err := Server(context.Background(), s, b, nil)
			if err == nil {
				_ = conn.Close()
			}
			done <- id
		}()
		conn, id, err := Client(context.Background(), c, a, func(id ID) error {
			if id != b.ID() {
				t.Errorf("verify is called with %v", id)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-done; got != a.ID() || id != b.ID() {
			t.Errorf("the server sees %v, the client %v; want %v and %v", got, id, a.ID(), b.ID())
		}
		if s := conn.(*tls.Conn).ConnectionState(); s.Version != tls.VersionTLS13 || s.CurveID != tls.X25519MLKEM768 {
			t.Errorf("version %x, key exchange %v", s.Version, s.CurveID)
		}
		_ = conn.Close()
	})
}

// A pinned key is checked on both sides.
func TestVerify(t *testing.T) {
	other := errors.New("another key")
	reject := func(ID) error { return other }
	bubble(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ client, server func(ID) error }{{reject, nil}, {nil, reject}} {
			conn, s := w.connect()
			done := make(chan error)
			go func() {
				secured, _, err := Server(context.Background(), s, must(NewKey()), c.server)
				if err == nil {
					_, err = secured.Read(make([]byte, 1))
					_ = secured.Close()
				}
				done <- err
			}()
			secured, _, err := Client(context.Background(), conn, must(NewKey()), c.client)
			if c.client == nil && err == nil { // the client is done first
				_, err = secured.Read(make([]byte, 1))
				_ = secured.Close()
			}
			serverErr := <-done
			if err == nil || serverErr == nil || errors.Is(err, other) != (c.client != nil) || errors.Is(serverErr, other) != (c.server != nil) {
				t.Errorf("client %v, server %v", err, serverErr)
			}
		}
	})
}

// A peer that is no node is rejected by either side.
func TestStrangers(t *testing.T) {
	good := must(NewKey()).cert
	long := certificate(t, strings.Repeat("x", maxCertificate), good.PrivateKey)
	curve := certificate(t, "", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	for name, c := range map[string]*tls.Config{
		"no certificate":   {NextProtos: []string{ALPN}},
		"no protocol":      {Certificates: []tls.Certificate{good}},
		"other protocol":   {Certificates: []tls.Certificate{good}, NextProtos: []string{"h2"}},
		"two certificates": {Certificates: []tls.Certificate{{Certificate: [][]byte{good.Certificate[0], good.Certificate[0]}, PrivateKey: good.PrivateKey}}, NextProtos: []string{ALPN}},
		"long certificate": {Certificates: []tls.Certificate{long}, NextProtos: []string{ALPN}},
		"other kind":       {Certificates: []tls.Certificate{curve}, NextProtos: []string{ALPN}},
		"TLS 1.2":          {Certificates: []tls.Certificate{good}, NextProtos: []string{ALPN}, MaxVersion: tls.VersionTLS12},
	} {
		t.Run(name, func(t *testing.T) {
			c.InsecureSkipVerify = true
			c.ClientAuth = tls.RequestClientCert
			bubble(t, func(t *testing.T, w *world) {
				conn, s := w.connect()
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = tls.Client(conn, c).Handshake() // it may be done before the server rejects it
				}()
				if _, _, err := Server(context.Background(), s, must(NewKey()), nil); err == nil {
					t.Error("the server accepts it")
				}
				<-done
				_ = conn.Close()

				if len(c.Certificates) == 0 {
					return // a server needs one
				}
				conn, s = w.connect()
				done = make(chan struct{})
				go func() {
					defer close(done)
					_ = tls.Server(s, c).Handshake()
				}()
				if _, _, err := Client(context.Background(), conn, must(NewKey()), nil); err == nil {
					t.Error("the client accepts it")
				}
				<-done
				_ = s.Close()
			})
		})
	}
}

// certificate returns a self-signed certificate for a key.
func certificate(t *testing.T, name string, key any) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.(crypto.Signer).Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A handshake ends with its context.
func TestHandshakeTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, s := w.connect()
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := Server(ctx, s, must(NewKey()), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the handshake returned %v", err)
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("it took %v", got)
		}
	})
}

func TestOpenKey(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	first := must(OpenKey(name))
	if again := must(OpenKey(name)); again.ID() != first.ID() {
		t.Errorf("identity %v, then %v", first.ID(), again.ID())
	}
	if got := first.ID().String(); len(got) != 16 {
		t.Errorf("ID %q, want 16 digits", got)
	}
	if mode := must(os.Stat(name)).Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %o, want 600", mode)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(name); err == nil || !strings.Contains(err.Error(), "0640") {
		t.Errorf("a file that others can read: %v", err)
	}
	if _, err := OpenKey(filepath.Join(name, "key")); err == nil {
		t.Error("a key below a file was opened")
	}
}

func TestOpenKeyErrors(t *testing.T) {
	der := must(x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	for text, want := range map[string]string{
		"":      "PEM",
		"hello": "PEM",
		string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: der})):          "PEM",
		string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der[:10]})): "asn1",
		string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})):      "Ed25519",
	} {
		name := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKey(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q in it", text, err, want)
		}
	}
}

// The transport of the operating system, on loopback.
func TestTCP(t *testing.T) {
	var tcp Transport = TCP{}
	l := must(tcp.Listen("127.0.0.1:0"))
	defer l.Close()
	c := must(tcp.Dial(context.Background(), l.Addr().String()))
	s := must(l.Accept())
	client, server := run(c, options(), nil), run(s, options(), nil)
	if err := client.Send(have(5)); err != nil {
		t.Fatal(err)
	}
	<-server.got
	server.Close(bye)
	if err := <-server.done; err != ErrClosed {
		t.Errorf("Run returned %v", err)
	}
	if err := <-client.done; err != errBye {
		t.Errorf("Run of the client returned %v", err)
	}
	client.stop()
	server.stop()
}
