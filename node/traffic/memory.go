package traffic

import (
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/internal/bounded"
	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// memory is a Custody that forgets its oldest blobs. It trusts whoever asks.
type memory struct {
	blobs   *bounded.Map[blobs.Hash, []byte]
	notices map[record.Key]recipient.Notice
}

const maxBlobs = 10_000

func newMemory() *memory {
	return &memory{blobs: bounded.NewMap[blobs.Hash, []byte](maxBlobs), notices: map[record.Key]recipient.Notice{}}
}

func (m *memory) Put(blob []byte) (blobs.Hash, error) {
	hash := blobs.Hash(sha256.Sum256(blob))
	m.blobs.Put(hash, blob)
	return hash, nil
}

func (m *memory) Get(r *blobs.Request) ([]byte, error) {
	if blob, ok := m.blobs.Get(r.Blob); ok {
		return blob, nil
	}
	return nil, blobs.ErrNotFound
}

func (m *memory) Publish(n recipient.Notice) error {
	m.notices[n.Carrier] = n
	return nil
}

func (m *memory) Notice(carrier record.Key) (recipient.Notice, error) {
	n, ok := m.notices[carrier]
	if !ok {
		return n, fmt.Errorf("no notice of the carrier %v", carrier)
	}
	return n, nil
}
