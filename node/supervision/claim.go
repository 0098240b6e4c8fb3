package supervision

import (
	"encoding/binary"
	"errors"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// errSize means that a value is none that was encoded.
var errSize = errors.New("supervision entry is damaged")

// claimState is what a claim waits for.
type claimState uint8

const (
	waiting  claimState = 1 + iota // for a record
	ordered                        // for the remedy that was ordered, until Deadline
	executed                       // for the holder, until Deadline: silence settles it
	over
)

// claim is what the index knows of a claim. Its records are in blocks, so the rules have
// allowed them: it is enough to follow what begins and ends the times.
type claim struct {
	Voucher   record.ID
	Ground    record.Ground
	State     claimState
	Executed  bool      // a remedy was given once
	Opened    uint32    // median time, as the others
	Agreed    uint32    // when the remedy was agreed on or ordered last
	Escalated uint32    // when it went to the supervisors last
	Deadline  uint64    // last second of the period of the state; 0: time changes nothing
	Order     record.ID // the last ruling that ordered a remedy
}

const claimSize = 32 + 3 + 3*4 + 8 + 32

func (c *claim) encode() []byte {
	b := append(make([]byte, 0, claimSize), c.Voucher[:]...)
	b = append(b, byte(c.Ground), byte(c.State), bit(c.Executed))
	for _, t := range []uint32{c.Opened, c.Agreed, c.Escalated} {
		b = binary.BigEndian.AppendUint32(b, t)
	}
	return append(binary.BigEndian.AppendUint64(b, c.Deadline), c.Order[:]...)
}

func decodeClaim(b []byte) (*claim, error) {
	if len(b) != claimSize {
		return nil, errSize
	}
	return &claim{
		Voucher: record.ID(b), Ground: record.Ground(b[32]), State: claimState(b[33]), Executed: b[34] != 0,
		Opened: binary.BigEndian.Uint32(b[35:]), Agreed: binary.BigEndian.Uint32(b[39:]), Escalated: binary.BigEndian.Uint32(b[43:]),
		Deadline: binary.BigEndian.Uint64(b[47:]), Order: record.ID(b[55:]),
	}, nil
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// after returns the last second of a period that begins at a time.
func after(time uint32, days uint16, a *network.AfterSales) uint64 {
	return uint64(time) + uint64(days)*uint64(a.Day)
}

// enter changes the state to one that time does not change.
func (c *claim) enter(s claimState) { c.State, c.Deadline = s, 0 }

// voucher is what the index knows of a voucher with a claim for goods that did not
// arrive, or for a recall. Others have no entry.
type voucher struct {
	Claim    record.ID // the last one for goods that did not arrive
	Reached  bool      // its holder claimed for a recall
	Remedied bool      // and a claim for a recall was settled
}

const voucherSize = 32 + 2

func (v *voucher) encode() []byte {
	return append(append(make([]byte, 0, voucherSize), v.Claim[:]...), bit(v.Reached), bit(v.Remedied))
}

func decodeVoucher(b []byte) (*voucher, error) {
	if len(b) != voucherSize {
		return nil, errSize
	}
	return &voucher{record.ID(b), b[32] != 0, b[33] != 0}, nil
}

// parcel is since when a carrier has the goods of a shipment. Shipments that no carrier
// has taken over have no entry.
type parcel struct {
	Held    uint32     // median time
	Carrier record.Key // the first key of its account; zero: the goods are delivered, or back
}

const parcelSize = 4 + 32

func (p *parcel) encode() []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, parcelSize), p.Held), p.Carrier[:]...)
}

func decodeParcel(b []byte) (*parcel, error) {
	if len(b) != parcelSize {
		return nil, errSize
	}
	return &parcel{binary.BigEndian.Uint32(b), record.Key(b[4:])}, nil
}
