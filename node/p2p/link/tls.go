package link

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// ALPN is the protocol that both sides must name in the handshake (RFC 7301).
const ALPN = "stele/1"

// maxCertificate is the maximum length of a certificate in bytes.
const maxCertificate = 1024

// ErrIdentity means that the other side is not a node, or not the one expected.
var ErrIdentity = errors.New("invalid identity")

// Client does the handshake as the side that has dialed, and returns the secured
// connection and the identity of the peer. verify decides whether to accept the
// identity; nil accepts any. The context bounds the time of the handshake. After an
// error conn is closed.
//
// Errors: [ErrIdentity] for an identity that is invalid, the error of verify, and
// those of the connection.
func Client(ctx context.Context, conn net.Conn, key *Key, verify func(ID) error) (net.Conn, ID, error) {
	c, id := config(key, verify)
	return handshake(ctx, tls.Client(conn, c), id)
}

// Server does the handshake as the side that has accepted the connection. All else is
// as for [Client].
func Server(ctx context.Context, conn net.Conn, key *Key, verify func(ID) error) (net.Conn, ID, error) {
	c, id := config(key, verify)
	return handshake(ctx, tls.Server(conn, c), id)
}

// config returns the configuration for one handshake, which sets id.
func config(key *Key, verify func(ID) error) (c *tls.Config, id *ID) {
	id = new(ID)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{key.cert},
		NextProtos:             []string{ALPN},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		// There is no authority and no name: VerifyConnection checks all that counts.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			var err error
			if *id, err = identify(s); err != nil || verify == nil {
				return err
			}
			return verify(*id)
		},
	}, id
}

// identify returns the identity of the peer. That the peer has the private key, TLS
// has checked.
func identify(s tls.ConnectionState) (ID, error) {
	if s.NegotiatedProtocol != ALPN {
		return ID{}, fmt.Errorf("%w: protocol %q, must be %q", ErrIdentity, s.NegotiatedProtocol, ALPN)
	}
	if n := len(s.PeerCertificates); n != 1 {
		return ID{}, fmt.Errorf("%w: %d certificates, must be 1", ErrIdentity, n)
	}
	cert := s.PeerCertificates[0]
	if n := len(cert.Raw); n > maxCertificate {
		return ID{}, fmt.Errorf("%w: certificate of %d bytes, must be at most %d", ErrIdentity, n, maxCertificate)
	}
	public, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || cert.PublicKeyAlgorithm != x509.Ed25519 {
		return ID{}, fmt.Errorf("%w: key of type %s, must be Ed25519", ErrIdentity, cert.PublicKeyAlgorithm)
	}
	return sha256.Sum256(public), nil
}

func handshake(ctx context.Context, conn *tls.Conn, id *ID) (net.Conn, ID, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.NetConn().Close() // the handshake has failed
		return nil, ID{}, err
	}
	return conn, *id, nil
}
