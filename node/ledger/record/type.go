package record

import (
	"fmt"
	"slices"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// Type is the kind of payload that a record has.
type Type uint8

// The types. A new one takes a file with its Payload and a line in types.
const (
	TypeCoinbase   Type = 1
	TypePay        Type = 2
	TypeRoleGrant  Type = 3
	TypeRoleRevoke Type = 4
	TypeKeyRotate  Type = 5

	TypeProductRegister   Type = 10
	TypeVoucherIssue      Type = 20
	TypeVoucherTransfer   Type = 21
	TypeVoucherVoid       Type = 22
	TypeShipmentCreate    Type = 30
	TypeCustodyHandover   Type = 31
	TypeDeliveryConfirm   Type = 32
	TypeDeliveryException Type = 33
	TypeProofOfAttempt    Type = 34
	TypeClaimOpen         Type = 40
	TypeClaimRespond      Type = 41
	TypeClaimAnswer       Type = 42
	TypeEvidenceAdd       Type = 43
	TypeInspectionReport  Type = 44
	TypeClaimWithdraw     Type = 45
	TypeClaimEscalate     Type = 46
	TypeRuling            Type = 47
	TypeSettleExecute     Type = 48
	TypeSettleConfirm     Type = 49
	TypeClaimClose        Type = 50
	TypeEvaluate          Type = 60
	TypeEvaluateAmend     Type = 61
	TypeSellerReply       Type = 62
	TypeRewardClaim       Type = 63
	TypeRecallNotice      Type = 70
	TypeSellerSuspend     Type = 71
	TypeSellerRestore     Type = 72
	TypeCorrection        Type = 73
)

// types has every type. The index is its number.
var types = [...]typeInfo{
	TypeCoinbase:   {"COINBASE", decodeCoinbase, fromJSON[Coinbase]},
	TypePay:        {"PAY", decodePay, fromJSON[Pay]},
	TypeRoleGrant:  {"ROLE_GRANT", decodeRoleGrant, fromJSON[RoleGrant]},
	TypeRoleRevoke: {"ROLE_REVOKE", decodeRoleRevoke, fromJSON[RoleRevoke]},
	TypeKeyRotate:  {"KEY_ROTATE", decodeKeyRotate, fromJSON[KeyRotate]},

	TypeProductRegister:   {"PRODUCT_REGISTER", decodeLayout[ProductRegister], fromJSON[ProductRegister]},
	TypeVoucherIssue:      {"VOUCHER_ISSUE", decodeLayout[VoucherIssue], fromJSON[VoucherIssue]},
	TypeVoucherTransfer:   {"VOUCHER_TRANSFER", decodeLayout[VoucherTransfer], fromJSON[VoucherTransfer]},
	TypeVoucherVoid:       {"VOUCHER_VOID", decodeLayout[VoucherVoid], fromJSON[VoucherVoid]},
	TypeShipmentCreate:    {"SHIPMENT_CREATE", decodeLayout[ShipmentCreate], fromJSON[ShipmentCreate]},
	TypeCustodyHandover:   {"CUSTODY_HANDOVER", decodeLayout[CustodyHandover], fromJSON[CustodyHandover]},
	TypeDeliveryConfirm:   {"DELIVERY_CONFIRM", decodeLayout[DeliveryConfirm], fromJSON[DeliveryConfirm]},
	TypeDeliveryException: {"DELIVERY_EXCEPTION", decodeLayout[DeliveryException], fromJSON[DeliveryException]},
	TypeProofOfAttempt:    {"PROOF_OF_ATTEMPT", decodeLayout[ProofOfAttempt], fromJSON[ProofOfAttempt]},
	TypeClaimOpen:         {"CLAIM_OPEN", decodeLayout[ClaimOpen], fromJSON[ClaimOpen]},
	TypeClaimRespond:      {"CLAIM_RESPOND", decodeLayout[ClaimRespond], fromJSON[ClaimRespond]},
	TypeClaimAnswer:       {"CLAIM_ANSWER", decodeLayout[ClaimAnswer], fromJSON[ClaimAnswer]},
	TypeEvidenceAdd:       {"EVIDENCE_ADD", decodeLayout[EvidenceAdd], fromJSON[EvidenceAdd]},
	TypeInspectionReport:  {"INSPECTION_REPORT", decodeLayout[InspectionReport], fromJSON[InspectionReport]},
	TypeClaimWithdraw:     {"CLAIM_WITHDRAW", decodeLayout[ClaimWithdraw], fromJSON[ClaimWithdraw]},
	TypeClaimEscalate:     {"CLAIM_ESCALATE", decodeLayout[ClaimEscalate], fromJSON[ClaimEscalate]},
	TypeRuling:            {"RULING", decodeLayout[Ruling], fromJSON[Ruling]},
	TypeSettleExecute:     {"SETTLE_EXECUTE", decodeLayout[SettleExecute], fromJSON[SettleExecute]},
	TypeSettleConfirm:     {"SETTLE_CONFIRM", decodeLayout[SettleConfirm], fromJSON[SettleConfirm]},
	TypeClaimClose:        {"CLAIM_CLOSE", decodeLayout[ClaimClose], fromJSON[ClaimClose]},
	TypeEvaluate:          {"EVALUATE", decodeLayout[Evaluate], fromJSON[Evaluate]},
	TypeEvaluateAmend:     {"EVALUATE_AMEND", decodeLayout[EvaluateAmend], fromJSON[EvaluateAmend]},
	TypeSellerReply:       {"SELLER_REPLY", decodeLayout[SellerReply], fromJSON[SellerReply]},
	TypeRewardClaim:       {"REWARD_CLAIM", decodeLayout[RewardClaim], fromJSON[RewardClaim]},
	TypeRecallNotice:      {"RECALL_NOTICE", decodeLayout[RecallNotice], fromJSON[RecallNotice]},
	TypeSellerSuspend:     {"SELLER_SUSPEND", decodeLayout[SellerSuspend], fromJSON[SellerSuspend]},
	TypeSellerRestore:     {"SELLER_RESTORE", decodeLayout[SellerRestore], fromJSON[SellerRestore]},
	TypeCorrection:        {"CORRECTION", decodeLayout[Correction], fromJSON[Correction]},
}

type typeInfo struct {
	name     string
	decode   func(*fields.Coder) Payload // reads all of the payload; the coder keeps the error
	fromJSON func([]byte) (Payload, error)
}

// Payload is what a record says. Payloads are values, and are not changed once
// they are in a record.
type Payload interface {
	// Type returns the type.
	Type() Type
	// Append appends the one encoding of the payload to b.
	Append(b []byte) []byte
	// CoSigners returns who has to sign beside the author, in the order of
	// their signatures.
	CoSigners() []Key
	// Check checks the rules that need nothing but the payload. Errors are
	// of package reject.
	Check() error
}

// frameChecker is a payload with rules about the frame around it.
type frameChecker interface {
	checkFrame(r *Record) error
}

// Types returns all types in the order of their numbers.
func Types() []Type {
	var all []Type
	for i, info := range types {
		if info.name != "" {
			all = append(all, Type(i))
		}
	}
	return all
}

// ParseType reads a name such as "PAY".
func ParseType(name string) (Type, error) {
	i := slices.IndexFunc(types[:], func(info typeInfo) bool { return info.name == name })
	if i < 0 || name == "" {
		return 0, reject.New(reject.UnknownType, "unknown record type %.40q", name)
	}
	return Type(i), nil
}

// String returns the name: "PAY". Unknown types are "TYPE_" and their number.
func (t Type) String() string {
	if info, ok := t.info(); ok {
		return info.name
	}
	return fmt.Sprintf("TYPE_%d", uint8(t))
}

func (t Type) info() (typeInfo, bool) {
	if int(t) >= len(types) || types[t].name == "" {
		return typeInfo{}, false
	}
	return types[t], true
}

// Version returns the version of the type's payload, the only one that this
// program knows.
func (t Type) Version() uint8 {
	switch t {
	case TypeClaimRespond, TypeInspectionReport: // 2: with the servicer, and with the seller who consents to one
		return 2
	}
	return 1
}

// knownType rejects types and versions that have no rules here.
func knownType(t Type, version uint8) error {
	if _, ok := t.info(); !ok {
		return reject.New(reject.UnknownType, "record type %d is not known", uint8(t))
	}
	if version != t.Version() {
		return reject.New(reject.UnknownVersion, "%v has version %d, known is %d", t, version, t.Version())
	}
	return nil
}
