package reject

// Reason is why something is rejected: a stable word in kebab case.
type Reason string

// Encodings: the bytes or the text have none of the allowed forms.
const (
	Ambiguous         Reason = "ambiguous"           // the body of a record has 64 bytes, so it could pose as a node of a Merkle tree (CVE-2017-12842)
	BadBlockEncoding  Reason = "bad-block-encoding"  // the encoding of a block ends early, or has bytes after its end
	BadRecordEncoding Reason = "bad-record-encoding" // the encoding of a record ends early, has bytes after its end, or a field has the wrong form
	BlockTooLarge     Reason = "block-too-large"     // the encoded block is larger than the limit of the network
	NotCanonical      Reason = "not-canonical"       // a value is not in its only allowed form, such as an unsorted set
	RecordTooLarge    Reason = "record-too-large"    // the encoded record is larger than the limit
	SignatureCount    Reason = "signature-count"     // the record has more or fewer signatures than signers
	UnknownType       Reason = "unknown-type"        // this program does not know the type of the record
	UnknownVersion    Reason = "unknown-version"     // this program does not know the version of the record's type
	WrongID           Reason = "wrong-id"            // the id given with the record is not the hash of its body
)

// Records: rules that need nothing but the record.
const (
	AmountOutOfRange Reason = "amount-out-of-range" // an amount is zero where it must not be, or above the limit
	BadCoinbase      Reason = "bad-coinbase"        // the fields of a COINBASE do not follow from its height, or it is too long
	BadSignature     Reason = "bad-signature"       // a signature is missing, or is not the signer's over this body
	DuplicateSigner  Reason = "duplicate-signer"    // a key signs twice
	SelfPayment      Reason = "self-payment"        // a payment is to the author's own account, by any of its keys
	SelfRotation     Reason = "self-rotation"       // a rotation is to the author's own key
	TooManyApprovers Reason = "too-many-approvers"  // the record has more approvers than allowed
	UnknownRole      Reason = "unknown-role"        // no role has this number
	WeakKey          Reason = "weak-key"            // the key of a signer has small order, so that anybody can sign for it
	WrongNetwork     Reason = "wrong-network"       // the record is for another network
)

// After-sales records: rules that need nothing but the record.
const (
	BadGTIN         Reason = "bad-gtin"           // a product number (GTIN) has the wrong length or a wrong check digit
	BadSerial       Reason = "bad-serial"         // a serial number is empty, too long, or contains invalid characters
	BadText         Reason = "bad-text"           // a text is too long, not UTF-8, or contains control characters
	BadTime         Reason = "bad-time"           // a claimed time is missing or impossible
	ContraryFields  Reason = "contrary-fields"    // fields contradict each other, such as the amount of a refund in a repair
	MissingID       Reason = "missing-id"         // the record does not name what it is about, or names a claim where it must not
	ScoreOutOfRange Reason = "score-out-of-range" // a score is not 1 to 5
	SelfSale        Reason = "self-sale"          // the seller is the buyer
	SelfTransfer    Reason = "self-transfer"      // goods or a voucher are handed over to who has them already
	UnknownChoice   Reason = "unknown-choice"     // a number or word is not one of the choices of the field
	ZeroQuantity    Reason = "zero-quantity"      // the quantity of a sale is zero
)

// Ledger: rules that need the state before the record.
const (
	AmountOverflow    Reason = "amount-overflow"    // a sum exceeds the maximum amount
	BelowThreshold    Reason = "below-threshold"    // fewer root keys signed than the threshold
	CoinbaseHeight    Reason = "coinbase-height"    // a COINBASE does not name the height of its block
	CoinbaseValue     Reason = "coinbase-value"     // a COINBASE claims more than subsidy and fees
	Expired           Reason = "expired"            // the block is above the record's valid-until height
	FeeTooSmall       Reason = "fee-too-small"      // the fee is below the minimum of the record's type
	InsufficientFunds Reason = "insufficient-funds" // the balance does not cover amount and fee
	KeyInUse          Reason = "key-in-use"         // a rotation is to a key with records, rotations, vouchers or roles of its own
	KeyRotated        Reason = "key-rotated"        // another key has replaced this one
	NotRoot           Reason = "not-root"           // an approver is not a root key
	RoleHeld          Reason = "role-held"          // a grant is of a role that the key has
	RoleNotHeld       Reason = "role-not-held"      // the key does not have the role
	SequenceGap       Reason = "sequence-gap"       // the sequence number is above the key's next one
	SequenceUsed      Reason = "sequence-used"      // the sequence number is below the key's next one
)

// After-sales cases: rules that need the state before the record.
const (
	AlreadyAmended          Reason = "already-amended"           // the evaluation was amended before
	AlreadyDelivered        Reason = "already-delivered"         // the shipment was delivered before
	AlreadyEvaluated        Reason = "already-evaluated"         // the voucher was evaluated before
	AlreadyReplied          Reason = "already-replied"           // the evaluation has a reply
	AlreadyResponded        Reason = "already-responded"         // the claim does not wait for a response, or no longer
	AlreadyRewarded         Reason = "already-rewarded"          // the reward of the evaluation was paid before
	AlreadyRuled            Reason = "already-ruled"             // a supervisor has ruled before
	AlreadyShipped          Reason = "already-shipped"           // the goods are under way, or have arrived
	AlreadySuspended        Reason = "already-suspended"         // the seller is suspended
	AmendWithoutClaim       Reason = "amend-without-claim"       // an evaluation is amended, but no claim was closed
	AttemptTooEarly         Reason = "attempt-too-early"         // the carrier has not tried for long enough
	BurnTooSmall            Reason = "burn-too-small"            // the seller burns less than the price of the voucher requires
	ChallengeTooNew         Reason = "challenge-too-new"         // the challenge of a delivery names a height that the chain has not reached
	ChallengeTooOld         Reason = "challenge-too-old"         // the challenge of a delivery is from too many blocks ago
	ChallengeUsed           Reason = "challenge-used"            // the carrier used this challenge before
	ClaimByOther            Reason = "claim-by-other"            // the author of a claim does not hold the voucher
	ClaimLive               Reason = "claim-live"                // a claim on the voucher is open
	ClaimOfOtherVoucher     Reason = "claim-of-other-voucher"    // the claim is not on this voucher
	ClaimOnRefunded         Reason = "claim-on-refunded"         // the voucher of a claim was refunded
	ClaimOnReplaced         Reason = "claim-on-replaced"         // the goods of a claim's voucher were replaced
	ClaimOnVoid             Reason = "claim-on-void"             // the voucher of a claim is void
	ClaimUnknown            Reason = "claim-unknown"             // no claim has this id
	CloseTooEarly           Reason = "close-too-early"           // the supervisors still have time to rule
	ConfirmByOther          Reason = "confirm-by-other"          // the author of a confirmation did not make the claim
	CorrectionByOther       Reason = "correction-by-other"       // the author of a correction did not write the record
	EscalationTooEarly      Reason = "escalation-too-early"      // the seller still has time
	EvaluationTooEarly      Reason = "evaluation-too-early"      // the goods of an evaluation are not delivered
	EvaluationTooLate       Reason = "evaluation-too-late"       // the period for evaluations is over
	EvaluationUnknown       Reason = "evaluation-unknown"        // the voucher is not evaluated
	EvidenceAfterClose      Reason = "evidence-after-close"      // the claim is closed
	EvidenceByOther         Reason = "evidence-by-other"         // the author of evidence is not a party
	EvidenceLimit           Reason = "evidence-limit"            // the party has added as much evidence as it may
	ItemSold                Reason = "item-sold"                 // the item has a voucher that is not void, refunded or replaced
	LostTooEarly            Reason = "lost-too-early"            // goods are reported or ruled lost, but their last change of custody is too recent
	MakerRevoked            Reason = "maker-revoked"             // the maker of the product is no longer a manufacturer
	NotAParty               Reason = "not-a-party"               // the author does not have the part in the case that the record requires
	NotBuyer                Reason = "not-buyer"                 // the author is not the voucher's first buyer
	NotCustodian            Reason = "not-custodian"             // the author does not have the goods
	NotDelivered            Reason = "not-delivered"             // a claim is on goods that are not delivered, and whose delivery has not failed yet
	NotEntitled             Reason = "not-entitled"              // the terms do not give this remedy or ground now
	NotHolder               Reason = "not-holder"                // the signer does not hold the voucher, or no longer
	NotInspector            Reason = "not-inspector"             // the author of an inspection is neither the seller nor a servicer that the seller agrees to
	NotRecalled             Reason = "not-recalled"              // a claim is for a recall, but the product or item is not recalled
	NotSeller               Reason = "not-seller"                // the author is not the voucher's seller
	NotSender               Reason = "not-sender"                // the author may not send these goods
	NotSupervisor           Reason = "not-supervisor"            // the author is not a supervisor, or no longer
	NotSuspended            Reason = "not-suspended"             // the seller to restore is not suspended
	OwnGoods                Reason = "own-goods"                 // the author of an evaluation is the maker or seller of the goods
	PaymentForOther         Reason = "payment-for-other"         // the payment of a refund is for another claim
	PaymentToOther          Reason = "payment-to-other"          // the payment of a refund is to another account
	PaymentTooEarly         Reason = "payment-too-early"         // the payment of a refund is from before the agreement or order
	PaymentTooSmall         Reason = "payment-too-small"         // the payment of a refund is less than was agreed or ordered
	PaymentUnknown          Reason = "payment-unknown"           // no payment for a live claim has this id
	PaymentUsed             Reason = "payment-used"              // the payment of a refund was used for a refund before
	ProductTaken            Reason = "product-taken"             // another maker has registered the product
	ProductUnknown          Reason = "product-unknown"           // nobody has registered the product
	RecordUnknown           Reason = "record-unknown"            // no after-sales record has this id
	RemedyDiffers           Reason = "remedy-differs"            // the remedy is not the one that was asked for, agreed or ordered
	ReplacementDiffers      Reason = "replacement-differs"       // the replacement is another product, without the holder's consent
	ReplacementUnfit        Reason = "replacement-unfit"         // the voucher of a replacement is not a new one from this seller for this holder
	ReplacementUsed         Reason = "replacement-used"          // the replacement was used for another claim
	ResponseAfterEscalation Reason = "response-after-escalation" // a response is to a claim that a supervisor decides
	ResponseByOther         Reason = "response-by-other"         // the author of a response is neither seller nor maker
	ReturnOutstanding       Reason = "return-outstanding"        // the goods have to come back first
	ReturnUnneeded          Reason = "return-unneeded"           // nobody asked for the goods to come back, or they never arrived
	RewardPoolShort         Reason = "reward-pool-short"         // the reward pool does not hold the reward
	RewardTooEarly          Reason = "reward-too-early"          // the delay of the reward is not over
	RulingByParty           Reason = "ruling-by-party"           // the author of a ruling is a party to the case
	RulingNotEscalated      Reason = "ruling-not-escalated"      // a ruling is on a claim that is not escalated
	SecondClaim             Reason = "second-claim"              // the voucher has an open claim
	SecondHand              Reason = "second-hand"               // the author of an evaluation is a later holder
	SellerSuspended         Reason = "seller-suspended"          // the seller is suspended
	ShipmentOfVoid          Reason = "shipment-of-void"          // a shipment is of goods whose voucher is void
	ShipmentUnknown         Reason = "shipment-unknown"          // no shipment has this id
	StipendTooSmall         Reason = "stipend-too-small"         // the seller gives the buyer's key less than the minimum
	TermsDiffer             Reason = "terms-differ"              // the terms are not those of the product
	TimeInFuture            Reason = "time-in-future"            // the claimed time is more than a day after the median time
	VoidAfterShipment       Reason = "void-after-shipment"       // a sale is undone, but its goods are under way, or have arrived
	VoucherUnknown          Reason = "voucher-unknown"           // no voucher has this id
	WarrantyOver            Reason = "warranty-over"             // a claim comes after the warranty, without a recall
	WarrantyTooShort        Reason = "warranty-too-short"        // the warranty is shorter than that of the product
	WithdrawAfterReceipt    Reason = "withdraw-after-receipt"    // a claim is withdrawn, but the goods have come back
	WrongCarrier            Reason = "wrong-carrier"             // the goods go to a carrier that the shipment does not name
	WrongLeg                Reason = "wrong-leg"                 // the pick-up key is that of another shipment of the case
	WrongPickupKey          Reason = "wrong-pickup-key"          // the pick-up key is not that of the shipment
	WrongState              Reason = "wrong-state"               // the state of the case does not allow the record
)

// Headers: proof of work, time, and the place in the chain.
const (
	BadBits       Reason = "bad-bits"       // nBits is not a target, is easier than the limit, or is not what the chain requires
	BelowPruned   Reason = "below-pruned"   // the branch leaves the chain below the oldest body that this node has kept, so it cannot be followed
	HighHash      Reason = "high-hash"      // the hash is above the target
	InvalidParent Reason = "invalid-parent" // an ancestor of the block is invalid
	LowWork       Reason = "low-work"       // the branch has so much less work than the chain that the node does not keep it
	TimeTooNew    Reason = "time-too-new"   // the time is more than two hours ahead of this node's clock
	TimeTooOld    Reason = "time-too-old"   // the time is not after the median time of the eleven blocks before
	TimeWarp      Reason = "time-warp"      // a retarget period begins or ends too early (BIP 54)
	UnknownParent Reason = "unknown-parent" // the parent is not known (yet): the block is an orphan
)

// Blocks: what the header commits to about the records.
const (
	BadMerkleRoot     Reason = "bad-merkle-root"    // the Merkle root of the records is not that of the header
	BadWitnessRoot    Reason = "bad-witness-root"   // the signatures are not those that the COINBASE commits to
	DuplicateRecord   Reason = "duplicate-record"   // a block contains the same record twice
	InvalidBlock      Reason = "invalid-block"      // this block was found invalid before
	MerkleTwin        Reason = "merkle-twin"        // records are repeated so that the Merkle root stays the same (CVE-2012-2459)
	MisplacedCoinbase Reason = "misplaced-coinbase" // a COINBASE is not the first record of a block
	NoCoinbase        Reason = "no-coinbase"        // the first record is not a COINBASE, or there is none
)

// Pool: what this node does not keep for later blocks. Another node may.
const (
	AlreadyConfirmed  Reason = "already-confirmed"   // the record is in the chain
	AlreadyPooled     Reason = "already-pooled"      // the record is in the pool
	FeeRateTooLow     Reason = "fee-rate-too-low"    // the fee for the size is below the pool's minimum
	OverBudget        Reason = "over-budget"         // too many records of the sender were rejected after their signatures had been checked
	PoolFull          Reason = "pool-full"           // the pool is full of records that pay more
	QueueFull         Reason = "queue-full"          // too many records of this key wait
	ReplacementTooLow Reason = "replacement-too-low" // the fee is not enough above that of the record that it would replace
)

// trait is what follows from a reason.
type trait uint8

const (
	permanent    trait = 0         // the same bytes are always rejected
	later        trait = 1 << iota // the same bytes may be valid later
	bodyMismatch                   // the body is not the one that the header stands for
	fault                          // permanent, and the bytes alone show it
)

// table has every reason, in the order of the constants.
var table = []struct {
	Reason
	trait
}{
	{Ambiguous, fault},
	{BadBlockEncoding, fault},
	{BadRecordEncoding, fault},
	{BlockTooLarge, fault},
	{NotCanonical, fault},
	{RecordTooLarge, fault},
	{SignatureCount, fault},
	{UnknownType, permanent},
	{UnknownVersion, permanent},
	{WrongID, fault},

	{AmountOutOfRange, fault},
	{BadCoinbase, fault},
	{BadSignature, fault},
	{DuplicateSigner, fault},
	{SelfPayment, permanent},
	{SelfRotation, fault},
	{TooManyApprovers, fault},
	{UnknownRole, fault},
	{WeakKey, fault},
	{WrongNetwork, fault},

	{BadGTIN, fault},
	{BadSerial, fault},
	{BadText, fault},
	{BadTime, fault},
	{ContraryFields, fault},
	{MissingID, fault},
	{ScoreOutOfRange, fault},
	{SelfSale, permanent},
	{SelfTransfer, permanent},
	{UnknownChoice, fault},
	{ZeroQuantity, fault},

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

	{BadBits, fault},
	{BelowPruned, later},
	{HighHash, fault},
	{InvalidParent, permanent},
	{LowWork, later},
	{TimeTooNew, later},
	{TimeTooOld, fault},
	{TimeWarp, fault},
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

// Fault reports that the bytes alone show why they are rejected, whatever the state of
// the node: whoever sent them could have known. The faults of a header count on its
// parent too. What a newer program might accept, such as a type of record that is not
// known, is no fault. Nor are [SelfPayment], [SelfSale] and [SelfTransfer]: two keys may
// belong to one account by a KEY_ROTATE that the sender has not seen.
func (r Reason) Fault() bool { return traits[r]&fault != 0 }
