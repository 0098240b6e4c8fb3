package traffic

import (
	"encoding/hex"
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// parcel is what the sender and the recipient of a shipment know of it. All of
// it follows from the case.
type parcel struct {
	secret recipient.Secret
	pickup record.PrivateKey // that the recipient signs with
}

func (g *Generator) parcel(sc *saleCase, leg record.Leg, claim record.ID) parcel {
	name := fmt.Sprintf("parcel %s %d %x", sc.serial(), leg, claim)
	return parcel{
		secret: recipient.Secret{
			Salt: sha256.Sum256([]byte("salt " + hex.EncodeToString(g.players.secret(name).Seed()))),
			Data: fmt.Appendf(nil, "Recipient %d, %d Quay Street", sc.number, 1+roll(sc.name(), "house")%200),
		},
		pickup: g.players.secret(name),
	}
}

// dispatch sends sold goods, or undoes the sale.
func (g *Generator) dispatch(sc *saleCase, b chainView, v *rules.Voucher) (*draft, error) {
	if v.Shipment == (record.ID{}) && sc.again == 0 && chance(v.ID, "void", 4) {
		return g.void(v), nil
	}
	if v.Shipment != (record.ID{}) { // it went wrong
		h, err := rules.GetShipment(b, v.Shipment)
		if err != nil || h == nil {
			return nil, err
		}
		back := h.State == rules.ShipmentReturned || h.State == rules.ShipmentException && !h.Left
		if back && chance(h.ID, "again", 60) {
			return g.ship(sc, v, g.players.byKey[v.Seller], record.Outbound, record.ID{})
		}
		if v.Late(h, b.Context) && !v.ClaimClosed && (h.LostFrom(&b.Params.AfterSales) == 0 || chance(h.ID, "impatient", 60)) {
			return g.miss(v), nil
		}
		return nil, nil
	}
	if chance(v.ID, "never sent", 3) {
		if v.Late(nil, b.Context) && !v.ClaimClosed {
			return g.miss(v), nil
		}
		return nil, nil
	}
	return g.ship(sc, v, g.players.byKey[v.Seller], record.Outbound, record.ID{})
}

// miss claims that nothing arrives.
func (g *Generator) miss(v *rules.Voucher) *draft {
	return g.party(v.Holder, record.ClaimOpen{
		Time: g.now(), Voucher: v.ID, Ground: record.Delivery, Remedy: record.Refund, Description: digest("not delivered", v.ID),
	})
}

func (g *Generator) void(v *rules.Voucher) *draft {
	holder := g.players.byKey[v.Holder]
	if holder == nil {
		return nil
	}
	return g.party(v.Seller, record.VoucherVoid{
		Time: g.now(), Voucher: v.ID, Holder: record.PublicOf(holder.key),
		Cause: record.VoidCancelled + record.VoidCause(roll(v.ID, "cause")%3),
	}, holder.key)
}

// ship gives goods to a carrier, and seals the recipient's data to it.
func (g *Generator) ship(sc *saleCase, v *rules.Voucher, sender *author, leg record.Leg, claim record.ID) (*draft, error) {
	carriers := g.players.carriers
	carrier := carriers[g.random.IntN(len(carriers))]
	if sender == nil || !carrier.published {
		return nil, nil
	}
	x := g.parcel(sc, leg, claim)
	hash, err := g.seal(carrier, x.secret)
	if err != nil {
		return nil, err
	}
	d := g.by(sender, record.ShipmentCreate{
		Time: g.now(), Voucher: v.ID, Leg: leg, Claim: claim, Carrier: carrier.id(),
		Commitment: record.Digest(x.secret.Commitment()),
		PickupHash: recipient.PickupHash(record.PublicOf(x.pickup)),
		BlobHash:   hash,
	})
	d.sent = func(record.ID) { sc.blob = hash }
	return d, nil
}

// seal seals a recipient's data to a carrier and stores them. It returns their
// hash.
func (g *Generator) seal(carrier *player, s recipient.Secret) (record.Digest, error) {
	notice, err := g.o.Custody.Notice(carrier.id())
	if err != nil {
		return record.Digest{}, err
	}
	key, err := notice.PublicKey()
	if err != nil {
		return record.Digest{}, err
	}
	blob, err := g.o.Seal(key, s)
	if err != nil {
		return record.Digest{}, err
	}
	hash, err := g.o.Custody.Put(blob)
	if err != nil {
		g.o.Log.Debug("traffic: sealed data not stored", "err", err)
		hash = sha256.Sum256(blob)
	}
	return record.Digest(hash), nil
}

// carry moves goods that are on their way. It returns nil if they are not, or if
// their carrier waits.
func (g *Generator) carry(sc *saleCase, b chainView, v *rules.Voucher, h *rules.Shipment) (*draft, error) {
	custodian := g.players.byKey[h.Custodian()]
	if custodian == nil {
		return nil, nil
	}
	switch h.State {
	case rules.ShipmentCreated: // the carrier comes and takes the goods
		if chance(h.ID, "stays", 2) {
			return g.exception(custodian, h), nil
		}
		return g.handOver(sc, h, custodian, g.players.player(h.Carrier))
	case rules.ShipmentInTransit:
		switch {
		case chance(h.ID, "silent", 4):
			return g.wakeUp(sc, b, v, h, custodian), nil
		case chance(h.ID, "exception", 6):
			return g.exception(custodian, h), nil
		case chance(h.ID, "nobody", 3):
			if uint64(b.MedianTime) < h.AttemptFrom(&b.Params.AfterSales) {
				return nil, nil
			}
			return g.by(custodian, record.ProofOfAttempt{Time: g.now(), Shipment: h.ID, Evidence: digest("attempts", h.ID)}), nil
		case sc.once(h.ID, "second carrier", 30):
			sc.did(h.ID, "second carrier")
			return g.handOver(sc, h, custodian, g.otherCarrier(h.Carrier))
		}
		return g.hand(sc, b, h, custodian), nil
	case rules.ShipmentException:
		switch {
		case !h.Left:
		case h.Kind != record.Lost && chance(h.ID, "back", 70):
			return g.handBack(h, custodian), nil
		case h.Kind == record.Lost && chance(h.ID, "found", 40) && (h.Leg != record.Outbound || v.State == rules.VoucherIssued):
			return g.hand(sc, b, h, custodian), nil
		}
	case rules.ShipmentAttempted:
		if s := g.supervisor(h.ID); s != nil {
			outcome := record.RuledLost
			if chance(h.ID, "there", 40) {
				outcome = record.RuledDelivered
			}
			return g.by(s.author, record.Ruling{Time: g.now(), Subject: record.OnShipment, ID: h.ID, Outcome: outcome, Text: digest("ruling", h.ID)}), nil
		}
	}
	return nil, nil
}

// wakeUp ends the journey of goods whose carrier was silent for a long time: it
// delivers them at last, or their sender or a supervisor gives them up.
func (g *Generator) wakeUp(sc *saleCase, b chainView, v *rules.Voucher, h *rules.Shipment, carrier *author) *draft {
	if uint64(b.MedianTime) <= h.LostFrom(&b.Params.AfterSales) {
		return nil
	}
	switch n := roll(h.ID, "wake up") % 100; {
	case n < 30 && v.ClaimLive && v.State == rules.VoucherIssued:
		return g.hand(sc, b, h, carrier)
	case n >= 30 && n < 70:
		return g.party(h.Sender, record.DeliveryException{Time: g.now(), Shipment: h.ID, Kind: record.Lost, Evidence: digest("silence", h.ID)})
	case n >= 70 && n < 85:
		if s := g.supervisor(h.ID); s != nil {
			return g.by(s.author, record.Ruling{Time: g.now(), Subject: record.OnShipment, ID: h.ID, Outcome: record.RuledLost, Text: digest("ruling", h.ID)})
		}
	}
	return nil
}

// player returns the player with an account, or nil.
func (p *players) player(id record.Key) *player {
	for _, x := range p.all {
		if x.id() == id {
			return x
		}
	}
	return nil
}

func (g *Generator) otherCarrier(than record.Key) *player {
	all := g.players.carriers
	for first := g.random.IntN(len(all)); ; first++ {
		if x := all[first%len(all)]; x.id() != than {
			return x
		}
	}
}

// handOver passes goods to a carrier. A carrier that passes them on opens the
// sealed data and seals them again to the next one.
func (g *Generator) handOver(sc *saleCase, h *rules.Shipment, from *author, to *player) (d *draft, err error) {
	if to == nil || !to.published {
		return nil, nil
	}
	hash := g.blob(sc, h)
	if h.Left || hash == (record.Digest{}) {
		secret := g.parcel(sc, h.Leg, h.Claim).secret
		if h.Left {
			if secret, err = g.unseal(sc, h, from); err != nil {
				return nil, err
			}
		}
		if hash, err = g.seal(to, secret); err != nil {
			return nil, err
		}
	}
	d = g.by(from, record.CustodyHandover{Time: g.now(), Shipment: h.ID, To: to.id(), BlobHash: hash}, to.key)
	d.sent = func(record.ID) { sc.blob = hash }
	return d, nil
}

// blob returns the hash of the data that were sealed last for a shipment, or zero
// if it is not known. After a restart it comes from the shipment's record, unless
// the goods went on to a second carrier.
func (g *Generator) blob(sc *saleCase, h *rules.Shipment) record.Digest {
	if sc.blob == (record.Digest{}) {
		found, err := g.o.Chain.Find(h.ID)
		if err != nil {
			return sc.blob
		}
		if p := found.Record.Payload.(record.ShipmentCreate); p.Carrier == h.Carrier {
			sc.blob = p.BlobHash
		}
	}
	return sc.blob
}

// unseal returns the recipient's data as a carrier reads them. If the blob is
// gone, or is another parcel's, the sender passes them on again.
func (g *Generator) unseal(sc *saleCase, h *rules.Shipment, carrier *author) (recipient.Secret, error) {
	x := g.parcel(sc, h.Leg, h.Claim)
	key, err := recipient.DeriveKey(carrier.key)
	if err != nil {
		return recipient.Secret{}, err
	}
	request := blobs.NewRequest(carrier.key, blobs.Hash(g.blob(sc, h)), g.o.Now())
	blob, err := g.o.Custody.Get(&request)
	if err == nil {
		var secret recipient.Secret
		if secret, err = recipient.Open(key, x.secret.Commitment(), blob); err == nil {
			return secret, nil
		}
	}
	g.o.Log.Debug("traffic: carrier cannot read the recipient's data", "shipment", h.ID, "err", err)
	return x.secret, nil
}

// handBack gives goods back to their sender.
func (g *Generator) handBack(h *rules.Shipment, from *author) *draft {
	sender := g.players.byKey[h.Sender]
	if sender == nil {
		return nil
	}
	return g.by(from, record.CustodyHandover{Time: g.now(), Shipment: h.ID, To: h.Sender}, sender.key)
}

func (g *Generator) exception(custodian *author, h *rules.Shipment) *draft {
	return g.by(custodian, record.DeliveryException{
		Time: g.now(), Shipment: h.ID, Kind: record.Lost + record.ExceptionKind(roll(h.ID, "kind")%4), Evidence: digest("exception", h.ID),
	})
}

// hand gives the goods to their recipient, who signs the carrier's challenge.
func (g *Generator) hand(sc *saleCase, b chainView, h *rules.Shipment, custodian *author) *draft {
	x := g.parcel(sc, h.Leg, h.Claim)
	nonce := sha256.Sum256(fmt.Appendf(nil, "challenge %x %d", h.ID, b.Height))
	return g.by(custodian, record.DeliveryConfirm{
		Time: g.now(), Shipment: h.ID, PickupKey: record.PublicOf(x.pickup),
		ChallengeHeight: b.Height - 1, ChallengeNonce: record.Nonce(nonce[:16]),
	}, x.pickup)
}
