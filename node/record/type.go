package record

import (
	"fmt"
	"slices"

	"stele/node/reject"
)

// Type tells what kind of payload a record has.
type Type uint8

// The types. A new one takes a file with its Payload and a line in types.
const (
	TypeCoinbase   Type = 1
	TypePay        Type = 2
	TypeRoleGrant  Type = 3
	TypeRoleRevoke Type = 4
	TypeKeyRotate  Type = 5
)

// types has every type. The index is its number.
var types = [...]typeInfo{
	TypeCoinbase:   {"COINBASE", decodeCoinbase, fromJSON[Coinbase]},
	TypePay:        {"PAY", decodePay, fromJSON[Pay]},
	TypeRoleGrant:  {"ROLE_GRANT", decodeRoleGrant, fromJSON[RoleGrant]},
	TypeRoleRevoke: {"ROLE_REVOKE", decodeRoleRevoke, fromJSON[RoleRevoke]},
	TypeKeyRotate:  {"KEY_ROTATE", decodeKeyRotate, fromJSON[KeyRotate]},
}

type typeInfo struct {
	name     string
	decode   func(*reader) Payload // reads all of the payload; the reader keeps the error
	fromJSON func([]byte) (Payload, error)
}

// payloadVersion is the version that all types have today.
const payloadVersion = 1

// Payload is what a record says. Payloads are values, and are not changed once
// they are in a record.
type Payload interface {
	// Type returns the type.
	Type() Type
	// Append appends the one encoding of the payload to b.
	Append(b []byte) []byte
	// CoSigners returns who has to sign beside the author, in the order of
	// their signatures.
	CoSigners() []Key
	// Check checks the rules that need nothing but the payload. Errors are
	// of package reject.
	Check() error
}

// frameChecker is a payload with rules about the frame around it.
type frameChecker interface {
	checkFrame(r *Record) error
}

// Types returns all types in the order of their numbers.
func Types() []Type {
	var all []Type
	for i, info := range types {
		if info.name != "" {
			all = append(all, Type(i))
		}
	}
	return all
}

// ParseType reads a name such as "PAY".
func ParseType(name string) (Type, error) {
	i := slices.IndexFunc(types[:], func(info typeInfo) bool { return info.name == name })
	if i < 0 || name == "" {
		return 0, reject.New(reject.UnknownType, "there is no record type %.40q", name)
	}
	return Type(i), nil
}

// String returns the name: "PAY". Unknown types are "TYPE_" and their number.
func (t Type) String() string {
	if info, ok := t.info(); ok {
		return info.name
	}
	return fmt.Sprintf("TYPE_%d", uint8(t))
}

func (t Type) info() (typeInfo, bool) {
	if int(t) >= len(types) || types[t].name == "" {
		return typeInfo{}, false
	}
	return types[t], true
}

// knownType refuses types and versions that have no rules here.
func knownType(t Type, version uint8) error {
	if _, ok := t.info(); !ok {
		return reject.New(reject.UnknownType, "record type %d is not known", uint8(t))
	}
	if version != payloadVersion {
		return reject.New(reject.UnknownVersion, "%v has version %d, known is %d", t, version, payloadVersion)
	}
	return nil
}
