package corpus

import (
	"bytes"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Fields that no record of the type may have, whatever the state is.
func (w *scenario) forms() {
	w.reject(reject.BadGTIN, w.maker, record.ProductRegister{Time: w.now(), GTIN: soldGTIN + 1, WarrantyDays: 365})
	w.reject(reject.BadTime, w.maker, record.ProductRegister{Time: 1, GTIN: soldGTIN, WarrantyDays: 365})

	sale := func(reason reject.Reason, change func(p *record.VoucherIssue)) {
		p := w.Sale()
		change(&p)
		w.reject(reason, w.seller, p)
	}
	sale(reject.BadSerial, func(p *record.VoucherIssue) { p.Serial = "" })
	sale(reject.BadSerial, func(p *record.VoucherIssue) { p.Serial = "A B" })
	sale(reject.ZeroQuantity, func(p *record.VoucherIssue) { p.Quantity = 0 })

	w.complain(record.Refund)
	w.reject(reject.BadText, w.Buyer, record.EvidenceAdd{Time: w.now(), Claim: w.Claim, Note: "\a"})
	w.reject(reject.BadText, w.Buyer, record.EvidenceAdd{Time: w.now(), Claim: w.Claim, Note: "\xff"})
	w.reject(reject.MissingID, w.Buyer, record.ClaimWithdraw{Time: w.now()})
	both := w.Rejection()
	both.Remedy = record.Repair
	w.reject(reject.ContraryFields, w.seller, both)
	cause := w.Authorise(record.Refund, false)
	cause.Cause = record.Misuse
	w.reject(reject.ContraryFields, w.seller, cause)
	old := bytes.Clone(w.record(w.seller, w.Rejection()).Encode())
	old[5] = 1 // of the version without a servicer
	w.rejectRecordBytes(w.name("CLAIM_RESPOND of version 1"), reject.UnknownVersion, old)
	ground := w.Open(99, record.Repair)
	w.reject(reject.UnknownChoice, w.Buyer, ground)
	score := w.Evaluation()
	score.Service = 6
	w.reject(reject.ScoreOutOfRange, w.Buyer, score)
	score.Service = 0
	w.reject(reject.ScoreOutOfRange, w.Buyer, score)

	many := make([]record.Key, record.MaxApprovers+1)
	for i := range many {
		many[i] = w.key()
	}
	w.reject(reject.TooManyApprovers, w.seller, record.RoleGrant{Role: record.Seller, Key: w.Buyer, Approvers: many})
}

// behind adds a block that is so far behind the tip that it is not kept.
func (g *generator) behind() {
	g.reject("on genesis, long after", reject.LowWork, g.Draft(g.Genesis).Seal())
}
