package corpus

import (
	"encoding/binary"

	"stele/node/ledger/record"
)

// What the parties do: payloads about the last voucher, shipment and claim.

func (w *play) shipment(leg record.Leg) record.ShipmentCreate {
	p := record.ShipmentCreate{Time: w.now(), Voucher: w.voucher, Leg: leg, Carrier: w.carrier, PickupHash: pickupHash(w.pickup)}
	if leg != record.Outbound {
		p.Claim, p.PickupHash = w.claim, pickupHash(w.backPickup)
	}
	return p
}

func (w *play) handover(to record.Key) record.CustodyHandover {
	return record.CustodyHandover{Time: w.now(), Shipment: w.ship, To: to}
}

func (w *play) confirm(key record.Key) record.DeliveryConfirm {
	w.nonces++
	var nonce record.Nonce
	binary.BigEndian.PutUint64(nonce[:], w.nonces)
	return record.DeliveryConfirm{Time: w.now(), Shipment: w.ship, PickupKey: key, ChallengeHeight: w.height() - 1, ChallengeNonce: nonce}
}

// send ships goods and hands them to the carrier.
func (w *play) send(from record.Key, leg record.Leg) {
	w.ship = w.do(from, w.shipment(leg))
	w.do(from, w.handover(w.carrier))
}

func (w *play) fail() record.DeliveryException {
	return record.DeliveryException{Time: w.now(), Shipment: w.ship, Kind: record.Damaged}
}

// lose reports goods lost.
func (w *play) lose() record.DeliveryException {
	return record.DeliveryException{Time: w.now(), Shipment: w.ship, Kind: record.Lost}
}

// deliver brings a new voucher to its buyer.
func (w *play) deliver() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.do(w.carrier, w.confirm(w.pickup))
}

func (w *play) open(ground record.Ground, remedy record.Remedy) record.ClaimOpen {
	return record.ClaimOpen{Time: w.now(), Voucher: w.voucher, Ground: ground, FaultCode: 5, Remedy: remedy}
}

// complain opens a claim on a voucher that was just delivered.
func (w *play) complain(remedy record.Remedy) {
	w.deliver()
	w.claim = w.do(w.buyer, w.open(record.Fault, remedy))
}

func (w *play) authorise(remedy record.Remedy, back bool) record.ClaimRespond {
	p := record.ClaimRespond{Time: w.now(), Claim: w.claim, Action: record.Authorise, Remedy: remedy, ReturnNeeded: back}
	if remedy == record.Refund {
		p.Refund = price
	}
	if back {
		p.Servicer = w.servicer
	}
	return p
}

func (w *play) rejection() record.ClaimRespond {
	return record.ClaimRespond{Time: w.now(), Claim: w.claim, Action: record.Reject, Cause: record.Misuse}
}

func (w *play) offer(remedy record.Remedy) record.ClaimRespond {
	p := w.authorise(remedy, false)
	p.Action = record.Offer
	return p
}

func (w *play) answer(accept bool) record.ClaimAnswer {
	return record.ClaimAnswer{Time: w.now(), Claim: w.claim, Accept: accept}
}

func (w *play) inspection(f record.Finding) record.InspectionReport {
	return record.InspectionReport{Time: w.now(), Claim: w.claim, Finding: f}
}

func (w *play) withdraw() record.ClaimWithdraw {
	return record.ClaimWithdraw{Time: w.now(), Claim: w.claim}
}

func (w *play) escalate() record.ClaimEscalate {
	return record.ClaimEscalate{Time: w.now(), Claim: w.claim}
}

func (w *play) evidence() record.EvidenceAdd {
	return record.EvidenceAdd{Time: w.now(), Claim: w.claim}
}

func (w *play) order(remedy record.Remedy, refund record.Amount) record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnClaim, ID: w.claim, Outcome: record.Ordered, Remedy: remedy, Refund: refund, ExecuteDays: 5}
}

func (w *play) dismissal() record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnClaim, ID: w.claim, Outcome: record.Dismissed}
}

func (w *play) ruleShipment(o record.Outcome) record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnShipment, ID: w.ship, Outcome: o}
}

func (w *play) attempt() record.ProofOfAttempt {
	return record.ProofOfAttempt{Time: w.now(), Shipment: w.ship}
}

func (w *play) repaired() record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Repair}
}

func (w *play) refunded(payment record.ID) record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Refund, Payment: payment}
}

func (w *play) replaced(voucher record.ID) record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Replace, Replacement: voucher}
}

func (w *play) settle(accept bool) record.SettleConfirm {
	return record.SettleConfirm{Time: w.now(), Claim: w.claim, Accept: accept}
}

func (w *play) end() record.ClaimClose { return record.ClaimClose{Time: w.now(), Claim: w.claim} }

// pay pays a refund for the play's claim.
func (w *play) pay(to record.Key, amount record.Amount) record.ID {
	return w.do(w.seller, record.Pay{To: to, Amount: amount, Reference: w.claim})
}

func (w *play) evaluation() record.Evaluate {
	return record.Evaluate{Time: w.now(), Voucher: w.voucher, Product: 5, Service: 4, Logistics: 3}
}

func (w *play) amendment() record.EvaluateAmend {
	return record.EvaluateAmend{Time: w.now(), Voucher: w.voucher, Product: 1, Service: 1, Logistics: 1}
}

func (w *play) reply() record.SellerReply {
	return record.SellerReply{Time: w.now(), Voucher: w.voucher}
}

func (w *play) reward() record.RewardClaim {
	return record.RewardClaim{Time: w.now(), Voucher: w.voucher}
}

func (w *play) transfer(to record.Key) record.VoucherTransfer {
	return record.VoucherTransfer{Time: w.now(), Voucher: w.voucher, To: to}
}

func (w *play) void(holder record.Key) record.VoucherVoid {
	return record.VoucherVoid{Time: w.now(), Voucher: w.voucher, Holder: holder, Cause: record.VoidCancelled}
}

func (w *play) recall(serial record.Serial) record.RecallNotice {
	return record.RecallNotice{Time: w.now(), GTIN: soldGTIN, Serial: serial}
}

// refundedClosed is a refund with a payment for a claim that is closed.
func (w *play) refundedClosed() record.SettleExecute {
	late := w.pay(w.buyer, price)
	w.complain(record.Refund)
	w.do(w.seller, w.authorise(record.Refund, false))
	return w.refunded(late)
}
