package traffic

import (
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// memory is a Custody that forgets its oldest blobs. It knows who asks.
type memory struct {
	blobs   map[blobs.Hash][]byte
	order   []blobs.Hash // oldest first
	notices map[record.Key]recipient.Notice
}

const mostBlobs = 10_000

func newMemory() *memory {
	return &memory{blobs: map[blobs.Hash][]byte{}, notices: map[record.Key]recipient.Notice{}}
}

func (m *memory) Put(blob []byte) (blobs.Hash, error) {
	hash := blobs.Hash(sha256.Sum256(blob))
	if m.blobs[hash] == nil {
		m.order = append(m.order, hash)
	}
	m.blobs[hash] = blob
	if len(m.order) > mostBlobs {
		delete(m.blobs, m.order[0])
		m.order = m.order[1:]
	}
	return hash, nil
}

func (m *memory) Get(r *blobs.Request) ([]byte, error) {
	if blob := m.blobs[r.Blob]; blob != nil {
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
