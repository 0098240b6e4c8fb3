package traffic

import (
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// maxKeys is the maximum number of keys of an account.
const maxKeys = 4096

// author is an account that the generator signs for.
type author struct {
	first   record.PrivateKey // names the account
	key     record.PrivateKey // signs for it now
	keys    int               // that it had before key
	rotates bool              // it gets other keys now and then

	resting bool   // until the next block
	asked   bool   // whether seq is known, within a batch
	seq     uint64 // of its next record
}

// laterKey returns key number n of an account; its first key is number 0.
func laterKey(first record.PrivateKey, n int) record.PrivateKey {
	if n == 0 {
		return first
	}
	text := fmt.Appendf(nil, "stele traffic key %d\x00", n)
	return record.KeyFromSeed(sha256.Sum256(append(text, first.Seed()...)))
}

// refresh finds the key that signs for the account now. It looks at later keys
// first; only after a reorganisation an earlier one can sign again.
func (a *author) refresh(v rules.View) error {
	account, err := rules.GetAccount(v, record.PublicOf(a.first))
	if err != nil {
		return err
	}
	for i := range maxKeys {
		n := (a.keys + i) % maxKeys
		key := laterKey(a.first, n)
		if record.PublicOf(key) == account.Key {
			a.key, a.keys = key, n
			return nil
		}
	}
	return fmt.Errorf("account %v has the key %v, which is none of the generator's", account.ID, account.Key)
}
