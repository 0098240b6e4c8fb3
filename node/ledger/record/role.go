package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// Role is what the holder of a key is to others. The zero value is none.
type Role uint8

// The roles.
const (
	Supervisor Role = 1 + iota
	Manufacturer
	Seller
	Carrier
	Servicer
)

var roleNames = [...]string{
	Supervisor:   "supervisor",
	Manufacturer: "manufacturer",
	Seller:       "seller",
	Carrier:      "carrier",
	Servicer:     "servicer",
}

// Roles returns all roles in the order of their numbers.
func Roles() []Role { return []Role{Supervisor, Manufacturer, Seller, Carrier, Servicer} }

func (r Role) known() bool { return r > 0 && int(r) < len(roleNames) }

// String returns the name: "seller". Others are "role-" and their number.
func (r Role) String() string {
	if !r.known() {
		return fmt.Sprintf("role-%d", uint8(r))
	}
	return roleNames[r]
}

// ParseRole reads a name such as "seller".
func ParseRole(name string) (Role, error) {
	if i := slices.Index(roleNames[:], name); i > 0 {
		return Role(i), nil
	}
	return 0, reject.New(reject.UnknownRole, "invalid role %.40q: must be one of %v", name, Roles())
}

// MarshalText returns String.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRole] reads.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}

// MaxApprovers is the maximum number of approvers of a record.
const MaxApprovers = 64

// RoleGrant gives a role to a key, if enough root keys sign: the approvers, and
// the author if it is a root key.
//
// Encoding: role u8 | key 32 | number of approvers u8 | approvers 32 each.
type RoleGrant struct {
	Role      Role  `json:"role"`
	Key       Key   `json:"key"`       // who gets the role
	Approvers []Key `json:"approvers"` // strictly ascending, each signs; without the author
}

// RoleRevoke takes a role from a key. Its encoding and who signs are those of
// [RoleGrant].
type RoleRevoke struct {
	Role      Role  `json:"role"`
	Key       Key   `json:"key"`       // who loses the role
	Approvers []Key `json:"approvers"` // strictly ascending, each signs; without the author
}

// Type returns [TypeRoleGrant].
func (RoleGrant) Type() Type { return TypeRoleGrant }

// Type returns [TypeRoleRevoke].
func (RoleRevoke) Type() Type { return TypeRoleRevoke }

// CoSigners returns the approvers.
func (p RoleGrant) CoSigners() []Key { return p.Approvers }

// CoSigners returns the approvers.
func (p RoleRevoke) CoSigners() []Key { return p.Approvers }

// Append appends the encoding.
func (p RoleGrant) Append(b []byte) []byte {
	b = append(b, byte(p.Role))
	b = append(b, p.Key[:]...)
	b = append(b, byte(len(p.Approvers)))
	for i := range p.Approvers {
		b = append(b, p.Approvers[i][:]...)
	}
	return b
}

// Append appends the encoding.
func (p RoleRevoke) Append(b []byte) []byte { return RoleGrant(p).Append(b) }

// Check checks the role and the set of approvers.
func (p RoleGrant) Check() error {
	if !p.Role.known() {
		return reject.New(reject.UnknownRole, "invalid role %d", uint8(p.Role))
	}
	if err := checkApproverCount(len(p.Approvers)); err != nil {
		return err
	}
	for i := 1; i < len(p.Approvers); i++ {
		if bytes.Compare(p.Approvers[i-1][:], p.Approvers[i][:]) >= 0 {
			return reject.New(reject.NotCanonical, "approver %d is not above the one before; keys must ascend", i+1)
		}
	}
	return nil
}

// Check checks the role and the set of approvers.
func (p RoleRevoke) Check() error { return RoleGrant(p).Check() }

// MarshalJSON returns the JSON form: no approvers are an empty list.
func (p RoleGrant) MarshalJSON() ([]byte, error) {
	type form RoleGrant
	if p.Approvers == nil {
		p.Approvers = []Key{}
	}
	return json.Marshal(form(p))
}

// MarshalJSON returns the JSON form: no approvers are an empty list.
func (p RoleRevoke) MarshalJSON() ([]byte, error) { return RoleGrant(p).MarshalJSON() }

func checkApproverCount(n int) error {
	if n > MaxApprovers {
		return reject.New(reject.TooManyApprovers, "%d approvers, must be at most %d", n, MaxApprovers)
	}
	return nil
}

func decodeRole(f *fields.Coder) RoleGrant {
	var p RoleGrant
	var count uint8
	fields.Choice(f, &p.Role)
	fields.Hash(f, &p.Key)
	f.Uint8(&count)
	if err := checkApproverCount(int(count)); err != nil {
		f.Fail(err)
	}
	if b := f.Take(int(count) * len(Key{})); count > 0 && b != nil {
		p.Approvers = make([]Key, count)
		for i := range p.Approvers {
			p.Approvers[i] = Key(b[i*len(Key{}):])
		}
	}
	if f.Err() == nil {
		if err := p.Check(); err != nil { // the form of a set: it has one encoding
			f.Fail(err)
		}
	}
	return p
}

func decodeRoleGrant(f *fields.Coder) Payload  { return decodeRole(f) }
func decodeRoleRevoke(f *fields.Coder) Payload { return RoleRevoke(decodeRole(f)) }
