package recipient

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
)

// stele runs a command that must succeed, and returns what it printed.
func stele(t *testing.T, args ...string) string {
	t.Helper()
	out, code := steletest.Run(t, args...)
	if code != 0 {
		t.Fatalf("stele %q: exit code %d: %s", args, code, out)
	}
	return out
}

// fails runs a command that must fail, with a code and a text.
func fails(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	out, got := steletest.Run(t, args...)
	if got != code || !strings.Contains(out, want) {
		t.Errorf("stele %q: exit code %d, want %d with %q: %s", args, got, code, want, out)
	}
}

// newParties stores the keys of the parties of a story by their names.
func newParties(t *testing.T, dir string, s *chaintest.Story) {
	t.Helper()
	for name, faucet := range map[string]int{"shop": 1, "judge": 3, "post": s.FirstCarrier, "rail": s.SecondCarrier} {
		secret := sha256.Sum256(fmt.Appendf(nil, "stele dev faucet %d", faucet+1))
		file := filepath.Join(dir, "secret")
		if err := os.WriteFile(file, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
			t.Fatal(err)
		}
		stele(t, "key", "new", name, "--work-factor", "10", "--secret-file", file)
	}
	for _, name := range []string{"alice", "parcel"} {
		stele(t, "key", "new", name, "--work-factor", "10")
	}
}

// putBlob stores the sealed data of a story at the node.
func putBlob(t *testing.T, url string, blob []byte) {
	t.Helper()
	answer, err := http.Post(url+"/v1/blobs", octets, bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
}

// An address goes from the sender to a carrier and to the next one, and nobody else gets
// it. The commands beside it show the parcel, and reject what is wrong.
func TestAddress(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	s := nodetest.Parcel(t, data)
	n := nodetest.StartNode(t, data)
	url := n.Address()
	if url == "" {
		t.Fatalf("the node does not start:\n%s", n.Out)
	}
	n.Indexed(url, s.Tip.Height())
	t.Setenv("STELE_API", strings.TrimPrefix(url, "http://"))
	t.Setenv("STELE_KEYS", filepath.Join(dir, "keys"))
	t.Setenv("STELE_PASSPHRASE", "secret")
	newParties(t, dir, s)
	putBlob(t, url, s.SecondBlob)
	shipment := s.Shipment.String()

	if out := stele(t, "recipient", "fetch", shipment, "--key", "rail"); out != "somewhere\n" {
		t.Errorf("the carrier reads %q", out)
	}
	fails(t, 2, "names you as its carrier", "recipient", "fetch", shipment, "--key", "shop")
	checkSeal(t, dir, shipment)
	checkCase(t, shipment, s.Voucher.String())
	checkHalfSigned(t, dir)
	if err := n.End(syscall.SIGTERM); err != nil {
		t.Errorf("%v:\n%s", err, n.Out)
	}
	fails(t, 2, "no node answers at ", "inbox", "--key", "shop")
}

// checkCase shows the case in which the second carrier has the goods.
func checkCase(t *testing.T, shipment, voucher string) {
	t.Helper()
	if out := stele(t, "inbox"); !strings.HasPrefix(out, "shipment "+shipment+"  in-transit: rail has to act\n") || strings.Count(out, "has to act") != 1 {
		t.Errorf("all inboxes: %s", out)
	}
	if out := stele(t, "inbox", "--key", "judge"); out != "nothing waits\n" {
		t.Errorf("the supervisor's inbox: %s", out)
	}
	out := stele(t, "case", "shipment", shipment, "--all")
	for _, want := range []string{"\ncustodian    ", "(rail) may write now:\n", "  DELIVERY_CONFIRM, with pickup_key", "\nunder way    ended on 20", "\n  RULING lost: only a supervisor can do that (not-supervisor)\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the shipment: %s", want, out)
		}
	}
	fails(t, 2, "a record that waits for a block is not in the chain yet", "case", "claim", voucher)
	fails(t, 2, `unknown kind of case "item"`, "case", "item", voucher)
	fails(t, 2, `invalid ID "7" of a claim`, "case", "claim", "7")
	fails(t, 1, "rejected: CLAIM_OPEN ", "record", "new", "--type", "CLAIM_OPEN", "--key", "shop", "--submit",
		"--set", "voucher="+voucher, "--set", "ground=fault", "--set", "remedy=repair")
	fails(t, 2, "--network: the node at ", "record", "new", "--network", "main", "--key", "shop", "--to", "alice", "--amount", "1")
}

// checkSeal seals an address to a carrier and on to the next one.
func checkSeal(t *testing.T, dir, shipment string) {
	t.Helper()
	const address = "Alice\n5 Example\x1b[31m Road\n"
	file := filepath.Join(dir, "address")
	if err := os.WriteFile(file, []byte(address), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 2, "has published no key", "recipient", "seal", file, "--carrier", "post", "--pickup", "parcel")
	fails(t, 2, "not the key of a carrier", "recipient", "notice", "--key", "alice")
	stele(t, "recipient", "notice", "--key", "post")
	stele(t, "recipient", "notice", "--key", "rail")
	kept := filepath.Join(dir, "kept")
	out := stele(t, "recipient", "seal", file, "--carrier", "post", "--pickup", "parcel", "--secret", kept)
	var fields, next map[string]string
	if err := json.Unmarshal([]byte(out), &fields); err != nil || len(fields) != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	var secret secretFile
	text, err := os.ReadFile(kept)
	if err := json.Unmarshal(text, &secret); err != nil {
		t.Fatal(err)
	}
	if err != nil || secret.Data != address || secret.Commitment != fields["commitment"] {
		t.Errorf("%v, kept: %+v", err, secret)
	}
	fails(t, 2, "--shipment excludes FILE", "recipient", "seal", file, "--shipment", shipment, "--key", "rail", "--carrier", "post")
	out = stele(t, "recipient", "seal", "--shipment", shipment, "--key", "rail", "--carrier", "post")
	if err := json.Unmarshal([]byte(out), &next); err != nil || len(next) != 3 || next["shipment"] != shipment || next["blob_hash"] == "" {
		t.Fatalf("%v: %s", err, out)
	}
	checkOpen(t, dir, shipment, secret.Commitment)
}

// checkHalfSigned changes a sale that the shop has signed, before Alice signs it.
func checkHalfSigned(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "voucher.json")
	stele(t, "record", "new", "--type", "VOUCHER_ISSUE", "--key", "shop", "--set", "gtin="+chaintest.GTIN.String(), "--set", "serial=SN-2",
		"--set", "buyer=alice", "--set", "price=20", "--sign", "-o", file)
	fails(t, 1, "bad-signature: missing signatures: ", "record", "submit", file)
	defer func() {
		t.Helper()
		stele(t, "record", "sign", file, "--key", "alice")
		for range 2 { // again is harmless
			if out := stele(t, "record", "submit", file, "--json"); !strings.Contains(out, `"state":"pooled"`) {
				t.Errorf("submitted: %s", out)
			}
		}
	}()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := file + ".changed"
	for _, c := range []struct{ from, to, want string }{
		{`"price": "20"`, `"price": "21"`, "wrong-id: "},
		{`"id": "`, `"seq": 4, "id": "`, "appears twice"},
	} {
		if err := os.WriteFile(changed, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, 2, c.want, "record", "sign", changed, "--key", "alice")
	}
	var form map[string]any
	if err := json.Unmarshal(text, &form); err != nil {
		t.Fatal(err)
	}
	delete(form, "id")
	form["payload"].(map[string]any)["price"] = "21"
	other, err := json.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(changed, other, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 2, "the signature of the seller, ", "record", "sign", changed, "--key", "alice")
}

// checkOpen opens sealed data without the node. The commitment is to other data.
func checkOpen(t *testing.T, dir, shipment, commitment string) {
	t.Helper()
	var events struct {
		Items []struct{ Record *record.Record }
	}
	client, err := http.Get("http://" + os.Getenv("STELE_API") + "/v1/shipments/" + shipment + "/history")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Body.Close()
	if err := json.NewDecoder(client.Body).Decode(&events); err != nil || len(events.Items) == 0 {
		t.Fatalf("%v, %d events", err, len(events.Items))
	}
	right := hex.EncodeToString(asSlice(events.Items[0].Record.Payload.(record.ShipmentCreate).Commitment))
	blob := filepath.Join(dir, "blob")
	fails(t, 2, "--sealed requires -o", "recipient", "fetch", shipment, "--key", "rail", "--sealed")
	stele(t, "recipient", "fetch", shipment, "--key", "rail", "--sealed", "-o", blob)
	if out := stele(t, "recipient", "open", blob, "--key", "rail", "--commitment", right, "--json"); out != `{"data":"somewhere"}`+"\n" {
		t.Errorf("opened: %s", out)
	}
	fails(t, 2, "blob cannot be opened", "recipient", "open", blob, "--key", "post", "--commitment", right)
	fails(t, 2, "blob cannot be opened", "recipient", "open", blob, "--key", "rail", "--commitment", commitment)
	fails(t, 2, `--commitment: "7" is not 64 hex digits`, "recipient", "open", blob, "--key", "rail", "--commitment", "7")
}

func asSlice(d record.Digest) []byte { return d[:] }
