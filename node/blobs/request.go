package blobs

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"stele/node/ledger/record"
)

// ErrRequest means that a request for a blob is rejected.
var ErrRequest = errors.New("request for a blob rejected")

// window is how far a request's time may be from the clock, both ways.
const window = 5 * time.Minute

// A Request asks for a blob. Its signature proves who asks; whether this party may
// have the blob follows from the ledger. A request is valid for five minutes
// around its time. Whoever intercepts one can only request the same sealed bytes
// again.
type Request struct {
	Blob      Hash
	Key       [32]byte // record key (Ed25519) of who asks
	Time      int64    // seconds since 1970
	Signature [64]byte
}

// NewRequest signs a request.
func NewRequest(key ed25519.PrivateKey, blob Hash, now time.Time) Request {
	r := Request{Blob: blob, Time: now.Unix()}
	copy(r.Key[:], key.Public().(ed25519.PublicKey))
	copy(r.Signature[:], ed25519.Sign(key, r.message()))
	return r
}

func (r *Request) message() []byte {
	b := append([]byte("stele/blobs/request/v1"), r.Blob[:]...)
	b = append(b, r.Key[:]...)
	return binary.LittleEndian.AppendUint64(b, uint64(r.Time))
}

// Check verifies time and signature. Errors: [ErrRequest].
func (r *Request) Check(now time.Time) error {
	if d := now.Sub(time.Unix(r.Time, 0)); d > window || d < -window {
		return fmt.Errorf("%w: its time differs by %v from the clock of the node: must be at most %v", ErrRequest, d.Round(time.Second), window)
	}
	if !record.Key(r.Key).Signed(r.message(), r.Signature) {
		return fmt.Errorf("%w: it is not signed by %x", ErrRequest, r.Key)
	}
	return nil
}
