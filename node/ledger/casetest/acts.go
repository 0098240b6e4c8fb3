package casetest

import (
	"encoding/binary"
	"strconv"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
)

// Price is what an item costs.
const Price = 100 * record.Coin

// Acts makes the payloads of records about one case after the other: about the
// voucher, the shipment and the claim that it names. A test sets the fields as
// the case goes on, and changes a payload where a detail matters.
type Acts struct {
	Clock  func() record.Time // the time that the next record claims
	Height func() uint32      // of the block that the next record goes into

	GTIN     record.GTIN
	Buyer    record.Key // of the next sale
	Carrier  record.Key // of the next shipment
	Servicer record.Key // whom a response names if the goods have to come back

	Pickup     record.Key // the pick-up key of shipments to the holder
	BackPickup record.Key // that of returns and replacements

	Serial   record.Serial // of the last sale
	Voucher  record.ID     // the last of each
	Shipment record.ID
	Claim    record.ID

	sales  int
	nonces uint64
}

// PickupHash returns what a shipment says about its pick-up key.
func PickupHash(k record.Key) record.Digest { return sha256.Sum256(k[:]) }

// Sale is the sale of another item, at a distance.
func (a *Acts) Sale() record.VoucherIssue {
	a.sales++
	a.Serial = record.Serial(strconv.Itoa(a.sales))
	return record.VoucherIssue{
		Time: a.Clock(), GTIN: a.GTIN, Serial: a.Serial, Buyer: a.Buyer, Price: Price, Quantity: 1,
		Distance: true, WarrantyDays: 365, Terms: record.Digest{7}, Burn: Price / 200, Stipend: record.Coin / 100,
	}
}

// Transfer gives the voucher to another holder.
func (a *Acts) Transfer(to record.Key) record.VoucherTransfer {
	return record.VoucherTransfer{Time: a.Clock(), Voucher: a.Voucher, To: to}
}

// Void undoes the sale.
func (a *Acts) Void(holder record.Key) record.VoucherVoid {
	return record.VoucherVoid{Time: a.Clock(), Voucher: a.Voucher, Holder: holder, Cause: record.VoidCancelled}
}

// Ship announces a shipment.
func (a *Acts) Ship(leg record.Leg) record.ShipmentCreate {
	p := record.ShipmentCreate{Time: a.Clock(), Voucher: a.Voucher, Leg: leg, Carrier: a.Carrier, PickupHash: PickupHash(a.Pickup)}
	if leg != record.Outbound {
		p.Claim, p.PickupHash = a.Claim, PickupHash(a.BackPickup)
	}
	return p
}

// HandOver passes the goods on.
func (a *Acts) HandOver(to record.Key) record.CustodyHandover {
	return record.CustodyHandover{Time: a.Clock(), Shipment: a.Shipment, To: to}
}

// Confirm delivers the goods, with a challenge of the tip.
func (a *Acts) Confirm(pickup record.Key) record.DeliveryConfirm {
	a.nonces++
	var nonce record.Nonce
	binary.BigEndian.PutUint64(nonce[:], a.nonces)
	return record.DeliveryConfirm{
		Time: a.Clock(), Shipment: a.Shipment, PickupKey: pickup, ChallengeHeight: a.Height() - 1, ChallengeNonce: nonce,
	}
}

// Damaged reports that the goods are damaged.
func (a *Acts) Damaged() record.DeliveryException {
	return record.DeliveryException{Time: a.Clock(), Shipment: a.Shipment, Kind: record.Damaged}
}

// Lost reports that the goods are lost.
func (a *Acts) Lost() record.DeliveryException {
	return record.DeliveryException{Time: a.Clock(), Shipment: a.Shipment, Kind: record.Lost}
}

// Attempt proves that the carrier tried to deliver.
func (a *Acts) Attempt() record.ProofOfAttempt {
	return record.ProofOfAttempt{Time: a.Clock(), Shipment: a.Shipment}
}

// RuleShipment decides what became of the goods.
func (a *Acts) RuleShipment(o record.Outcome) record.Ruling {
	return record.Ruling{Time: a.Clock(), Subject: record.OnShipment, ID: a.Shipment, Outcome: o}
}

// Open makes a claim, for the fault 5.
func (a *Acts) Open(ground record.Ground, remedy record.Remedy) record.ClaimOpen {
	return record.ClaimOpen{Time: a.Clock(), Voucher: a.Voucher, Ground: ground, FaultCode: 5, Remedy: remedy}
}

// Authorise agrees to a remedy, a refund of the price; back says whether the
// goods have to come back first.
func (a *Acts) Authorise(remedy record.Remedy, back bool) record.ClaimRespond {
	p := record.ClaimRespond{Time: a.Clock(), Claim: a.Claim, Action: record.Authorise, Remedy: remedy, ReturnNeeded: back}
	if remedy == record.Refund {
		p.Refund = Price
	}
	if back {
		p.Servicer = a.Servicer
	}
	return p
}

// Rejection rejects the claim.
func (a *Acts) Rejection() record.ClaimRespond {
	return record.ClaimRespond{Time: a.Clock(), Claim: a.Claim, Action: record.Reject, Cause: record.Misuse}
}

// Offer offers a remedy.
func (a *Acts) Offer(remedy record.Remedy) record.ClaimRespond {
	p := a.Authorise(remedy, false)
	p.Action = record.Offer
	return p
}

// Answer accepts or declines what was offered.
func (a *Acts) Answer(accept bool) record.ClaimAnswer {
	return record.ClaimAnswer{Time: a.Clock(), Claim: a.Claim, Accept: accept}
}

// Evidence adds evidence to the claim.
func (a *Acts) Evidence() record.EvidenceAdd {
	return record.EvidenceAdd{Time: a.Clock(), Claim: a.Claim}
}

// Inspection reports on goods that came back.
func (a *Acts) Inspection(f record.Finding) record.InspectionReport {
	return record.InspectionReport{Time: a.Clock(), Claim: a.Claim, Finding: f}
}

// Withdraw gives the claim up.
func (a *Acts) Withdraw() record.ClaimWithdraw {
	return record.ClaimWithdraw{Time: a.Clock(), Claim: a.Claim}
}

// Escalate takes the claim to the supervisors.
func (a *Acts) Escalate() record.ClaimEscalate {
	return record.ClaimEscalate{Time: a.Clock(), Claim: a.Claim}
}

// Order orders a remedy, to be given within five days.
func (a *Acts) Order(remedy record.Remedy, refund record.Amount) record.Ruling {
	return record.Ruling{
		Time: a.Clock(), Subject: record.OnClaim, ID: a.Claim, Outcome: record.Ordered, Remedy: remedy, Refund: refund, ExecuteDays: 5,
	}
}

// Dismissal dismisses the claim.
func (a *Acts) Dismissal() record.Ruling {
	return record.Ruling{Time: a.Clock(), Subject: record.OnClaim, ID: a.Claim, Outcome: record.Dismissed}
}

// RefundPay is the payment of a refund for the claim.
func (a *Acts) RefundPay(to record.Key, amount record.Amount) record.Pay {
	return record.Pay{To: to, Amount: amount, Reference: a.Claim}
}

// Repaired gives the remedy as a repair.
func (a *Acts) Repaired() record.SettleExecute {
	return record.SettleExecute{Time: a.Clock(), Claim: a.Claim, Remedy: record.Repair}
}

// Refunded gives the remedy as a refund, which was paid before.
func (a *Acts) Refunded(payment record.ID) record.SettleExecute {
	return record.SettleExecute{Time: a.Clock(), Claim: a.Claim, Remedy: record.Refund, Payment: payment}
}

// Replaced gives the remedy as a replacement, whose voucher was issued before.
func (a *Acts) Replaced(voucher record.ID) record.SettleExecute {
	return record.SettleExecute{Time: a.Clock(), Claim: a.Claim, Remedy: record.Replace, Replacement: voucher}
}

// Settle accepts or disputes the remedy that was given.
func (a *Acts) Settle(accept bool) record.SettleConfirm {
	return record.SettleConfirm{Time: a.Clock(), Claim: a.Claim, Accept: accept}
}

// CloseClaim closes the claim, on which nobody ruled.
func (a *Acts) CloseClaim() record.ClaimClose {
	return record.ClaimClose{Time: a.Clock(), Claim: a.Claim}
}

// Evaluation is what the first buyer thinks.
func (a *Acts) Evaluation() record.Evaluate {
	return record.Evaluate{Time: a.Clock(), Voucher: a.Voucher, Product: 5, Service: 4, Logistics: 3}
}

// Amendment is what the first buyer thinks after a claim.
func (a *Acts) Amendment() record.EvaluateAmend {
	return record.EvaluateAmend{Time: a.Clock(), Voucher: a.Voucher, Product: 1, Service: 1, Logistics: 1}
}

// Reply is the seller's answer to an evaluation.
func (a *Acts) Reply() record.SellerReply {
	return record.SellerReply{Time: a.Clock(), Voucher: a.Voucher}
}

// Reward claims the reward of an evaluation.
func (a *Acts) Reward() record.RewardClaim {
	return record.RewardClaim{Time: a.Clock(), Voucher: a.Voucher}
}

// Recall recalls one item, or the whole product if there is no serial number.
func (a *Acts) Recall(serial record.Serial) record.RecallNotice {
	return record.RecallNotice{Time: a.Clock(), GTIN: a.GTIN, Serial: serial}
}
