package rules

import (
	"stele/node/ledger/fields"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// ShipmentState is the state of a shipment.
type ShipmentState uint8

// The states of a shipment. The zero value is none.
const (
	ShipmentCreated   ShipmentState = 1 + iota // the sender still has the goods
	ShipmentInTransit                          // a carrier has them
	ShipmentAttempted                          // the carrier found nobody; a supervisor decides
	ShipmentException                          // lost, damaged, refused or misdelivered
	ShipmentDelivered
	ShipmentReturned // back at the sender
	ShipmentLost     // a supervisor said so
)

var shipmentStates = fields.Words{"created", "in-transit", "attempted", "exception", "delivered", "returned", "lost"}

// String returns the word for it.
func (s ShipmentState) String() string { return shipmentStates.Name(uint8(s)) }

// MarshalText returns String.
func (s ShipmentState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Shipment says where goods are. Its parties are named by the first keys of their
// accounts. Times are median times past of blocks, in seconds since 1970.
type Shipment struct {
	ID    record.ID
	State ShipmentState

	Voucher    record.ID
	Leg        record.Leg
	Claim      record.ID // zero if outbound
	Sender     record.Key
	Carrier    record.Key // that has the goods, had them last, or will take them over
	PickupHash record.Digest
	Kind       record.ExceptionKind // 0 if there was no exception
	Left       bool                 // a carrier took the goods from the sender
	Since      uint32               // median time of the last change of state or custody
	Held       uint32               // median time since when the custodian has the goods, or had them last
}

func (h *Shipment) layout(f *fields.Coder) {
	fields.ChoiceUpTo(f, &h.State, ShipmentLost)
	f.Require(h.State != 0)
	fields.Hash(f, &h.Voucher)
	fields.ChoiceUpTo(f, &h.Leg, record.Replacement)
	fields.Optional(f, &h.Claim, record.ID{})
	fields.Hash(f, &h.Sender)
	fields.Hash(f, &h.Carrier)
	fields.Hash(f, &h.PickupHash)
	fields.ChoiceUpTo(f, &h.Kind, record.Misdelivered)
	f.Flags(&h.Left)
	f.Uint32(&h.Since)
	f.Uint32(&h.Held)
}

// Custodian returns who has the goods, or had them last.
func (h *Shipment) Custodian() record.Key {
	if !h.Left || h.State == ShipmentReturned {
		return h.Sender
	}
	return h.Carrier
}

// back reports whether the sender has the goods, and may send them again with
// another shipment.
func (h *Shipment) back() bool {
	return h.State == ShipmentReturned || h.State == ShipmentException && !h.Left
}

// AttemptFrom returns the last second in which the carrier has to try to deliver;
// after that it can file a PROOF_OF_ATTEMPT. It is 0 if the shipment is not in
// transit.
func (h *Shipment) AttemptFrom(p *network.AfterSales) uint64 {
	if h.State != ShipmentInTransit {
		return 0
	}
	return after(h.Held, p.AttemptDays, p)
}

// LostFrom returns the last second in which a shipment that does not change custody
// counts as on its way; an attempt to deliver it is no such change. After that, its sender
// can report it lost, a supervisor can rule that it is, and the holder can make a
// claim. It is 0 if the shipment is not under way.
func (h *Shipment) LostFrom(p *network.AfterSales) uint64 {
	switch h.State {
	case ShipmentCreated, ShipmentInTransit, ShipmentAttempted:
		return after(h.Held, p.CarryDays, p)
	}
	return 0
}

// GetShipment returns a shipment, or nil if there is none with this id.
func GetShipment(v View, id record.ID) (*Shipment, error) {
	h := &Shipment{ID: id}
	if ok, err := getEntry(v, idKey(shipmentEntry, id), h); !ok {
		return nil, err
	}
	return h, nil
}

func putShipment(s *State, h *Shipment) error { return putEntry(s, idKey(shipmentEntry, h.ID), h) }
