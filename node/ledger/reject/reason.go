package reject

// Reason is why something is rejected: a stable word in kebab case.
type Reason string

// Encodings: the bytes or the text are none of the allowed forms.
const (
	Ambiguous         Reason = "ambiguous"           // a record's body of 64 bytes, which could pose as a node of a Merkle tree (CVE-2017-12842)
	BadBlockEncoding  Reason = "bad-block-encoding"  // a block that ends early, or goes on after its end
	BadRecordEncoding Reason = "bad-record-encoding" // a record that ends early, goes on after its end, or has a field of the wrong form
	BlockTooLarge     Reason = "block-too-large"     // an encoded block above the network's limit
	NotCanonical      Reason = "not-canonical"       // a value in another form than its only one, as an unsorted set
	RecordTooLarge    Reason = "record-too-large"    // an encoded record above the limit
	SignatureCount    Reason = "signature-count"     // more or fewer signatures than the record has signers
	UnknownType       Reason = "unknown-type"        // a record type that this program does not know
	UnknownVersion    Reason = "unknown-version"     // a version of a known record type that this program does not know
	WrongID           Reason = "wrong-id"            // the id that came with a record is not that of its body
)

// Records: rules that need nothing but the record.
const (
	AmountOutOfRange Reason = "amount-out-of-range" // an amount that is zero where it must not be, or above the limit
	BadCoinbase      Reason = "bad-coinbase"        // a COINBASE whose frame does not follow from its height, or that is too long
	BadSignature     Reason = "bad-signature"       // a signature is missing, or not that of the signer over this body
	DuplicateSigner  Reason = "duplicate-signer"    // one key signs twice
	SelfPayment      Reason = "self-payment"        // a payment to the author's own account, by whichever of its keys
	SelfRotation     Reason = "self-rotation"       // a rotation to the author's own key
	TooManyApprovers Reason = "too-many-approvers"  // more approvers than a record may have
	UnknownRole      Reason = "unknown-role"        // no role has this number
	WeakKey          Reason = "weak-key"            // a signer's key of small order, for which anybody can sign
	WrongNetwork     Reason = "wrong-network"       // a record of another network
)

// After-sales records: rules that need nothing but the record.
const (
	BadGTIN         Reason = "bad-gtin"           // a product number of the wrong length or with a wrong check digit
	BadSerial       Reason = "bad-serial"         // a serial number that is empty, too long, or has characters that none may have
	BadText         Reason = "bad-text"           // a text that is too long, not UTF-8, or has control characters
	BadTime         Reason = "bad-time"           // a claimed time that is missing or impossible
	ContraryFields  Reason = "contrary-fields"    // fields that cannot stand together, as a refund of a repair
	MissingID       Reason = "missing-id"         // the voucher, shipment or claim is not named
	ScoreOutOfRange Reason = "score-out-of-range" // a score that is not 1 to 5
	SelfSale        Reason = "self-sale"          // a seller who is the buyer
	SelfTransfer    Reason = "self-transfer"      // goods or a voucher handed over to oneself
	UnknownChoice   Reason = "unknown-choice"     // a number or word that is none of a field's choices
	ZeroQuantity    Reason = "zero-quantity"      // a sale of nothing
)

// Ledger: rules that need the state before the record.
const (
	AmountOverflow    Reason = "amount-overflow"    // a sum above the greatest amount
	BelowThreshold    Reason = "below-threshold"    // fewer root keys signed than the threshold
	CoinbaseHeight    Reason = "coinbase-height"    // a COINBASE that names another height than its block's
	CoinbaseValue     Reason = "coinbase-value"     // a COINBASE that claims more than subsidy and fees
	Expired           Reason = "expired"            // the block is above the record's valid-until height
	FeeTooSmall       Reason = "fee-too-small"      // a fee below what the rules ask of the record's type
	InsufficientFunds Reason = "insufficient-funds" // the balance does not cover amount and fee
	KeyInUse          Reason = "key-in-use"         // a rotation to a key that has a past
	KeyRotated        Reason = "key-rotated"        // the key was given up for another one
	NotRoot           Reason = "not-root"           // an approver that is no root key
	RoleHeld          Reason = "role-held"          // the grant of a role that the key has
	RoleNotHeld       Reason = "role-not-held"      // the key does not have the role
	SequenceGap       Reason = "sequence-gap"       // the sequence number is above the key's next one
	SequenceUsed      Reason = "sequence-used"      // the sequence number is below the key's next one
)

// After-sales cases: rules that need the state before the record.
const (
	AlreadyAmended          Reason = "already-amended"           // an evaluation is amended twice
	AlreadyDelivered        Reason = "already-delivered"         // a shipment is delivered twice
	AlreadyEvaluated        Reason = "already-evaluated"         // a voucher is evaluated twice
	AlreadyReplied          Reason = "already-replied"           // a second reply to an evaluation
	AlreadyResponded        Reason = "already-responded"         // a second response to a claim
	AlreadyRewarded         Reason = "already-rewarded"          // a second reward for an evaluation
	AlreadyRuled            Reason = "already-ruled"             // a second ruling
	AlreadyShipped          Reason = "already-shipped"           // the goods are on their way, or have arrived
	AlreadySuspended        Reason = "already-suspended"         // a suspension of a suspended seller
	AmendWithoutClaim       Reason = "amend-without-claim"       // an evaluation is amended, but no claim was closed
	AttemptTooEarly         Reason = "attempt-too-early"         // the carrier has not tried for long enough
	BurnTooSmall            Reason = "burn-too-small"            // less is burned for a voucher than its price asks for
	ChallengeTooNew         Reason = "challenge-too-new"         // a delivery's challenge of a height that is not reached
	ChallengeTooOld         Reason = "challenge-too-old"         // a delivery's challenge of too many blocks ago
	ChallengeUsed           Reason = "challenge-used"            // a carrier's challenge that served before
	ClaimByOther            Reason = "claim-by-other"            // a claim by somebody who does not hold the voucher
	ClaimLive               Reason = "claim-live"                // not while a claim is open
	ClaimOfOtherVoucher     Reason = "claim-of-other-voucher"    // the claim is not one of this voucher
	ClaimOnRefunded         Reason = "claim-on-refunded"         // a claim on a voucher that was refunded
	ClaimOnReplaced         Reason = "claim-on-replaced"         // a claim on a voucher whose goods were replaced
	ClaimOnVoid             Reason = "claim-on-void"             // a claim on a voucher that was undone
	ClaimUnknown            Reason = "claim-unknown"             // no claim has this id
	CloseTooEarly           Reason = "close-too-early"           // the supervisors still have time to rule
	ConfirmByOther          Reason = "confirm-by-other"          // a remedy is confirmed by somebody who did not make the claim
	CorrectionByOther       Reason = "correction-by-other"       // a correction of another's record
	EscalationTooEarly      Reason = "escalation-too-early"      // the seller still has time
	EvaluationTooEarly      Reason = "evaluation-too-early"      // an evaluation of goods that are not delivered
	EvaluationTooLate       Reason = "evaluation-too-late"       // an evaluation after its period
	EvaluationUnknown       Reason = "evaluation-unknown"        // the voucher is not evaluated
	EvidenceAfterClose      Reason = "evidence-after-close"      // evidence for a closed claim
	EvidenceByOther         Reason = "evidence-by-other"         // evidence of somebody who is no party
	EvidenceLimit           Reason = "evidence-limit"            // more evidence than a party may add
	ItemSold                Reason = "item-sold"                 // the item has a voucher that is not done with
	LostTooEarly            Reason = "lost-too-early"            // goods are reported or ruled lost, but they have not been silent for long enough
	MakerRevoked            Reason = "maker-revoked"             // the product's maker is no manufacturer any more
	NotAParty               Reason = "not-a-party"               // the author plays no part in the case that the record needs
	NotBuyer                Reason = "not-buyer"                 // the author is not the voucher's first buyer
	NotCustodian            Reason = "not-custodian"             // the author does not have the goods
	NotDelivered            Reason = "not-delivered"             // a claim on goods that are not delivered, and whose delivery has not failed yet
	NotEntitled             Reason = "not-entitled"              // a remedy or a ground that the terms do not give now
	NotHolder               Reason = "not-holder"                // who signs as the holder does not hold the voucher (any more)
	NotInspector            Reason = "not-inspector"             // an inspection by somebody who is neither the seller nor a servicer that the seller agrees to
	NotRecalled             Reason = "not-recalled"              // a claim for a recall that there is not
	NotSeller               Reason = "not-seller"                // the author is not the voucher's seller
	NotSender               Reason = "not-sender"                // the author may not send these goods
	NotSupervisor           Reason = "not-supervisor"            // the author is no supervisor (any more)
	NotSuspended            Reason = "not-suspended"             // a seller is restored who is not suspended
	OwnGoods                Reason = "own-goods"                 // an evaluation of one's own goods
	PaymentForOther         Reason = "payment-for-other"         // a refund with a payment for another claim
	PaymentToOther          Reason = "payment-to-other"          // a refund with a payment to another account
	PaymentTooEarly         Reason = "payment-too-early"         // a refund with a payment from before the agreement or order
	PaymentTooSmall         Reason = "payment-too-small"         // a refund with a payment of less than was agreed or ordered
	PaymentUnknown          Reason = "payment-unknown"           // no payment for a live claim has this id
	PaymentUsed             Reason = "payment-used"              // a refund with a payment that served before
	ProductTaken            Reason = "product-taken"             // the product is registered by another maker
	ProductUnknown          Reason = "product-unknown"           // nobody registered the product
	RecordUnknown           Reason = "record-unknown"            // no after-sales record has this id
	RemedyDiffers           Reason = "remedy-differs"            // another remedy than was asked for, agreed or ordered
	ReplacementDiffers      Reason = "replacement-differs"       // a replacement by another product, without the holder's consent
	ReplacementUnfit        Reason = "replacement-unfit"         // the voucher is not a new one of this holder by this seller
	ReplacementUsed         Reason = "replacement-used"          // a replacement that served for another claim
	ResponseAfterEscalation Reason = "response-after-escalation" // a response to a claim that a supervisor decides
	ResponseByOther         Reason = "response-by-other"         // a response by neither seller nor maker
	ReturnOutstanding       Reason = "return-outstanding"        // the goods have to come back first
	ReturnUnneeded          Reason = "return-unneeded"           // goods that nobody asked for, or that never arrived, come back
	RewardPoolShort         Reason = "reward-pool-short"         // the reward pool does not hold the reward
	RewardTooEarly          Reason = "reward-too-early"          // a reward before its delay is over
	RulingByParty           Reason = "ruling-by-party"           // a ruling by a party to the case
	RulingNotEscalated      Reason = "ruling-not-escalated"      // a ruling on a claim that is not escalated
	SecondClaim             Reason = "second-claim"              // a claim on a voucher that has an open one
	SecondHand              Reason = "second-hand"               // an evaluation by a later holder
	SellerSuspended         Reason = "seller-suspended"          // the seller is suspended
	ShipmentOfVoid          Reason = "shipment-of-void"          // a shipment of goods whose sale was undone
	ShipmentUnknown         Reason = "shipment-unknown"          // no shipment has this id
	StipendTooSmall         Reason = "stipend-too-small"         // a seller gives the buyer's key less than it has to
	TermsDiffer             Reason = "terms-differ"              // other terms than the product's
	TimeInFuture            Reason = "time-in-future"            // a claimed time more than a day after the chain's
	VoidAfterShipment       Reason = "void-after-shipment"       // a sale is undone whose goods are on their way, or have arrived
	VoucherUnknown          Reason = "voucher-unknown"           // no voucher has this id
	WarrantyOver            Reason = "warranty-over"             // a claim after the warranty, without a recall
	WarrantyTooShort        Reason = "warranty-too-short"        // less warranty than the product's
	WithdrawAfterReceipt    Reason = "withdraw-after-receipt"    // a claim is withdrawn after the goods came back
	WrongCarrier            Reason = "wrong-carrier"             // the goods go to another carrier than the shipment names
	WrongLeg                Reason = "wrong-leg"                 // the pick-up key of another shipment of the case
	WrongPickupKey          Reason = "wrong-pickup-key"          // a pick-up key that is not the shipment's
	WrongState              Reason = "wrong-state"               // the case is not in a state for this record
)

// Headers: proof of work, time, and the place in the chain.
const (
	BadBits       Reason = "bad-bits"       // nBits is no target, easier than the limit, or not what the chain asks for
	HighHash      Reason = "high-hash"      // the hash is above the target
	InvalidParent Reason = "invalid-parent" // a descendant of an invalid block
	LowWork       Reason = "low-work"       // a branch with so much less work than the chain that it is not kept
	TimeTooNew    Reason = "time-too-new"   // more than two hours ahead of this node's clock
	TimeTooOld    Reason = "time-too-old"   // not after the median time of the eleven blocks before
	TimeWarp      Reason = "time-warp"      // a retarget period that begins or ends too early (BIP 54)
	UnknownParent Reason = "unknown-parent" // the parent is not known (yet): an orphan
)

// Blocks: what the header promises about the records.
const (
	BadMerkleRoot     Reason = "bad-merkle-root"    // the Merkle root of the records is not the header's
	BadWitnessRoot    Reason = "bad-witness-root"   // the signatures are not those that the COINBASE commits to
	DuplicateRecord   Reason = "duplicate-record"   // the same record twice in a block
	InvalidBlock      Reason = "invalid-block"      // this block was found invalid before
	MerkleTwin        Reason = "merkle-twin"        // records repeated so that the Merkle root stays the same (CVE-2012-2459)
	MisplacedCoinbase Reason = "misplaced-coinbase" // a COINBASE that is not the first record of a block
	NoCoinbase        Reason = "no-coinbase"        // the first record is no COINBASE, or there is none
)

// Pool: what this node does not keep for later blocks. Another node may.
const (
	AlreadyConfirmed  Reason = "already-confirmed"   // the record is in the chain
	AlreadyPooled     Reason = "already-pooled"      // the record is in the pool
	FeeRateTooLow     Reason = "fee-rate-too-low"    // less fee for its size than the pool takes
	OverBudget        Reason = "over-budget"         // too many records of the sender were rejected after their signatures had been checked
	PoolFull          Reason = "pool-full"           // the pool is full of records that pay more
	QueueFull         Reason = "queue-full"          // too many records of this key wait
	ReplacementTooLow Reason = "replacement-too-low" // not enough more fee than the record that it would replace
)

// trait is what follows from a reason.
type trait uint8

const (
	permanent    trait = 0         // the same bytes are always rejected
	later        trait = 1 << iota // the same bytes may be valid later
	bodyMismatch                   // the body is not the one that the header stands for
)

// table has every reason, in the order of the constants.
var table = []struct {
	Reason
	trait
}{
	{Ambiguous, permanent},
	{BadBlockEncoding, permanent},
	{BadRecordEncoding, permanent},
	{BlockTooLarge, permanent},
	{NotCanonical, permanent},
	{RecordTooLarge, permanent},
	{SignatureCount, permanent},
	{UnknownType, permanent},
	{UnknownVersion, permanent},
	{WrongID, permanent},

	{AmountOutOfRange, permanent},
	{BadCoinbase, permanent},
	{BadSignature, permanent},
	{DuplicateSigner, permanent},
	{SelfPayment, permanent},
	{SelfRotation, permanent},
	{TooManyApprovers, permanent},
	{UnknownRole, permanent},
	{WeakKey, permanent},
	{WrongNetwork, permanent},

	{BadGTIN, permanent},
	{BadSerial, permanent},
	{BadText, permanent},
	{BadTime, permanent},
	{ContraryFields, permanent},
	{MissingID, permanent},
	{ScoreOutOfRange, permanent},
	{SelfSale, permanent},
	{SelfTransfer, permanent},
	{UnknownChoice, permanent},
	{ZeroQuantity, permanent},

	{AmountOverflow, permanent},
	{BelowThreshold, permanent},
	{CoinbaseHeight, permanent},
	{CoinbaseValue, permanent},
	{Expired, permanent},
	{FeeTooSmall, permanent},
	{InsufficientFunds, later},
	{KeyInUse, permanent},
	{KeyRotated, permanent},
	{NotRoot, later},
	{RoleHeld, later},
	{RoleNotHeld, later},
	{SequenceGap, later},
	{SequenceUsed, permanent},

	{AlreadyAmended, permanent},
	{AlreadyDelivered, permanent},
	{AlreadyEvaluated, permanent},
	{AlreadyReplied, permanent},
	{AlreadyResponded, permanent},
	{AlreadyRewarded, permanent},
	{AlreadyRuled, later},
	{AlreadyShipped, later},
	{AlreadySuspended, later},
	{AmendWithoutClaim, later},
	{AttemptTooEarly, later},
	{BurnTooSmall, permanent},
	{ChallengeTooNew, later},
	{ChallengeTooOld, permanent},
	{ChallengeUsed, permanent},
	{ClaimByOther, later},
	{ClaimLive, later},
	{ClaimOfOtherVoucher, permanent},
	{ClaimOnRefunded, permanent},
	{ClaimOnReplaced, permanent},
	{ClaimOnVoid, permanent},
	{ClaimUnknown, later},
	{CloseTooEarly, later},
	{ConfirmByOther, permanent},
	{CorrectionByOther, permanent},
	{EscalationTooEarly, later},
	{EvaluationTooEarly, later},
	{EvaluationTooLate, permanent},
	{EvaluationUnknown, later},
	{EvidenceAfterClose, permanent},
	{EvidenceByOther, later},
	{EvidenceLimit, permanent},
	{ItemSold, later},
	{LostTooEarly, later},
	{MakerRevoked, later},
	{NotAParty, later},
	{NotBuyer, permanent},
	{NotCustodian, later},
	{NotDelivered, later},
	{NotEntitled, later},
	{NotHolder, later},
	{NotInspector, later},
	{NotRecalled, later},
	{NotSeller, permanent},
	{NotSender, later},
	{NotSupervisor, later},
	{NotSuspended, later},
	{OwnGoods, permanent},
	{PaymentForOther, permanent},
	{PaymentToOther, permanent},
	{PaymentTooEarly, permanent},
	{PaymentTooSmall, permanent},
	{PaymentUnknown, later},
	{PaymentUsed, permanent},
	{ProductTaken, permanent},
	{ProductUnknown, later},
	{RecordUnknown, later},
	{RemedyDiffers, later},
	{ReplacementDiffers, permanent},
	{ReplacementUnfit, later},
	{ReplacementUsed, permanent},
	{ResponseAfterEscalation, permanent},
	{ResponseByOther, permanent},
	{ReturnOutstanding, later},
	{ReturnUnneeded, later},
	{RewardPoolShort, later},
	{RewardTooEarly, later},
	{RulingByParty, permanent},
	{RulingNotEscalated, later},
	{SecondClaim, later},
	{SecondHand, permanent},
	{SellerSuspended, later},
	{ShipmentOfVoid, permanent},
	{ShipmentUnknown, later},
	{StipendTooSmall, permanent},
	{TermsDiffer, later},
	{TimeInFuture, later},
	{VoidAfterShipment, later},
	{VoucherUnknown, later},
	{WarrantyOver, permanent},
	{WarrantyTooShort, later},
	{WithdrawAfterReceipt, permanent},
	{WrongCarrier, permanent},
	{WrongLeg, permanent},
	{WrongPickupKey, permanent},
	{WrongState, later},

	{BadBits, permanent},
	{HighHash, permanent},
	{InvalidParent, permanent},
	{LowWork, later},
	{TimeTooNew, later},
	{TimeTooOld, permanent},
	{TimeWarp, permanent},
	{UnknownParent, later},

	{BadMerkleRoot, bodyMismatch},
	{BadWitnessRoot, bodyMismatch},
	{DuplicateRecord, permanent},
	{InvalidBlock, permanent},
	{MerkleTwin, bodyMismatch},
	{MisplacedCoinbase, permanent},
	{NoCoinbase, permanent},

	{AlreadyConfirmed, permanent},
	{AlreadyPooled, permanent},
	{FeeRateTooLow, later},
	{OverBudget, later},
	{PoolFull, later},
	{QueueFull, later},
	{ReplacementTooLow, later},
}

// traits is the table by reason.
var traits = func() map[Reason]trait {
	m := make(map[Reason]trait, len(table))
	for _, e := range table {
		m[e.Reason] = e.trait
	}
	return m
}()

// All returns every reason, in groups: encodings, records, after-sales records,
// ledger, after-sales cases, headers, blocks, pool. Each group is sorted by name.
func All() []Reason {
	all := make([]Reason, len(table))
	for i, e := range table {
		all[i] = e.Reason
	}
	return all
}

// Permanent reports whether the same bytes stay rejected on this chain. Other reasons
// may pass with time, with another record or block, or when the pool has room. A
// reorganisation can make any reason of the ledger pass. Unknown reasons count as
// permanent.
func (r Reason) Permanent() bool { return traits[r]&later == 0 }

// BodyMismatch reports that the body is not the one that its header commits
// to. Such a body proves nothing about the block: the header's hash must not
// be remembered as invalid, since the true body may be valid (CVE-2012-2459).
func (r Reason) BodyMismatch() bool { return traits[r]&bodyMismatch != 0 }
