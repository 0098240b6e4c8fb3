package stratum_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/miner/stratum/stratumtest"
)

// Without a pin only what the system trusts is a pool, with one only that.
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
				t.Errorf("%v does not tell the fingerprint there is", err)
			}
		})
	}
}
