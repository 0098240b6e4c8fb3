package rules

import (
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Context is what the rules know of the block that holds a record.
type Context struct {
	Params *network.Params
	Height uint32
	// MedianTime is the median time past of the block's parent (BIP 113), in
	// seconds since 1970: the time that the rules go by.
	MedianTime uint32
}

// rule applies what a record of one type says. Author is the account of the
// record's author as it is in the state: its fee is paid, its sequence number
// is used. After an error, the caller reverts what the rule wrote.
type rule func(s *State, c Context, r *record.Record, author Account) error

// rules has the rule of each type of record. COINBASE has none: End applies it.
var rules = [...]rule{
	record.TypePay:        pay,
	record.TypeRoleGrant:  grantRole,
	record.TypeRoleRevoke: revokeRole,
	record.TypeKeyRotate:  rotateKey,

	record.TypeProductRegister:   registerProduct,
	record.TypeVoucherIssue:      issueVoucher,
	record.TypeVoucherTransfer:   transferVoucher,
	record.TypeVoucherVoid:       voidVoucher,
	record.TypeShipmentCreate:    createShipment,
	record.TypeCustodyHandover:   handOver,
	record.TypeDeliveryConfirm:   confirmDelivery,
	record.TypeDeliveryException: reportException,
	record.TypeProofOfAttempt:    proveAttempt,
	record.TypeClaimOpen:         openClaim,
	record.TypeClaimRespond:      respondToClaim,
	record.TypeClaimAnswer:       answerOffer,
	record.TypeEvidenceAdd:       addEvidence,
	record.TypeInspectionReport:  inspect,
	record.TypeClaimWithdraw:     withdrawClaim,
	record.TypeClaimEscalate:     escalateClaim,
	record.TypeRuling:            giveRuling,
	record.TypeSettleExecute:     executeSettlement,
	record.TypeSettleConfirm:     confirmSettlement,
	record.TypeClaimClose:        closeClaim,
	record.TypeEvaluate:          evaluate,
	record.TypeEvaluateAmend:     amendEvaluation,
	record.TypeSellerReply:       replyToEvaluation,
	record.TypeRewardClaim:       payReward,
	record.TypeRecallNotice:      recall,
	record.TypeSellerSuspend:     suspendSeller,
	record.TypeSellerRestore:     restoreSeller,
	record.TypeCorrection:        correct,
}

// Apply applies a record other than a coinbase. If the record breaks a rule, it
// returns a [reject.Error] and leaves the state as it was. Any other error comes
// from the View. The record's own rules (Record.Check) and its signatures
// (Record.Verify) are not checked here; they come first.
func Apply(s *State, c Context, r *record.Record) error {
	mark := s.Mark()
	err := apply(s, c, r)
	if err != nil {
		s.Revert(mark)
	}
	return err
}

func apply(s *State, c Context, r *record.Record) error {
	kind := r.Payload.Type()
	if kind == record.TypeCoinbase {
		return reject.New(reject.MisplacedCoinbase, "only the first record of a block may be a COINBASE")
	}
	if int(kind) >= len(rules) || rules[kind] == nil {
		return reject.New(reject.UnknownType, "the ledger has no rule for type %d", kind)
	}
	if c.Height > r.ValidUntil {
		return reject.New(reject.Expired, "valid until height %d, but the block has height %d", r.ValidUntil, c.Height)
	}
	author, err := liveAccount(s, r.Key, "author")
	switch {
	case err != nil:
		return err
	case r.Seq < author.Seq:
		return reject.New(reject.SequenceUsed, "sequence number %d of %v is used, the next is %d", r.Seq, r.Key, author.Seq)
	case r.Seq > author.Seq:
		return reject.New(reject.SequenceGap, "sequence number %d of %v comes too early, the next is %d", r.Seq, r.Key, author.Seq)
	case r.Fee > author.Balance:
		return reject.New(reject.InsufficientFunds, "the fee is %v, but %v has only %v", r.Fee, r.Key, author.Balance)
	}
	author.Seq++
	author.Balance -= r.Fee
	if err := putAccount(s, &author); err != nil {
		return err
	}
	if kind < record.TypeProductRegister {
		return rules[kind](s, c, r, author)
	}
	return applyAftersales(s, c, r, author)
}

// maxAhead is how many seconds a claimed time may be after the median time,
// which is about an hour behind the clock.
const maxAhead = 24 * 60 * 60

// applyAftersales applies an after-sales record, and remembers its author.
func applyAftersales(s *State, c Context, r *record.Record, author Account) error {
	if t := r.ClaimedTime(); uint64(t) > uint64(c.MedianTime)+maxAhead {
		return reject.New(reject.TimeInFuture, "the claimed time is %v, more than a day after the median time %v", t, record.Time(c.MedianTime))
	}
	if err := rules[r.Type()](s, c, r, author); err != nil {
		return err
	}
	return s.Put(authorKey(r.ID()), author.ID[:])
}

// liveAccount returns the account that k signs for. It rejects a rotated key; role
// is the part that the key plays in the record, for the error.
func liveAccount(v View, k record.Key, role string) (Account, error) {
	a, err := GetAccount(v, k)
	if err == nil && a.Rotated(k) {
		err = reject.New(reject.KeyRotated, "the %s %v was rotated, its account now has the key %v", role, k, a.Key)
	}
	return a, err
}
