package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/internal/netguard"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func TestChain(t *testing.T) {
	s := serve(t)
	var health Health
	s.get("/v1/health", &health)
	if health.Status != "ok" || health.Height != 12 {
		t.Errorf("health %+v", health)
	}
	var tip Tip
	s.get("/v1/tip", &tip)
	if tip.Hash != s.tip.Hash().String() || tip.Height != 12 || !tip.InChain || tip.MinTime <= tip.MedianTime {
		t.Errorf("tip %+v", tip)
	}
	for _, b := range s.tip.Chain() {
		for _, id := range []string{fmt.Sprint(b.Height()), b.Hash().String()} {
			var h Header
			s.get("/v1/headers/"+id, &h)
			if h.Hash != b.Hash().String() || h.Height != b.Height() || h.Time != b.Header.Time || h.Nonce != b.Header.Nonce ||
				h.Prev != b.Header.Prev.String() || h.MerkleRoot != b.Header.MerkleRoot.String() || h.Bits != b.Header.Bits.String() {
				t.Errorf("header %+v of block %v", h, b)
			}
			var got Block
			s.get("/v1/blocks/"+id, &got)
			if got.Hash != h.Hash || got.Size != b.Size() || got.Count != len(b.Records) || len(got.Records) != got.Count ||
				got.Records[0] != b.Records[0].ID().String() {
				t.Errorf("block %+v of %v", got, b)
			}
		}
	}
	var part Block
	s.get("/v1/blocks/12?from=1&limit=2", &part)
	if len(part.Records) != 2 || part.Records[1] != s.tip.Records[2].ID().String() {
		t.Errorf("part %+v", part)
	}
	s.get("/v1/blocks/12?from=1000000", &part)
	if len(part.Records) != 0 {
		t.Errorf("part %+v", part)
	}
	var headers []Header
	s.get("/v1/headers?from=10&limit=9", &headers)
	if len(headers) != 3 || headers[2].Hash != s.tip.Hash().String() {
		t.Errorf("headers %+v", headers)
	}
	var state State
	s.get("/v1/state", &state)
	if state.Height != 12 || state.Supply == 0 || state.Digest != tip.Digest {
		t.Errorf("state %+v", state)
	}
}

// A block of a side branch can be read, and is marked as such.
func TestSideBranch(t *testing.T) {
	s := serve(t)
	side := s.builder.Extend(s.tip.Parent)
	s.submit(side)
	var h Header
	s.get("/v1/headers/"+side.Hash().String(), &h)
	if h.InChain || h.Height != 12 {
		t.Errorf("header %+v", h)
	}
}

// A record is sent in both forms, waits, and is confirmed by a block; its proof
// holds. Sending it again is no error at any time.
func TestRecord(t *testing.T) {
	s := serve(t)
	from, to := s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1)
	r := s.builder.Pay(s.tip, from, to, 5)
	id := r.ID().String()
	asJSON, err := json.Marshal(r)
	s.check(err)
	send := func(state string) {
		t.Helper()
		for contentType, body := range map[string][]byte{"application/octet-stream": r.Encode(), "application/json; charset=utf-8": asJSON} {
			answer, text := s.do("POST", "/v1/records", contentType, body)
			var sent Sent
			s.check(json.Unmarshal(text, &sent))
			if answer.StatusCode != http.StatusOK || sent != (Sent{id, state}) {
				t.Errorf("%d %s", answer.StatusCode, text)
			}
		}
	}
	s.rejected(http.StatusNotFound, "GET", "/v1/records/"+id, "", nil)
	send("pooled")
	var got Record
	s.get("/v1/records/"+id, &got)
	if got.State != "pooled" || got.Confirmations != 0 {
		t.Errorf("%+v", got)
	}
	var p Pool
	s.get("/v1/pool", &p)
	if p.Count != 1 || !slices.Equal(p.Records, []string{id}) || p.Bytes != int64(r.Size()) {
		t.Errorf("pool %+v", p)
	}
	var account Account
	s.get("/v1/accounts/"+from.String(), &account)
	if account.NextSeq != account.Seq+1 || account.Key != from {
		t.Errorf("account %+v", account)
	}
	s.rejected(http.StatusNotFound, "GET", "/v1/records/"+id+"/proof", "", nil)

	next := s.builder.Extend(s.tip, r)
	s.submit(next)
	s.submit(s.builder.Extend(next))
	send("confirmed")
	s.get("/v1/records/"+id, &got)
	if got.State != "confirmed" || got.Height != 13 || got.Index != 1 || got.Confirmations != 2 || got.Block != next.Hash().String() {
		t.Errorf("%+v", got)
	}
	if got.Record.Value.FullHash() != r.FullHash() {
		t.Errorf("record %+v", got.Record.Value)
	}
	var proof Proof
	s.get("/v1/records/"+id+"/proof", &proof)
	if err := proof.Proof.Check(r.ID()); err != nil || proof.Proof.Header != next.Header || proof.Height != 13 {
		t.Errorf("proof %+v: %v", proof, err)
	}
}

// A record that is sent again is confirmed if the index has it, though its block
// is pruned. A damaged store is not the sender's fault: the record is not
// rejected.
func TestSendAgainWithoutBody(t *testing.T) {
	s := serve(t)
	r := s.tip.Records[1]
	batch := s.store.NewBatch()
	batch.Prune(s.tip.Hash())
	s.check(batch.Commit())
	answer, text := s.do(http.MethodPost, "/v1/records", "application/octet-stream", r.Encode())
	var sent Sent
	s.check(json.Unmarshal(text, &sent))
	if answer.StatusCode >= 300 || sent.State != "confirmed" {
		t.Errorf("pruned: %d %s", answer.StatusCode, text)
	}

	batch = s.store.NewBatch()
	batch.PutBody(s.tip.Hash(), []byte("damaged"))
	s.check(batch.Commit())
	p := s.rejected(http.StatusServiceUnavailable, http.MethodPost, "/v1/records", "application/octet-stream", r.Encode())
	if p.Reason != "" {
		t.Errorf("damaged: %+v", p)
	}
}

// A record that breaks a rule is rejected with the rule's name.
func TestRejectedRecord(t *testing.T) {
	s := serve(t)
	from, to := s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1)
	good := s.builder.Pay(s.tip, from, to, 5)
	edit := func(change func(*record.Record)) []byte {
		frame := s.builder.Frame(s.tip, from)
		frame.Payload = good.Payload
		change(&frame)
		return s.builder.Sign(frame).Encode()
	}
	spare := record.PublicOf(record.KeyFromSeed([32]byte{1}))
	forged := slices.Clone(good.Encode())
	forged[len(forged)-1] ^= 1
	for reason, body := range map[reject.Reason][]byte{
		reject.BadSignature:      forged,
		reject.BadRecordEncoding: good.Encode()[:100],
		reject.WrongNetwork:      edit(func(r *record.Record) { r.Network++ }),
		reject.Expired:           edit(func(r *record.Record) { r.ValidUntil = 1 }),
		reject.SequenceGap:       edit(func(r *record.Record) { r.Seq += 7 }),
		reject.FeeRateTooLow:     edit(func(r *record.Record) { r.Fee = 0 }),
		reject.InsufficientFunds: edit(func(r *record.Record) { r.Payload = record.Pay{To: to, Amount: record.MaxAmount} }),
		reject.SelfPayment:       edit(func(r *record.Record) { r.Payload = record.Pay{To: from, Amount: 1} }),
		reject.SequenceUsed: edit(func(r *record.Record) {
			r.Key, r.Seq = spender(s), 0
			r.Payload = record.Pay{To: spare, Amount: 1}
		}),
	} {
		p := s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", "application/octet-stream", body)
		if p.Reason != reason || p.Detail == "" {
			t.Errorf("%+v, want the reason %s", p, reason)
		}
	}
	if n := s.pool.Stats().Records; n != 0 {
		t.Errorf("%d records in the pool", n)
	}
}

// Whoever has the node check many signatures for nothing has to wait.
func TestWastedSignatures(t *testing.T) {
	s := serve(t)
	s.api.wasted = netguard.NewRates(0, 10)
	good := s.builder.Pay(s.tip, s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1), 5).Encode()
	send := func(body []byte, status int, reason reject.Reason) {
		t.Helper()
		p := s.rejected(status, "POST", "/v1/records", "application/octet-stream", body)
		if p.Reason != reason {
			t.Errorf("%+v, want the reason %s", p, reason)
		}
	}
	for i := range 10 {
		forged := slices.Clone(good)
		forged[len(forged)-1] ^= byte(1 + i)
		send(forged, http.StatusUnprocessableEntity, reject.BadSignature)
	}
	send(good, http.StatusTooManyRequests, reject.OverBudget)
	s.api.wasted = netguard.NewRates(0, 10)
	if answer, body := s.do("POST", "/v1/records", "application/octet-stream", good); answer.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", answer.StatusCode, body)
	}
}

// Behind a trusted proxy each client has a budget of its own.
func TestWastedSignaturesBehindProxy(t *testing.T) {
	proxies, err := netguard.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(o *Options) { o.Proxies, o.Token = proxies, "secret" })
	s.api.wasted = netguard.NewRates(0, 1)
	good := s.builder.Pay(s.tip, s.builder.Funded(s.tip, 0), s.builder.Funded(s.tip, 1), 5).Encode()
	forged := slices.Clone(good)
	forged[len(forged)-1] ^= 1
	from := func(client string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("X-Forwarded-For", client)
			r.Header.Set("Authorization", "Bearer secret")
		}
	}
	s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", "application/octet-stream", forged, from("203.0.113.5"))
	s.rejected(http.StatusTooManyRequests, "POST", "/v1/records", "application/octet-stream", good, from("203.0.113.5"))
	if answer, body := s.do("POST", "/v1/records", "application/octet-stream", good, from("203.0.113.6")); answer.StatusCode != http.StatusOK {
		t.Errorf("another client: %d %s", answer.StatusCode, body)
	}
}

// spender returns a key that has signed a record already.
func spender(s *service) record.Key {
	for i := range 32 {
		key := s.builder.Funded(s.tip, i)
		if s.builder.Frame(s.tip, key).Seq > 0 {
			return key
		}
	}
	panic("nobody has signed anything")
}

// An account is found by each of its keys, and one that never was is empty.
func TestAccount(t *testing.T) {
	s := serve(t)
	var a Account
	s.get("/v1/accounts/"+record.PublicOf(chaintest.Roots()[0]).String(), &a)
	if !a.Root {
		t.Errorf("root %+v", a)
	}
	nobody := record.PublicOf(record.KeyFromSeed([32]byte{1}))
	s.get("/v1/accounts/"+nobody.String(), &a)
	if a.Balance != 0 || a.Key != nobody || a.NextSeq != 0 || a.Roles == nil {
		t.Errorf("nobody %+v", a)
	}
	supervisor := s.builder.Funded(s.tip, 0)
	tip := s.builder.Extend(s.tip, s.builder.Grant(s.tip, record.Seller, nobody))
	tip2 := s.builder.Extend(tip, s.builder.Grant(tip, record.Supervisor, supervisor))
	s.submit(tip)
	s.submit(tip2)
	s.get("/v1/accounts/"+nobody.String(), &a)
	if !slices.Equal(a.Roles, []string{"seller"}) || a.Suspended {
		t.Errorf("seller %+v", a)
	}
	suspend := s.builder.Frame(tip2, supervisor)
	suspend.Payload = record.SellerSuspend{Time: record.Time(tip2.Header.Time), Seller: nobody, Cause: record.OtherSuspendCause}
	s.submit(s.builder.Extend(tip2, s.builder.Sign(suspend)))
	s.get("/v1/accounts/"+nobody.String(), &a)
	if !a.Suspended || !slices.Equal(a.Roles, []string{"seller"}) {
		t.Errorf("suspended seller %+v", a)
	}
}

// The description names every resource, and says what a record may be sent as.
func TestOpenAPI(t *testing.T) {
	s := serve(t)
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			RequestBody struct{ Content map[string]any }
		}
	}
	s.get("/openapi.json", &spec)
	if !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", spec.OpenAPI)
	}
	for _, path := range []string{
		"/v1/health", "/v1/tip", "/v1/headers", "/v1/headers/{id}", "/v1/blocks/{id}", "/v1/records/{id}",
		"/v1/records/{id}/proof", "/v1/pool", "/v1/accounts/{key}", "/v1/state",
	} {
		if _, ok := spec.Paths[path]["get"]; !ok {
			t.Errorf("no GET %s", path)
		}
	}
	if content := spec.Paths["/v1/records"]["post"].RequestBody.Content; len(content) != 2 {
		t.Errorf("a record can be sent as %v", content)
	}
}

func TestNotFound(t *testing.T) {
	s := serve(t)
	some := strings.Repeat("ab", len(pow.Hash{}))
	for path, status := range map[string]int{
		"/":                                     http.StatusNotFound,
		"/docs":                                 http.StatusNotFound,
		"/schemas/Tip.json":                     http.StatusNotFound,
		"/v1/headers/13":                        http.StatusNotFound,
		"/v1/blocks/" + some:                    http.StatusNotFound,
		"/v1/records/" + some:                   http.StatusNotFound,
		"/v1/records/" + some + "/proof":        http.StatusNotFound,
		"/v1/blocks/4294967296":                 http.StatusUnprocessableEntity,
		"/v1/blocks/-1":                         http.StatusUnprocessableEntity,
		"/v1/blocks/" + strings.Repeat("x", 64): http.StatusUnprocessableEntity,
		"/v1/records/12":                        http.StatusUnprocessableEntity,
		"/v1/accounts/12":                       http.StatusUnprocessableEntity,
		"/v1/headers?limit=1001":                http.StatusUnprocessableEntity,
		"/v1/headers?limit=0":                   http.StatusUnprocessableEntity,
		"/v1/headers?from=-1":                   http.StatusUnprocessableEntity,
		"/v1/blocks/1?from=-1":                  http.StatusUnprocessableEntity,
		"/v1/pool?limit=1e9":                    http.StatusUnprocessableEntity,
		"/v1/pool?colour=red":                   http.StatusUnprocessableEntity,
	} {
		s.rejected(status, "GET", path, "", nil)
	}
	p := s.rejected(http.StatusMethodNotAllowed, "DELETE", "/v1/tip", "", nil)
	if p.Title != "Method Not Allowed" {
		t.Errorf("%+v", p)
	}
	if answer, _ := s.do("DELETE", "/v1/tip", "", nil); answer.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %q", answer.Header.Get("Allow"))
	}
}
