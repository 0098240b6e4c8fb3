package query

import "stele/node/ledger/record"

// ClaimCase is a claim with the records that decided it. A record is nil if there
// is none; of several of a type it is the last one.
type ClaimCase struct {
	Claim
	Answer     *Event  // CLAIM_RESPOND
	Reply      *Event  // CLAIM_ANSWER, to an offer
	Inspection *Event  // INSPECTION_REPORT
	Ruling     *Event  // RULING on the claim
	Settlement *Event  // SETTLE_EXECUTE
	Evidence   []Event // EVIDENCE_ADD, the oldest first
	Shipments  []Event // SHIPMENT_CREATE of goods that go back or come again
}

// maxCase is how many records of a claim ClaimCase reads. The rules bound the
// evidence of each party, and a claim has few other records.
const maxCase = 1000

// ClaimCase returns a claim with the records that decided it. They are those of the
// index, which can lack what the newest block added. Errors: [ErrNotFound],
// [ErrBusy], [ErrNoViews], [store.ErrPruned].
func (r *Reader) ClaimCase(id record.ID) (*ClaimCase, error) {
	claim, err := r.Claim(id)
	if err != nil {
		return nil, err
	}
	history, err := r.ClaimHistory(id, Range{Limit: maxCase})
	if err != nil {
		return nil, err
	}
	c := &ClaimCase{Claim: *claim, Evidence: []Event{}, Shipments: []Event{}}
	for i := range history.Items {
		e := &history.Items[i]
		switch p := e.Payload.(type) {
		case record.ClaimRespond:
			c.Answer = e
		case record.ClaimAnswer:
			c.Reply = e
		case record.InspectionReport:
			c.Inspection = e
		case record.Ruling:
			if p.Subject == record.OnClaim {
				c.Ruling = e
			}
		case record.SettleExecute:
			c.Settlement = e
		case record.EvidenceAdd:
			c.Evidence = append(c.Evidence, *e)
		case record.ShipmentCreate:
			c.Shipments = append(c.Shipments, *e)
		}
	}
	return c, nil
}
