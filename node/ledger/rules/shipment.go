package rules

import (
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// ShipmentState is how far a shipment is on its way.
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

var shipmentStates = words{"none", "created", "in-transit", "attempted", "exception", "delivered", "returned", "lost"}

// String returns the word for it.
func (s ShipmentState) String() string { return shipmentStates.name(uint8(s)) }

// MarshalText returns String.
func (s ShipmentState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Shipment is where goods are. Its parties are named by the first keys of their
// accounts.
type Shipment struct {
	ID    record.ID
	State ShipmentState

	Voucher    record.ID
	Leg        record.Leg
	Claim      record.ID // zero if outbound
	Sender     record.Key
	Carrier    record.Key // that has the goods, had them last, or shall have them
	PickupHash record.Digest
	Kind       record.ExceptionKind // 0 if there was no exception
	Left       bool                 // a carrier took the goods from the sender
	Since      uint32               // median time of the last change of state or custody
	Held       uint32               // median time since when the custodian has the goods, or had them last
}

func (h *Shipment) layout(f *coder) {
	choice(f, &h.State, ShipmentLost)
	f.bad = f.bad || h.State == 0
	hash(f, &h.Voucher)
	choice(f, &h.Leg, record.Replacement)
	optional(f, &h.Claim, record.ID{})
	hash(f, &h.Sender)
	hash(f, &h.Carrier)
	hash(f, &h.PickupHash)
	choice(f, &h.Kind, record.Misdelivered)
	f.flags(&h.Left)
	f.uint32(&h.Since)
	f.uint32(&h.Held)
}

// Custodian returns who has the goods, or had them last.
func (h *Shipment) Custodian() record.Key {
	if !h.Left || h.State == ShipmentReturned {
		return h.Sender
	}
	return h.Carrier
}

// back reports whether the sender has the goods and is done with this shipment:
// it may send them again.
func (h *Shipment) back() bool {
	return h.State == ShipmentReturned || h.State == ShipmentException && !h.Left
}

// AttemptFrom returns until when the carrier has to try, before it can file a
// PROOF_OF_ATTEMPT; 0 if it is not under way.
func (h *Shipment) AttemptFrom(p *network.AfterSales) uint64 {
	if h.State != ShipmentInTransit {
		return 0
	}
	return after(h.Held, p.AttemptDays, p)
}

// LostFrom returns until when a shipment that does not change custody counts as
// on its way; an attempt to deliver it is no such change. After that its sender can report it lost, a supervisor can rule that it
// is, and the holder can make a claim. It is 0 if the shipment is not under way.
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
