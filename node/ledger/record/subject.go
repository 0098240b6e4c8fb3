package record

import "encoding/binary"

// ClaimedTime returns the time that an after-sales record claims for what it
// reports, and 0 for other records.
func (r *Record) ClaimedTime() Time {
	if r.Type() < TypeProductRegister {
		return 0
	}
	return Time(binary.LittleEndian.Uint32(r.Body()[frameSize:])) // the first field of all their payloads
}

// Subjects returns the IDs of the records that a payload is about directly. The
// reference of a PAY counts, if it has one.
func Subjects(p Payload) []ID {
	var all []ID
	for _, id := range subjects(p) {
		if id != (ID{}) {
			all = append(all, id)
		}
	}
	return all
}

func subjects(p Payload) []ID {
	switch p := p.(type) {
	case Pay:
		return []ID{p.Reference}
	case VoucherTransfer:
		return []ID{p.Voucher}
	case VoucherVoid:
		return []ID{p.Voucher}
	case ShipmentCreate:
		return []ID{p.Voucher, p.Claim}
	case CustodyHandover:
		return []ID{p.Shipment}
	case DeliveryConfirm:
		return []ID{p.Shipment}
	case DeliveryException:
		return []ID{p.Shipment}
	case ProofOfAttempt:
		return []ID{p.Shipment}
	case ClaimOpen:
		return []ID{p.Voucher}
	case ClaimRespond:
		return []ID{p.Claim}
	case ClaimAnswer:
		return []ID{p.Claim}
	case EvidenceAdd:
		return []ID{p.Claim}
	case InspectionReport:
		return []ID{p.Claim}
	case ClaimWithdraw:
		return []ID{p.Claim}
	case ClaimEscalate:
		return []ID{p.Claim}
	case Ruling:
		return []ID{p.ID}
	case SettleExecute:
		return []ID{p.Claim, p.Payment, p.Replacement}
	case SettleConfirm:
		return []ID{p.Claim}
	case ClaimClose:
		return []ID{p.Claim}
	case Evaluate:
		return []ID{p.Voucher}
	case EvaluateAmend:
		return []ID{p.Voucher}
	case SellerReply:
		return []ID{p.Voucher}
	case RewardClaim:
		return []ID{p.Voucher}
	case Correction:
		return []ID{p.Record}
	}
	return nil
}

// SignerParts returns the part that each signer of a payload plays, in the order of
// the signatures: "seller or maker".
func SignerParts(p Payload) []string {
	switch p := p.(type) {
	case Coinbase:
		return nil
	case Pay:
		return []string{"payer"}
	case RoleGrant, RoleRevoke:
		parts := []string{"author"}
		for range p.CoSigners() {
			parts = append(parts, "root")
		}
		return parts
	case KeyRotate:
		return []string{"old key", "new key"}
	case ProductRegister:
		return []string{"maker"}
	case VoucherIssue:
		return []string{"seller", "buyer"}
	case VoucherTransfer:
		return []string{"holder", "new holder"}
	case VoucherVoid:
		return []string{"seller", "holder"}
	case ShipmentCreate:
		return []string{"sender"}
	case CustodyHandover:
		return []string{"custodian", "next custodian"}
	case DeliveryConfirm:
		return []string{"custodian", "pick-up key"}
	case DeliveryException, ProofOfAttempt:
		return []string{"custodian"}
	case ClaimOpen, ClaimAnswer, ClaimWithdraw, ClaimEscalate, SettleConfirm:
		return []string{"holder"}
	case ClaimRespond:
		return []string{"seller or maker"}
	case SettleExecute:
		return []string{"seller or maker", "holder"}[:1+len(p.CoSigners())]
	case EvidenceAdd, ClaimClose:
		return []string{"party"}
	case InspectionReport:
		return []string{"inspector", "seller"}[:1+len(p.CoSigners())]
	case Ruling, SellerSuspend, SellerRestore:
		return []string{"supervisor"}
	case Evaluate, EvaluateAmend, RewardClaim:
		return []string{"first buyer"}
	case SellerReply:
		return []string{"seller"}
	case RecallNotice:
		return []string{"supervisor or maker"}
	}
	return []string{"author"}
}
