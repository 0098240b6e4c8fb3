package rules

import (
	"encoding/binary"

	"stele/node/ledger/record"
)

// Account is what the state knows of a party. An account that never had anything
// is zero but for ID and Key.
type Account struct {
	ID      record.Key // its first key, which names it for ever
	Key     record.Key // the key that signs for it now
	Balance record.Amount
	Seq     uint64 // that its next record must have
	Roles   Roles
}

// Rotated reports whether a later key of the account has taken the place of k,
// which must be one of its keys.
func (a *Account) Rotated(k record.Key) bool { return a.Key != k }

// Sizes of the values under accountEntry.
const (
	aliasSize          = 32
	accountSize        = 8 + 8 + 1
	rotatedAccountSize = accountSize + 32
)

func accountKey(k *record.Key) [1 + 32]byte {
	key := [1 + 32]byte{accountEntry}
	copy(key[1:], k[:])
	return key
}

// GetAccount returns the account of which k is the key, or was once.
func GetAccount(v View, k record.Key) (Account, error) {
	key := accountKey(&k)
	value, err := get(v, key[:])
	if err != nil {
		return Account{}, err
	}
	if len(value) == aliasSize {
		k = record.Key(value)
		key = accountKey(&k)
		if value, err = get(v, key[:]); err != nil {
			return Account{}, err
		}
		if len(value) != rotatedAccountSize {
			return Account{}, errState(key[:], value)
		}
	}
	if value == nil {
		return Account{ID: k, Key: k}, nil
	}
	a, ok := decodeAccount(k, value)
	if !ok {
		return Account{}, errState(key[:], value)
	}
	return a, nil
}

// decodeAccount reads the value of the account with that ID. It rejects
// whatever putAccount does not write.
func decodeAccount(id record.Key, value []byte) (Account, bool) {
	a := Account{ID: id, Key: id}
	switch len(value) {
	case rotatedAccountSize:
		a.Key = record.Key(value[accountSize:])
		if a.Key == id {
			return Account{}, false
		}
	case accountSize:
	default:
		return Account{}, false
	}
	a.Balance = record.Amount(binary.LittleEndian.Uint64(value))
	a.Seq = binary.LittleEndian.Uint64(value[8:])
	a.Roles = Roles(value[16])
	return a, !a.zero()
}

// zero reports whether the account is empty: such an account has no entry.
func (a *Account) zero() bool {
	return a.Balance == 0 && a.Seq == 0 && a.Roles == 0 && a.Key == a.ID
}

// putAccount writes an account under its ID.
func putAccount(s *State, a *Account) error {
	key := accountKey(&a.ID)
	if a.zero() {
		return s.Delete(key[:])
	}
	var buf [rotatedAccountSize]byte
	value := binary.LittleEndian.AppendUint64(buf[:0], uint64(a.Balance))
	value = binary.LittleEndian.AppendUint64(value, a.Seq)
	value = append(value, byte(a.Roles))
	if a.Key != a.ID {
		value = append(value, a.Key[:]...)
	}
	return s.Put(key[:], value)
}

// putAlias makes k, which no account has had, a key of the account id.
func putAlias(s *State, k, id record.Key) error {
	key := accountKey(&k)
	return s.Put(key[:], id[:])
}
