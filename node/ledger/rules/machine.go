package rules

import (
	"fmt"
	"strings"

	"stele/node/ledger/fields"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// part is a set of parts that an account can play in a case.
type part uint16

const (
	seller part = 1 << iota
	maker
	holder
	buyer // the first one
	sender
	custodian
	servicer
	supervisor
)

var partNames = fields.Words{"seller", "maker", "holder", "first buyer", "sender", "custodian", "servicer", "supervisor"}

// String returns the names: "seller or maker".
func (p part) String() string {
	var names []string
	for i, name := range partNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "stranger"
	}
	return strings.Join(names, " or ")
}

// row is a transition of a machine with states of type S. State 0 means that there
// is nothing yet.
type row[S ~uint8] struct {
	From   S
	On     record.Type // 0 if time alone does it
	Choice string      // what the record says, where it has a choice
	By     part        // who may sign it as its author
	Period Period      // that must be over; 0: none
	To     S
	If     string // other conditions, in words for people
}

// machine is a table of transitions. What is not in the table is rejected.
type machine[S ~uint8] []row[S]

// rejection is the reason for a record that is not in a table: of a type, in a
// state, or by somebody who does not play the part.
type rejection[S ~uint8] struct {
	On     record.Type
	In     []S // nil: in every state
	Reason reject.Reason
}

// rulebook is a machine with the reasons for the records that it rejects.
type rulebook[S interface {
	~uint8
	fmt.Stringer
}] struct {
	name      string // of the thing that has the states
	table     machine[S]
	strangers []rejection[S] // else not-a-party
	states    []rejection[S] // else wrong-state
}

// next returns the transition for a record whose author plays the parts who. A
// stranger is rejected as such in every state.
func (b *rulebook[S]) next(from S, on record.Type, choice string, who part) (*row[S], error) {
	var may, here part
	for i := range b.table {
		r := &b.table[i]
		if r.On != on || r.Choice != "" && r.Choice != choice {
			continue
		}
		may |= r.By
		if r.From == from {
			if r.By&who != 0 {
				return r, nil
			}
			here |= r.By
		}
	}
	if here == 0 && may&who != 0 {
		return nil, reject.New(b.reason(b.states, on, from, reject.WrongState), "no %v%s while the %s is %v", on, said(choice), b.name, from)
	}
	if here != 0 {
		may = here
	}
	return nil, reject.New(b.reason(b.strangers, on, from, reject.NotAParty), "the author of this %v is %v of the case, not %v", on, who, may)
}

func said(choice string) string {
	if choice == "" {
		return ""
	}
	return " (" + choice + ")"
}

// reason returns the reason of the first rejection that fits.
func (b *rulebook[S]) reason(all []rejection[S], on record.Type, from S, otherwise reject.Reason) reject.Reason {
	for _, r := range all {
		if r.On != on {
			continue
		}
		if r.In == nil {
			return r.Reason
		}
		for _, s := range r.In {
			if s == from {
				return r.Reason
			}
		}
	}
	return otherwise
}
