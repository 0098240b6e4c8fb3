package stratum

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"stele/engine/miner"
	"stele/internal/text"
)

// errPin is the kind of the error of a certificate that is not the pinned one.
var errPin = errors.New("the server's certificate is not the pinned one")

// dial opens a connection, with TLS if the address requires it.
func (c *Client) dial(ctx context.Context, at address) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := c.options.Dial(ctx, "tcp", at.String())
	if err != nil || !at.tls {
		return conn, err
	}
	secure := tls.Client(conn, c.tlsConfig(at.host))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		err = text.Error(err, text.Max) // it may quote the certificate
		if unknown, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(unknown.UnverifiedCertificates) > 0 {
			return nil, fmt.Errorf("%w: %w; to trust it anyway, set the fingerprint %s",
				miner.ErrFatal, err, fingerprint(unknown.UnverifiedCertificates[0]))
		} else if errors.Is(err, errPin) {
			return nil, fmt.Errorf("%w: %w", miner.ErrFatal, err)
		}
		if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || isClosedByPeer(err) {
			return nil, fmt.Errorf("TLS: %w; for a pool without TLS use stratum+tcp://", err)
		}
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}

// tlsConfig returns a configuration that trusts the pinned certificate, or what the
// system trusts.
func (c *Client) tlsConfig(host string) *tls.Config {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.pin == nil {
		return config
	}
	config.InsecureSkipVerify = true // instead: VerifyConnection, on every connection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if got := fingerprint(state.PeerCertificates[0]); got != hex.EncodeToString(c.pin) {
			return fmt.Errorf("%w: its SHA-256 is %s", errPin, got)
		}
		return nil
	}
	return config
}

// fingerprint returns the SHA-256 of a certificate (DER) in hex.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
