package rules

import (
	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// onItsWay returns a shipment, and reports whether its sender cannot send the goods
// again. The ID may be zero: then there is no shipment.
func onItsWay(v View, id record.ID) (*Shipment, bool, error) {
	if id == (record.ID{}) {
		return nil, false, nil
	}
	h, err := loadShipment(v, id)
	return h, err == nil && !h.back(), err
}

// createShipment announces a shipment: to the holder, back for a claim, or to the
// holder again.
func createShipment(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.ShipmentCreate)
	sent, err := stepShip(s, c, author, p)
	if err != nil {
		return err
	}
	if sent.claim == nil {
		err = sent.shipVoucher(s, r.ID())
	} else {
		err = sent.shipClaim(s, c, p.Leg, r.ID())
	}
	if err != nil {
		return err
	}
	carrier, err := liveAccount(s, p.Carrier, "carrier")
	if err != nil {
		return err
	}
	if err := requireRole(carrier, record.Carrier); err != nil {
		return err
	}
	return putShipment(s, &Shipment{
		ID: r.ID(), State: ShipmentCreated,
		Voucher: p.Voucher, Leg: p.Leg, Claim: p.Claim, Sender: author.ID, Carrier: carrier.ID, PickupHash: p.PickupHash,
		Since: c.MedianTime, Held: c.MedianTime,
	})
}

// shipStep is what a SHIPMENT_CREATE does: to a claim if there is one, else to a
// voucher.
type shipStep struct {
	voucher   *Voucher
	voucherTo VoucherState
	claim     *Claim
	claimTo   ClaimState
}

// stepShip returns what a shipment by an account does to a voucher or a claim.
func stepShip(s *State, c Context, author Account, p record.ShipmentCreate) (shipStep, error) {
	v, who, err := voucherFor(s, c, p.Voucher, author)
	if err != nil {
		return shipStep{}, err
	}
	if p.Leg == record.Outbound {
		return stepShipVoucher(s, c, v, who)
	}
	return stepShipClaim(s, c, p, who)
}

// stepShipVoucher is stepShip for what was sold. It is not too late for that when
// the holder claims that nothing arrives, as long as no remedy was given.
func stepShipVoucher(s *State, c Context, v *Voucher, who part) (shipStep, error) {
	row, err := voucherBook.next(v.State, record.TypeShipmentCreate, record.Outbound.String(), who)
	if err != nil {
		return shipStep{}, err
	}
	if v.ClaimLive {
		claim, _, err := loadClaim(s, c, v.Claim)
		if err != nil {
			return shipStep{}, err
		}
		if claim.Executed != 0 {
			return shipStep{}, claimLive(v)
		}
	}
	return shipStep{voucher: v, voucherTo: row.To}, freeToShip(s, v.Shipment)
}

// shipVoucher makes a shipment the last one of its voucher.
func (p shipStep) shipVoucher(s *State, shipment record.ID) error {
	v := p.voucher
	v.Resent = v.Shipment != record.ID{}
	v.State, v.Shipment = p.voucherTo, shipment
	return putVoucher(s, v)
}

// stepShipClaim is stepShip for goods that go back for a claim, or to the holder
// after a repair.
func stepShipClaim(s *State, c Context, p record.ShipmentCreate, who part) (shipStep, error) {
	claim, v, err := loadClaim(s, c, p.Claim)
	if err != nil {
		return shipStep{}, err
	}
	if claim.Voucher != p.Voucher {
		return shipStep{}, reject.New(reject.ClaimOfOtherVoucher, "the claim %v is on voucher %v, not %v", p.Claim, claim.Voucher, p.Voucher)
	}
	row, err := claimBook.next(claim.State, p.Type(), p.Leg.String(), who)
	if err != nil {
		return shipStep{}, err
	}
	last := claim.SendBack
	if p.Leg == record.Return {
		if !claim.ReturnNeeded {
			return shipStep{}, reject.New(reject.ReturnUnneeded, "the claim %v needs no return", p.Claim)
		}
		last = claim.Return
	} else if err := hasToGoBack(claim, v); err != nil {
		return shipStep{}, err
	}
	return shipStep{claim: claim, claimTo: row.To}, freeToShip(s, last)
}

// shipClaim makes a shipment the last one of its claim in that direction.
func (p shipStep) shipClaim(s *State, c Context, leg record.Leg, shipment record.ID) error {
	claim := p.claim
	if leg == record.Return {
		if claim.Return == (record.ID{}) {
			claim.SendFrom = c.MedianTime // only once: a shipment can be on paper
		}
		claim.Return = shipment
	} else {
		claim.SendBack = shipment
	}
	claim.enter(p.claimTo, c)
	return putClaim(s, claim)
}

// hasToGoBack rejects a shipment to the holder of goods that the seller does not
// have, or may keep.
func hasToGoBack(claim *Claim, v *Voucher) error {
	switch {
	case v.State == VoucherRefunded || v.State == VoucherReplaced:
		return reject.New(reject.WrongState, "the voucher %v is %v: the goods are not the holder's any more", v.ID, v.State)
	case claim.Received == 0 && claim.State != ClaimExecuted:
		return reject.New(reject.ReturnOutstanding, "the goods of claim %v did not come back", claim.ID)
	}
	return nil
}

// freeToShip rejects a shipment of goods that the sender does not have.
func freeToShip(v View, last record.ID) error {
	h, gone, err := onItsWay(v, last)
	if err == nil && gone {
		err = reject.New(reject.AlreadyShipped, "the goods are sent with %v, which is %v", last, h.State)
	}
	return err
}

// stepCustody returns a shipment, and what a record of a type by whoever has the
// goods, or by their sender, does to it.
func stepCustody(s *State, c Context, author Account, on record.Type, id record.ID, choice func(h *Shipment) string) (*Shipment, *row[ShipmentState], error) {
	h, err := loadShipment(s, id)
	if err != nil {
		return nil, nil, err
	}
	var who part
	if author.ID == h.Custodian() {
		who |= custodian
	}
	if author.ID == h.Sender {
		who |= sender
	}
	said := ""
	if choice != nil {
		said = choice(h)
	}
	row, err := shipmentBook.next(h.State, on, said, who)
	if err == nil {
		err = waitLongEnough(c, h, row)
	}
	return h, row, err
}

// waitLongEnough rejects a record that gives goods up that may still be on their
// way.
func waitLongEnough(c Context, h *Shipment, row *row[ShipmentState]) error {
	if row.Period != CarryPeriod {
		return nil
	}
	if from := h.LostFrom(&c.Params.AfterSales); uint64(c.MedianTime) <= from {
		return reject.New(reject.LostTooEarly, "the median time is %v, the goods count as on their way until %v", record.Time(c.MedianTime), record.Time(from))
	}
	return nil
}

// stepHandOver is stepCustody for goods that pass to another account.
func stepHandOver(s *State, c Context, author Account, id record.ID, to Account) (*Shipment, *row[ShipmentState], error) {
	return stepCustody(s, c, author, record.TypeCustodyHandover, id, func(h *Shipment) string {
		if h.State == ShipmentException && to.ID == h.Sender {
			return "back"
		}
		return "on"
	})
}

// receives rejects an account that cannot take over the goods of a shipment.
func receives(to Account, h *Shipment, row *row[ShipmentState]) error {
	switch {
	case row.To == ShipmentReturned:
		return nil
	case h.State == ShipmentCreated && to.ID != h.Carrier:
		return reject.New(reject.WrongCarrier, "the shipment %v names the carrier %v, not %v", h.ID, h.Carrier, to.Key)
	}
	return requireRole(to, record.Carrier)
}

// leaves rejects a return that has not left for a claim that is closed: the
// goods would be gone, and the claim with them.
func leaves(s *State, c Context, h *Shipment) error {
	if h.State != ShipmentCreated || h.Leg != record.Return {
		return nil
	}
	claim, _, err := loadClaim(s, c, h.Claim)
	if err == nil && claim.State.Closed() {
		err = reject.New(reject.WrongState, "the claim %v is %v: nothing has to come back", claim.ID, claim.State)
	}
	return err
}

// handOver passes goods to the next carrier, or back to the sender.
func handOver(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.CustodyHandover)
	to, err := liveAccount(s, p.To, "next custodian")
	if err != nil {
		return err
	}
	h, row, err := stepHandOver(s, c, author, p.Shipment, to)
	if err != nil {
		return err
	}
	if err := receives(to, h, row); err != nil {
		return err
	}
	if err := leaves(s, c, h); err != nil {
		return err
	}
	if row.To != ShipmentReturned {
		h.Carrier, h.Left = to.ID, true
	}
	h.State, h.Since, h.Held = row.To, c.MedianTime, c.MedianTime
	if err := putShipment(s, h); err != nil {
		return err
	}
	return returnMoved(s, c, h)
}

// returnMoved stops the holder's clock while goods that have to come back are on
// their way, or are lost, and starts it again when a carrier gives them back. In
// the meantime another clock runs, so that lost goods end the claim. If
// they never left, the clock goes on: else the holder could keep the claim open
// with shipments on paper.
func returnMoved(s *State, c Context, h *Shipment) error {
	if h.Leg != record.Return || !h.Left {
		return nil
	}
	claim, _, err := loadClaim(s, c, h.Claim)
	if err != nil || claim.State != ClaimAuthorised || claim.Return != h.ID {
		return err
	}
	claim.SendFrom, claim.Moved = 0, c.MedianTime
	if h.back() {
		claim.SendFrom, claim.Moved = c.MedianTime, 0
	}
	return putClaim(s, claim)
}

// stepConfirm is stepCustody for goods that arrive.
func stepConfirm(s *State, c Context, author Account, id record.ID) (*Shipment, *row[ShipmentState], error) {
	h, row, err := stepCustody(s, c, author, record.TypeDeliveryConfirm, id, nil)
	if err == nil && h.State == ShipmentException && (h.Kind != record.Lost || !h.Left) {
		err = reject.New(reject.WrongState, "the delivery of %v failed (%v); only goods that a carrier has and that were reported lost can still arrive", h.ID, h.Kind)
	}
	return h, row, err
}

// confirmDelivery gives the goods to whoever has the pick-up key.
func confirmDelivery(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.DeliveryConfirm)
	h, row, err := stepConfirm(s, c, author, p.Shipment)
	if err != nil {
		return err
	}
	if record.Digest(sha256.Sum256(p.PickupKey[:])) != h.PickupHash {
		return wrongPickup(s, h, p.PickupKey)
	}
	if err := useChallenge(s, c, p, author); err != nil {
		return err
	}
	return deliver(s, c, r, h, row)
}

// wrongPickup reports whether the pick-up key belongs to another shipment of the
// case.
func wrongPickup(s *State, h *Shipment, key record.Key) error {
	others, err := shipmentsOf(s, h.Voucher)
	if err != nil {
		return err
	}
	for _, other := range others {
		if record.Digest(sha256.Sum256(key[:])) == other.PickupHash {
			return reject.New(reject.WrongLeg, "the pick-up key is that of the shipment %v (%v), not of %v (%v)", other.ID, other.Leg, h.ID, h.Leg)
		}
	}
	return reject.New(reject.WrongPickupKey, "the SHA-256 of the pick-up key is not %x", h.PickupHash)
}

// shipmentsOf returns the last shipments of a voucher and its last claim.
func shipmentsOf(s *State, voucher record.ID) ([]*Shipment, error) {
	v := &Voucher{ID: voucher}
	if _, err := getEntry(s, idKey(voucherEntry, voucher), v); err != nil {
		return nil, err
	}
	claim := &Claim{ID: v.Claim}
	if _, err := getEntry(s, idKey(claimEntry, v.Claim), claim); err != nil {
		return nil, err
	}
	var all []*Shipment
	for _, id := range []record.ID{v.Shipment, claim.Return, claim.SendBack} {
		h, err := GetShipment(s, id)
		if err != nil {
			return nil, err
		}
		if h != nil {
			all = append(all, h)
		}
	}
	return all, nil
}

// useChallenge checks that a challenge is fresh, and remembers it for ever.
func useChallenge(s *State, c Context, p record.DeliveryConfirm, author Account) error {
	switch maxAge := c.Params.AfterSales.ChallengeBlocks; {
	case p.ChallengeHeight >= c.Height:
		return reject.New(reject.ChallengeTooNew, "the challenge is of height %d, but the block has height %d", p.ChallengeHeight, c.Height)
	case c.Height-p.ChallengeHeight > maxAge:
		return reject.New(reject.ChallengeTooOld, "the challenge is %d blocks old, must be at most %d", c.Height-p.ChallengeHeight, maxAge)
	}
	key := challengeKey(author.ID, p.ChallengeNonce)
	used, err := s.Get(key)
	if err == nil && used != nil {
		err = reject.New(reject.ChallengeUsed, "the carrier %v has used the challenge %x before", author.Key, p.ChallengeNonce)
	}
	if err != nil {
		return err
	}
	return s.Put(key, []byte{1})
}

// challengeKey is the key of a carrier's nonce: the first half of the SHA-256 of
// both. Only the carrier itself could search for a collision, and would gain a
// rejection.
func challengeKey(carrier record.Key, nonce record.Nonce) []byte {
	sum := sha256.Sum256(append(append(make([]byte, 0, 48), carrier[:]...), nonce[:]...))
	return append([]byte{challengeEntry}, sum[:16]...)
}

// arrival returns the choice that stands in the tables of vouchers and claims for
// the arrival of goods by a record of a type.
func arrival(on record.Type, leg record.Leg) string {
	if on == record.TypeRuling {
		return record.RuledDelivered.String() + " " + leg.String()
	}
	return leg.String()
}

// stepArrival returns what the arrival of its goods, by a record of a type, does to
// a voucher.
func stepArrival(s *State, c Context, on record.Type, h *Shipment) (*Voucher, *row[VoucherState], error) {
	v, err := loadVoucher(s, c, h.Voucher)
	if err != nil {
		return nil, nil, err
	}
	row, err := voucherBook.next(v.State, on, arrival(on, h.Leg), custodian|supervisor)
	return v, row, err
}

// deliver applies the arrival of goods: a voucher becomes active, or a claim goes
// on.
func deliver(s *State, c Context, r *record.Record, h *Shipment, row *row[ShipmentState]) error {
	h.State, h.Since = row.To, c.MedianTime
	if err := putShipment(s, h); err != nil {
		return err
	}
	switch h.Leg {
	case record.Outbound:
		v, to, err := stepArrival(s, c, r.Type(), h)
		if err != nil {
			return err
		}
		v.State, v.Delivered = to.To, c.MedianTime
		if !v.ClaimLive {
			return putVoucher(s, v)
		}
		claim, _, err := claimAt(s, c, v.Claim)
		if err != nil {
			return err
		}
		if to, err := claimBook.next(claim.State, r.Type(), arrival(r.Type(), h.Leg), custodian|supervisor); err == nil && claim.Executed == 0 {
			claim.enter(to.To, c)
			v.close(claim)
		}
		return putCase(s, v, claim)
	case record.Return:
		claim, _, err := loadClaim(s, c, h.Claim)
		if err != nil {
			return err
		}
		claim.Received = c.MedianTime
		if to, err := claimBook.next(claim.State, r.Type(), arrival(r.Type(), h.Leg), custodian|supervisor); err == nil {
			claim.enter(to.To, c)
		} // else it was escalated or closed, and stays so
		return putClaim(s, claim)
	}
	return nil
}

// stepException is stepCustody for goods that do not arrive.
func stepException(s *State, c Context, author Account, p record.DeliveryException) (*Shipment, *row[ShipmentState], error) {
	return stepCustody(s, c, author, p.Type(), p.Shipment, func(*Shipment) string { return p.Kind.String() })
}

// reportException says that a delivery failed.
func reportException(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.DeliveryException)
	h, row, err := stepException(s, c, author, p)
	if err != nil {
		return err
	}
	h.State, h.Since, h.Kind = row.To, c.MedianTime, p.Kind
	if err := putShipment(s, h); err != nil {
		return err
	}
	return returnMoved(s, c, h)
}

// stepAttempt is stepCustody for goods that the carrier could not hand over.
func stepAttempt(s *State, c Context, author Account, id record.ID) (*Shipment, *row[ShipmentState], error) {
	h, row, err := stepCustody(s, c, author, record.TypeProofOfAttempt, id, nil)
	if err != nil {
		return nil, nil, err
	}
	if from := h.AttemptFrom(&c.Params.AfterSales); uint64(c.MedianTime) <= from {
		err = reject.New(reject.AttemptTooEarly, "the median time is %v, an attempt is proved after %v", record.Time(c.MedianTime), record.Time(from))
	}
	return h, row, err
}

// proveAttempt says that the carrier found nobody for a long time.
func proveAttempt(s *State, c Context, r *record.Record, author Account) error {
	h, row, err := stepAttempt(s, c, author, r.Payload.(record.ProofOfAttempt).Shipment)
	if err != nil {
		return err
	}
	h.State, h.Since = row.To, c.MedianTime
	return putShipment(s, h)
}
