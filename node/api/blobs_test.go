package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"stele/node/blobkeeper"
	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// withCustody gives the API views and a folder for sealed data.
func withCustody(t *testing.T) func(*Options) {
	return func(o *Options) {
		withViews(t)(o)
		k, err := blobkeeper.Open(t.TempDir(), blobkeeper.Options{Params: o.Params, Chain: o.Chain, Views: o.Views, Blobs: blobs.Options{MaxCount: 2}})
		if err != nil {
			t.Fatal(err)
		}
		o.Custody = k
	}
}

// ask puts a signed request for a blob into the headers.
func ask(key record.PrivateKey, h blobs.Hash, at time.Time) func(*http.Request) {
	q := blobs.NewRequest(key, h, at)
	return func(r *http.Request) {
		r.Header.Set("Stele-Key", record.Key(q.Key).String())
		r.Header.Set("Stele-Time", strconv.FormatInt(q.Time, 10))
		r.Header.Set("Stele-Signature", hex.EncodeToString(q.Signature[:]))
	}
}

// A carrier, and nobody else, publishes a key, and senders find it.
func TestNotice(t *testing.T) {
	s := serve(t, withCustody(t))
	carrier := s.builder.NewKey()
	key := record.PublicOf(carrier)
	n, err := recipient.NewNotice(carrier)
	s.check(err)
	body := func(n recipient.Notice) []byte {
		text, err := json.Marshal(map[string]string{"key": hex.EncodeToString(n.Key[:]), "signature": hex.EncodeToString(n.Signature[:])})
		s.check(err)
		return text
	}
	path := "/v1/carriers/" + key.String() + "/notice"
	s.rejected(http.StatusNotFound, http.MethodGet, path, "", nil)
	s.rejected(http.StatusForbidden, http.MethodPost, path, "application/json", body(n)) // not yet a carrier
	s.submit(s.builder.Extend(s.tip, s.builder.Grant(s.tip, record.Carrier, key)))
	forged := n
	forged.Key[0] ^= 1
	s.rejected(http.StatusForbidden, http.MethodPost, path, "application/json", body(forged))
	s.rejected(http.StatusUnprocessableEntity, http.MethodPost, path, "application/json", bytes.Replace(body(n), []byte(`"key":"`), []byte(`"key":"x`), 1))
	s.rejected(http.StatusNotFound, http.MethodGet, path, "", nil)

	if answer, text := s.do(http.MethodPost, path, "application/json", body(n)); answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	var got Notice
	s.get(path, &got)
	if got.Carrier != key || got.Key != hex.EncodeToString(n.Key[:]) || got.Signature != hex.EncodeToString(n.Signature[:]) {
		t.Errorf("%+v, want %+v", got, n)
	}
}

// What is left is bounded, and strangers get nothing, whether it is there or not.
func TestBlobsRefused(t *testing.T) {
	s := serve(t, withCustody(t))
	put := func(blob []byte) (res SentBlob) {
		answer, text := s.do(http.MethodPost, "/v1/blobs", octets, blob)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", answer.StatusCode, text)
		}
		s.check(json.Unmarshal(text, &res))
		return res
	}
	first := []byte("sealed")
	sent := put(first)
	if again := put(first); again != sent || sent.Hash != blobs.Hash(recipient.BlobHash(first)).String() {
		t.Errorf("%v, then %v", sent, again)
	}
	put([]byte("another"))
	s.rejected(http.StatusInsufficientStorage, http.MethodPost, "/v1/blobs", octets, []byte("a third one"))
	s.rejected(http.StatusRequestEntityTooLarge, http.MethodPost, "/v1/blobs", octets, make([]byte, 8<<10+1))
	s.rejected(http.StatusBadRequest, http.MethodPost, "/v1/blobs", octets, nil)
	s.rejected(http.StatusUnsupportedMediaType, http.MethodPost, "/v1/blobs", "text/plain", first)

	h := blobs.Hash(recipient.BlobHash(first))
	path := "/v1/blobs/" + sent.Hash
	stranger := s.builder.NewKey()
	now := time.Now()
	s.rejected(http.StatusUnprocessableEntity, http.MethodGet, path, "", nil)
	s.rejected(http.StatusForbidden, http.MethodGet, path, "", nil, ask(stranger, h, now))
	s.rejected(http.StatusForbidden, http.MethodGet, path, "", nil, ask(stranger, h, now.Add(-time.Hour)))
	s.rejected(http.StatusForbidden, http.MethodGet, path, "", nil, ask(stranger, blobs.Hash{1}, now))
	s.rejected(http.StatusForbidden, http.MethodGet, "/v1/blobs/"+blobs.Hash{1}.String(), "", nil, ask(stranger, blobs.Hash{1}, now))
	s.rejected(http.StatusUnprocessableEntity, http.MethodGet, path, "", nil, ask(stranger, h, now), func(r *http.Request) {
		r.Header.Set("Stele-Signature", string(bytes.Repeat([]byte("x"), 128)))
	})
}
