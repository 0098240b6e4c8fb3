package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stele/cmd/stele/internal/nodetest"
	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// "stele mine" mines the chain of "stele node --stratum", over TLS with the
// fingerprint that the node logs, and is paid.
func TestMineNode(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	p := nodetest.StartNode(t, filepath.Join(dir, "node"), "--traffic", "50",
		"--stratum", "127.0.0.1:0", "--stratum-cert", cert, "--stratum-key", key, "--stratum-difficulty", "0.001")
	client := newNodeClient(p.Address())
	defer client.close()
	address, fingerprint, _ := strings.Cut(<-p.Pool, " fingerprint=")
	payee := record.PublicOf(network.DevFaucets()[11])
	out := new(nodetest.Buffer)
	miner := exec.Command("stele", "mine", "--url", "stratum+ssl://"+address, "--api", "none", "--fingerprint", fingerprint, "--user", payee.String()+".rig", "--threads", "1")
	miner.Stdout, miner.Stderr = out, out
	if err := miner.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = miner.Process.Kill() }) // if the test fails
	var m api.Miners
	for deadline := time.Now().Add(time.Minute); m.Blocks.Accepted < 20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v; the node:\n%s\nthe miner:\n%s", m, p.Out, out)
		}
		if err := client.call(t.Context(), "GET", "/v1/miners", nil, &m); err != nil {
			t.Fatal(err)
		}
	}
	if !m.TLS || m.Address != address || m.Connections != 1 || len(m.Miners) != 1 || m.Miners[0].User != payee.String()+".rig" ||
		!strings.HasPrefix(m.Miners[0].Agent, "stele/") || m.Miners[0].Shares.Accepted < 20 || m.Blocks.Refused != 0 ||
		m.Shares.LowDifficulty+m.Shares.Duplicate+m.Shares.Invalid+m.Shares.Unauthorized != 0 {
		t.Errorf("miners %+v", m)
	}
	var b api.Block
	var coinbase api.Record
	if err := client.call(t.Context(), "GET", "/v1/blocks/10", nil, &b); err != nil {
		t.Fatal(err)
	}
	err := client.call(t.Context(), "GET", "/v1/records/"+b.Records[0], nil, &coinbase)
	if err != nil || coinbase.Record.Value.Key != payee {
		t.Errorf("block 10 pays %+v, %v", coinbase, err)
	}
	if err := miner.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := miner.Wait(); err != nil {
		t.Errorf("the miner: %v\n%s", err, out)
	}
	if err := p.End(os.Interrupt); err != nil {
		t.Errorf("the node: %v\n%s", err, p.Out)
	}
	nodetest.CheckStore(t, filepath.Join(dir, "node"))
}

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"node"}, NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, about, about, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", private)
}
