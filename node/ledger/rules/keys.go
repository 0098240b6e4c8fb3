package rules

import "stele/node/ledger/record"

// CurrentKeys returns the keys that a payload names and that must still be the
// keys of their accounts: once one of them is rotated, the rules reject the
// record with [reject.KeyRotated]. The author's key, for which the same holds,
// is not among them.
func CurrentKeys(p record.Payload) []record.Key {
	switch p := p.(type) {
	case record.RoleGrant:
		return append([]record.Key{p.Key}, p.Approvers...)
	case record.RoleRevoke:
		return p.Approvers
	case record.VoucherIssue:
		return []record.Key{p.Buyer}
	case record.VoucherTransfer:
		return []record.Key{p.To}
	case record.VoucherVoid:
		return []record.Key{p.Holder}
	case record.ShipmentCreate:
		return []record.Key{p.Carrier}
	case record.CustodyHandover:
		return []record.Key{p.To}
	case record.SettleExecute:
		return p.CoSigners() // the holder, if it signs
	case record.InspectionReport:
		return p.CoSigners() // the seller, if it signs
	case record.ClaimRespond:
		if p.Servicer != (record.Key{}) {
			return []record.Key{p.Servicer}
		}
	}
	return nil
}
