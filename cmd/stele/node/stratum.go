package node

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"stele/engine/pow"
	"stele/node"
)

// stratumOptions reads the flags of the Stratum server.
func stratumOptions(c *cli.Context, o *node.Options) error {
	o.Stratum = c.String("stratum")
	cert, key := c.String("stratum-cert"), c.String("stratum-key")
	if o.Stratum == "" {
		for _, name := range []string{"stratum-cert", "stratum-key", "stratum-difficulty"} {
			if c.String(name) != "" {
				return fmt.Errorf("--%s requires --stratum", name)
			}
		}
		return nil
	}
	if (cert == "") != (key == "") {
		return errors.New("--stratum-cert and --stratum-key require each other")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("--stratum-cert, --stratum-key: %w", err)
		}
		o.StratumTLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if text := c.String("stratum-difficulty"); text != "" {
		d, err := pow.ParseDifficulty(text)
		if err != nil {
			return fmt.Errorf("--stratum-difficulty: %w", err)
		}
		o.StratumDifficulty = d.Float64() // the server needs fewer digits
	}
	return nil
}

// fingerprint returns the SHA-256 of the certificate, which miners can pin.
func fingerprint(config *tls.Config) string {
	if config == nil {
		return "none (no TLS)"
	}
	sum := sha256.Sum256(config.Certificates[0].Certificate[0])
	return hex.EncodeToString(sum[:])
}
