package blobkeeper

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"stele/internal/atomicfile"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// ErrNoCarrier means that the key of a notice is not that of a carrier.
var ErrNoCarrier = errors.New("not the key of a carrier")

// ErrNoNotice means that the carrier has published no key at this node.
var ErrNoNotice = errors.New("the carrier has published no key for sealed data at this node")

// Publish stores a carrier's notice. Errors: [recipient.ErrNotice],
// [ErrNoCarrier], and those of the chain and the disk.
func (k *Keeper) Publish(n recipient.Notice) error {
	if _, err := n.PublicKey(); err != nil {
		return err
	}
	account, err := rules.GetAccount(k.o.Chain.View(), n.Carrier)
	switch {
	case err != nil:
		return err
	case account.Rotated(n.Carrier) || !account.Roles.Has(record.Carrier):
		return fmt.Errorf("%w: %v", ErrNoCarrier, record.Key(n.Carrier))
	}
	return k.notices.put(n)
}

// Notice returns the notice of a carrier's key. Errors: [ErrNoNotice].
func (k *Keeper) Notice(carrier record.Key) (recipient.Notice, error) { return k.notices.get(carrier) }

// notices is a folder with one file per carrier: key and signature. Only carriers
// can have one, so there are few.
type notices struct {
	dir string
	mu  sync.Mutex
}

const noticeSize = 32 + 64

func (n *notices) open() error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	return nil
}

func (n *notices) path(carrier record.Key) string {
	return filepath.Join(n.dir, hex.EncodeToString(carrier[:]))
}

func (n *notices) put(notice recipient.Notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	content := slices.Concat(notice.Key[:], notice.Signature[:])
	if err := atomicfile.WriteFile(n.path(notice.Carrier), content, 0o600); err != nil {
		return fmt.Errorf("store a notice: %w", err)
	}
	return nil
}

func (n *notices) get(carrier record.Key) (recipient.Notice, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	notice := recipient.Notice{Carrier: carrier}
	b, err := os.ReadFile(n.path(carrier))
	if errors.Is(err, fs.ErrNotExist) {
		return notice, ErrNoNotice
	}
	if err != nil {
		return notice, fmt.Errorf("read a notice: %w", err)
	}
	return decodeNotice(carrier, b)
}

// decodeNotice reads what put wrote.
func decodeNotice(carrier record.Key, b []byte) (recipient.Notice, error) {
	notice := recipient.Notice{Carrier: carrier}
	if len(b) == noticeSize {
		notice.Key, notice.Signature = [32]byte(b[:32]), [64]byte(b[32:])
	}
	if _, err := notice.PublicKey(); err != nil {
		return notice, fmt.Errorf("%w: its file is damaged", ErrNoNotice)
	}
	return notice, nil
}
