package rules

import (
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// The machines below decide what a record may do. docs/ledger.md draws them.

var voucherBook = rulebook[VoucherState]{
	name:  "voucher",
	table: voucherTable,
	strangers: []rejection[VoucherState]{
		{On: record.TypeVoucherTransfer, Reason: reject.NotHolder},
		{On: record.TypeVoucherVoid, Reason: reject.NotSeller},
		{On: record.TypeShipmentCreate, Reason: reject.NotSender},
		{On: record.TypeClaimOpen, Reason: reject.ClaimByOther},
	},
	states: []rejection[VoucherState]{
		{On: record.TypeVoucherVoid, In: []VoucherState{VoucherActive, VoucherExpired}, Reason: reject.VoidAfterShipment},
		{On: record.TypeShipmentCreate, In: []VoucherState{VoucherActive, VoucherExpired}, Reason: reject.AlreadyShipped},
		{On: record.TypeShipmentCreate, In: []VoucherState{VoucherVoid}, Reason: reject.ShipmentOfVoid},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherIssued}, Reason: reject.NotDelivered},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherActive}, Reason: reject.NotEntitled},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherExpired}, Reason: reject.WarrantyOver},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherVoid}, Reason: reject.ClaimOnVoid},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherRefunded}, Reason: reject.ClaimOnRefunded},
		{On: record.TypeClaimOpen, In: []VoucherState{VoucherReplaced}, Reason: reject.ClaimOnReplaced},
	},
}

var voucherTable = machine[VoucherState]{
	{On: record.TypeVoucherIssue, By: seller, To: VoucherIssued, If: "the buyer signs"},
	{From: VoucherIssued, On: record.TypeShipmentCreate, Choice: "outbound", By: seller, To: VoucherIssued, If: "the goods are not on their way"},
	{From: VoucherIssued, On: record.TypeVoucherVoid, By: seller, To: VoucherVoid, If: "the holder signs, the goods are not on their way"},
	{From: VoucherIssued, On: record.TypeDeliveryConfirm, Choice: "outbound", By: custodian, To: VoucherActive, If: "the pick-up key signs"},
	{From: VoucherIssued, On: record.TypeRuling, Choice: "delivered outbound", By: supervisor, To: VoucherActive, If: "after a PROOF_OF_ATTEMPT"},
	{From: VoucherIssued, On: record.TypeClaimOpen, Choice: "delivery", By: holder, To: VoucherIssued, If: "the delivery failed, or takes too long"},
	{From: VoucherActive, On: record.TypeVoucherTransfer, By: holder, To: VoucherActive, If: "the new holder signs, no claim is open"},
	{From: VoucherActive, On: record.TypeClaimOpen, Choice: "fault", By: holder, To: VoucherActive, If: "entitled to the remedy"},
	{From: VoucherActive, On: record.TypeClaimOpen, Choice: "no-reason", By: holder, To: VoucherActive, If: "sold at a distance, in the first days"},
	{From: VoucherActive, On: record.TypeClaimOpen, Choice: "recall", By: holder, To: VoucherActive, If: "recalled"},
	{From: VoucherActive, To: VoucherExpired, If: "the warranty is over"},
	{From: VoucherExpired, On: record.TypeClaimOpen, Choice: "recall", By: holder, To: VoucherExpired, If: "recalled"},
	{From: VoucherIssued, Choice: "refund", To: VoucherRefunded},
	{From: VoucherActive, Choice: "refund", To: VoucherRefunded},
	{From: VoucherExpired, Choice: "refund", To: VoucherRefunded},
	{From: VoucherIssued, Choice: "replace", To: VoucherReplaced},
	{From: VoucherActive, Choice: "replace", To: VoucherReplaced},
	{From: VoucherExpired, Choice: "replace", To: VoucherReplaced},
}

var shipmentBook = rulebook[ShipmentState]{
	name:  "shipment",
	table: shipmentTable,
	strangers: []rejection[ShipmentState]{
		{On: record.TypeCustodyHandover, Reason: reject.NotCustodian},
		{On: record.TypeDeliveryConfirm, Reason: reject.NotCustodian},
		{On: record.TypeDeliveryException, Reason: reject.NotCustodian},
		{On: record.TypeProofOfAttempt, Reason: reject.NotCustodian},
		{On: record.TypeRuling, Reason: reject.NotSupervisor},
	},
	states: []rejection[ShipmentState]{
		{On: record.TypeDeliveryConfirm, In: []ShipmentState{ShipmentDelivered}, Reason: reject.AlreadyDelivered},
	},
}

var shipmentTable = machine[ShipmentState]{
	{On: record.TypeShipmentCreate, By: seller | maker | holder, To: ShipmentCreated, If: "as voucher or claim allow"},
	{From: ShipmentCreated, On: record.TypeCustodyHandover, Choice: "on", By: custodian, To: ShipmentInTransit, If: "the carrier signs that the shipment names"},
	{From: ShipmentCreated, On: record.TypeDeliveryException, By: custodian, To: ShipmentException},
	{From: ShipmentInTransit, On: record.TypeCustodyHandover, Choice: "on", By: custodian, To: ShipmentInTransit, If: "the next carrier signs"},
	{From: ShipmentInTransit, On: record.TypeDeliveryConfirm, By: custodian, To: ShipmentDelivered, If: "the pick-up key signs a fresh challenge"},
	{From: ShipmentInTransit, On: record.TypeDeliveryException, By: custodian, To: ShipmentException},
	{From: ShipmentInTransit, On: record.TypeProofOfAttempt, By: custodian, To: ShipmentAttempted, If: "days after the last change of custody"},
	{From: ShipmentInTransit, On: record.TypeDeliveryException, Choice: "lost", By: sender, Period: CarryPeriod, To: ShipmentException},
	{From: ShipmentAttempted, On: record.TypeDeliveryException, Choice: "lost", By: sender, Period: CarryPeriod, To: ShipmentException},
	{From: ShipmentException, On: record.TypeDeliveryConfirm, By: custodian, To: ShipmentDelivered, If: "a carrier has goods that were reported lost"},
	{From: ShipmentException, On: record.TypeCustodyHandover, Choice: "back", By: custodian, To: ShipmentReturned, If: "the sender signs"},
	{From: ShipmentCreated, On: record.TypeRuling, Choice: "lost", By: supervisor, Period: CarryPeriod, To: ShipmentLost, If: "no party"},
	{From: ShipmentInTransit, On: record.TypeRuling, Choice: "lost", By: supervisor, Period: CarryPeriod, To: ShipmentLost, If: "no party"},
	{From: ShipmentAttempted, On: record.TypeRuling, Choice: "delivered", By: supervisor, To: ShipmentDelivered, If: "no party"},
	{From: ShipmentAttempted, On: record.TypeRuling, Choice: "lost", By: supervisor, To: ShipmentLost, If: "no party"},
}

var claimBook = rulebook[ClaimState]{
	name:  "claim",
	table: claimTable,
	strangers: []rejection[ClaimState]{
		{On: record.TypeShipmentCreate, Reason: reject.NotSender},
		{On: record.TypeClaimRespond, Reason: reject.ResponseByOther},
		{On: record.TypeClaimAnswer, Reason: reject.NotHolder},
		{On: record.TypeEvidenceAdd, Reason: reject.EvidenceByOther},
		{On: record.TypeInspectionReport, Reason: reject.NotInspector},
		{On: record.TypeClaimWithdraw, Reason: reject.NotHolder},
		{On: record.TypeClaimEscalate, Reason: reject.NotHolder},
		{On: record.TypeRuling, Reason: reject.NotSupervisor},
		{On: record.TypeSettleConfirm, Reason: reject.ConfirmByOther},
	},
	states: []rejection[ClaimState]{
		{On: record.TypeClaimRespond, In: []ClaimState{ClaimEscalated, ClaimOrdered, ClaimDefaulted}, Reason: reject.ResponseAfterEscalation},
		{On: record.TypeClaimRespond, Reason: reject.AlreadyResponded},
		{On: record.TypeEvidenceAdd, Reason: reject.EvidenceAfterClose},
		{On: record.TypeClaimWithdraw, In: []ClaimState{ClaimReceived, ClaimInspected}, Reason: reject.WithdrawAfterReceipt},
		{On: record.TypeRuling, In: []ClaimState{ClaimOrdered, ClaimDefaulted, ClaimDismissed}, Reason: reject.AlreadyRuled},
		{On: record.TypeRuling, Reason: reject.RulingNotEscalated},
	},
}

var claimTable = append(machine[ClaimState]{
	{On: record.TypeClaimOpen, By: holder, To: ClaimOpen, If: "as the voucher allows, no other claim is open"},

	{From: ClaimOpen, On: record.TypeClaimRespond, Choice: "authorise", By: seller | maker, To: ClaimAuthorised, If: "the remedy that is asked for"},
	{From: ClaimOpen, On: record.TypeClaimRespond, Choice: "reject", By: seller | maker, To: ClaimRejected},
	{From: ClaimOpen, On: record.TypeClaimRespond, Choice: "offer", By: seller | maker, To: ClaimOffered},
	{From: ClaimOpen, On: record.TypeClaimEscalate, By: holder, Period: RespondPeriod, To: ClaimEscalated},
	{From: ClaimOpen, On: record.TypeClaimWithdraw, By: holder, To: ClaimWithdrawn},

	{From: ClaimOffered, On: record.TypeClaimAnswer, Choice: "accept", By: holder, To: ClaimAuthorised},
	{From: ClaimOffered, On: record.TypeClaimAnswer, Choice: "decline", By: holder, To: ClaimEscalated},
	{From: ClaimOffered, On: record.TypeClaimWithdraw, By: holder, To: ClaimWithdrawn},
	{From: ClaimOffered, Period: RespondPeriod, To: ClaimRejected},

	{From: ClaimRejected, On: record.TypeClaimEscalate, By: holder, To: ClaimEscalated},
	{From: ClaimRejected, Period: EscalatePeriod, To: ClaimRefused},

	{From: ClaimAuthorised, On: record.TypeShipmentCreate, Choice: "return", By: holder, To: ClaimAuthorised, If: "the goods have to come back, and are not on their way"},
	{From: ClaimAuthorised, On: record.TypeDeliveryConfirm, Choice: "return", By: custodian, To: ClaimReceived, If: "the return arrives"},
	{From: ClaimAuthorised, On: record.TypeRuling, Choice: "delivered return", By: supervisor, To: ClaimReceived},
	{From: ClaimAuthorised, On: record.TypeSettleExecute, By: seller | maker, To: ClaimExecuted, If: "nothing has to come back"},
	{From: ClaimAuthorised, Period: SendPeriod, To: ClaimWithdrawn, If: "the goods have to come back, and are not on their way"},
	{From: ClaimAuthorised, Period: ArrivePeriod, To: ClaimWithdrawn, If: "the goods that have to come back are on their way or lost"},
	{From: ClaimAuthorised, On: record.TypeClaimEscalate, By: holder, Period: ExecutePeriod, To: ClaimEscalated},
	{From: ClaimAuthorised, On: record.TypeClaimWithdraw, By: holder, To: ClaimWithdrawn},

	{From: ClaimReceived, On: record.TypeInspectionReport, Choice: "confirmed", By: servicer | seller, To: ClaimInspected},
	{From: ClaimReceived, On: record.TypeInspectionReport, Choice: "no-fault", By: servicer | seller, To: ClaimRejected},
	{From: ClaimReceived, On: record.TypeClaimEscalate, By: holder, Period: ExecutePeriod, To: ClaimEscalated},

	{From: ClaimInspected, On: record.TypeSettleExecute, By: seller | maker, To: ClaimExecuted, If: "the remedy agreed on"},
	{From: ClaimInspected, On: record.TypeClaimEscalate, By: holder, Period: ExecutePeriod, To: ClaimEscalated},

	{From: ClaimExecuted, On: record.TypeSettleConfirm, Choice: "accept", By: holder, To: ClaimSettled},
	{From: ClaimExecuted, On: record.TypeSettleConfirm, Choice: "dispute", By: holder, To: ClaimEscalated},
	{From: ClaimExecuted, Period: ConfirmPeriod, To: ClaimSettled},

	{From: ClaimEscalated, On: record.TypeRuling, Choice: "ordered", By: supervisor, To: ClaimOrdered, If: "no party"},
	{From: ClaimEscalated, On: record.TypeRuling, Choice: "dismissed", By: supervisor, To: ClaimDismissed, If: "no party"},
	{From: ClaimEscalated, On: record.TypeClaimClose, By: holder | seller | maker, Period: RulingPeriod, To: ClaimUnresolved},

	{From: ClaimOrdered, On: record.TypeSettleExecute, By: seller | maker, To: ClaimExecuted, If: "the remedy ordered"},
	{From: ClaimOrdered, Period: OrderPeriod, To: ClaimDefaulted},
	{From: ClaimDefaulted, On: record.TypeSettleExecute, By: seller | maker, To: ClaimExecuted, If: "the remedy ordered"},
	{From: ClaimDefaulted, On: record.TypeClaimClose, By: holder, To: ClaimGivenUp},
}, slices.Concat(deliveryRows(), sendBackRows(), evidenceRows())...)

// deliveryRows close a claim for goods that did not arrive, when they do arrive. A
// claim whose remedy was given goes on.
func deliveryRows() machine[ClaimState] {
	var rows machine[ClaimState]
	for _, s := range []ClaimState{ClaimOpen, ClaimOffered, ClaimAuthorised, ClaimRejected, ClaimEscalated, ClaimOrdered, ClaimDefaulted} {
		rows = append(rows,
			row[ClaimState]{From: s, On: record.TypeDeliveryConfirm, Choice: "outbound", By: custodian, To: ClaimDelivered, If: "no remedy was given"},
			row[ClaimState]{From: s, On: record.TypeRuling, Choice: "delivered outbound", By: supervisor, To: ClaimDelivered, If: "no remedy was given"})
	}
	return rows
}

// sendBackRows let the seller send goods that came back to the holder again,
// whatever became of the claim. A claim that was executed without a return can name
// goods that travelled off the chain.
func sendBackRows() machine[ClaimState] {
	var rows machine[ClaimState]
	for _, s := range []ClaimState{
		ClaimReceived, ClaimInspected, ClaimExecuted, ClaimRejected, ClaimEscalated, ClaimOrdered, ClaimDefaulted,
		ClaimSettled, ClaimRefused, ClaimDismissed, ClaimUnresolved, ClaimWithdrawn, ClaimGivenUp,
	} {
		rows = append(rows, row[ClaimState]{
			From: s, On: record.TypeShipmentCreate, Choice: "replacement", By: seller | maker, To: s, If: "the goods came back, and are not on their way",
		})
	}
	return rows
}

// evidenceRows lets the parties add evidence while the claim is not closed.
func evidenceRows() machine[ClaimState] {
	var rows machine[ClaimState]
	for s := ClaimOpen; !s.Closed(); s++ {
		rows = append(rows, row[ClaimState]{
			From: s, On: record.TypeEvidenceAdd, By: holder | seller | maker | servicer | custodian, To: s, If: "not too much",
		})
	}
	return rows
}

var evaluationBook = rulebook[EvaluationState]{
	name:  "evaluation",
	table: evaluationTable,
	strangers: []rejection[EvaluationState]{
		{On: record.TypeEvaluate, Reason: reject.NotBuyer},
		{On: record.TypeEvaluateAmend, Reason: reject.NotBuyer},
		{On: record.TypeSellerReply, Reason: reject.NotSeller},
		{On: record.TypeRewardClaim, Reason: reject.NotBuyer},
	},
	states: []rejection[EvaluationState]{
		{On: record.TypeEvaluate, Reason: reject.AlreadyEvaluated},
		{On: record.TypeEvaluateAmend, In: []EvaluationState{EvaluationAmended}, Reason: reject.AlreadyAmended},
		{On: record.TypeEvaluateAmend, Reason: reject.EvaluationUnknown},
		{On: record.TypeSellerReply, Reason: reject.EvaluationUnknown},
		{On: record.TypeRewardClaim, Reason: reject.EvaluationUnknown},
	},
}

var evaluationTable = machine[EvaluationState]{
	{On: record.TypeEvaluate, By: buyer, To: EvaluationGiven, If: "delivered, in time, not one's own goods"},
	{From: EvaluationGiven, On: record.TypeEvaluateAmend, By: buyer, To: EvaluationAmended, If: "a claim was closed"},
	{From: EvaluationGiven, On: record.TypeSellerReply, By: seller, To: EvaluationGiven, If: "once"},
	{From: EvaluationAmended, On: record.TypeSellerReply, By: seller, To: EvaluationAmended, If: "once"},
	{From: EvaluationGiven, On: record.TypeRewardClaim, By: buyer, To: EvaluationGiven, If: "once, blocks later"},
	{From: EvaluationAmended, On: record.TypeRewardClaim, By: buyer, To: EvaluationAmended, If: "once, blocks later"},
}
