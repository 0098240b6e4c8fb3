package web

import (
	"encoding/hex"
	"html/template"

	"stele/node/ledger/record"
	"stele/node/query"
)

// eventPart is a record of a history.
type eventPart struct {
	ID, Path  string
	Text      string
	Detail    string
	Day       template.HTML
	Time      timePart      // that the author claims, or else of the block
	Mark      template.HTML // shape
	Signers   []keyPart
	Block     crumb
	Documents []document
	Note      string // of evidence
}

// eventGroup is a part of a life.
type eventGroup struct {
	Title  template.HTML
	Path   string
	Tag    state
	Events []eventPart
}

// document is a text that is kept elsewhere.
type document struct {
	Name  template.HTML
	Print idPart // its fingerprint
}

// The shapes of a timeline.
const (
	markPlain    = `<circle class="fb" cx="7" cy="7" r="6"/>`
	markGood     = `<circle class="fo" cx="7" cy="7" r="6"/>`
	markAsk      = `<path class="fw" d="M7 0l7 13H0z"/>`
	markDecision = `<path class="fa" d="M7 0l7 7-7 7-7-7z"/>`
	markBegin    = `<rect class="fi" x="2" y="2" width="10" height="10"/>`
	markBad      = `<path class="fx" d="M3 0l4 4 4-4 3 3-4 4 4 4-3 3-4-4-4 4-3-3 4-4-4-4z"/>`
)

// markOf returns the shape for a record.
func markOf(p record.Payload) template.HTML {
	switch p := p.(type) {
	case record.VoucherIssue, record.ProductRegister:
		return markBegin
	case record.ClaimOpen, record.ClaimEscalate:
		return markAsk
	case record.Ruling, record.SellerSuspend, record.SellerRestore:
		return markDecision
	case record.DeliveryConfirm, record.SettleExecute:
		return markGood
	case record.DeliveryException, record.ProofOfAttempt, record.RecallNotice, record.Correction, record.VoucherVoid:
		return markBad
	case record.SettleConfirm:
		if p.Accept {
			return markGood
		}
		return markAsk
	}
	return markPlain
}

// digestPart returns the fingerprint of a text; nil if there is no text.
func digestPart(d record.Digest) *idPart {
	if d == (record.Digest{}) {
		return nil
	}
	full := hex.EncodeToString(d[:])
	return &idPart{Full: full, Short: full[:8] + "…" + full[60:]}
}

// documents returns the fingerprints of texts in a payload.
func (r *request) documents(p record.Payload) (all []document) {
	add := func(name string, d record.Digest) {
		if part := digestPart(d); part != nil {
			all = append(all, document{r.t("document." + name), *part})
		}
	}
	switch p := p.(type) {
	case record.ProductRegister:
		add("terms", p.Terms)
	case record.VoucherIssue:
		add("invoice", p.Invoice)
		add("terms", p.Terms)
	case record.ClaimOpen:
		add("description", p.Description)
	case record.ClaimRespond:
		add("letter", p.Text)
	case record.EvidenceAdd:
		add("evidence", p.Evidence)
	case record.DeliveryException:
		add("evidence", p.Evidence)
	case record.ProofOfAttempt:
		add("evidence", p.Evidence)
	case record.InspectionReport:
		add("report", p.Report)
	case record.ClaimEscalate:
		add("reasons", p.Text)
	case record.Ruling:
		add("reasons", p.Text)
	case record.SettleExecute:
		add("report", p.Report)
	case record.Evaluate:
		add("text", p.Text)
	case record.EvaluateAmend:
		add("text", p.Text)
	case record.SellerReply:
		add("text", p.Text)
	case record.RecallNotice:
		add("notice", p.Text)
	case record.SellerSuspend:
		add("reasons", p.Text)
	case record.SellerRestore:
		add("reasons", p.Text)
	case record.Correction:
		add("correct", p.Correct)
	}
	return all
}

// event returns a record of a history. Days count from a moment of median time; 0: there
// is none to count from.
func (p *Pages) event(r *request, c *cast, e *query.Event, from uint32) eventPart {
	w, signers := r.words(), query.Signers(e.Record)
	part := eventPart{ID: e.ID().String(), Detail: w.Detail(e.Payload), Mark: markOf(e.Payload), Documents: r.documents(e.Payload)}
	part.Path = r.link("/records/" + part.ID)
	part.Time = r.unix(e.BlockTime)
	if claimed := uint32(e.ClaimedTime()); claimed != 0 {
		part.Time = r.unix(claimed)
	}
	if from != 0 {
		part.Day = p.dayText(r, e.MedianTime, from)
	}
	for i, s := range signers {
		as := c.partOf(s.Key, s.Part)
		if i == 0 {
			part.Text = w.RecordBy(e.Payload, as)
		}
		part.Signers = append(part.Signers, c.key(s.Key, as))
	}
	if len(signers) == 0 {
		part.Text = w.Record(e.Payload)
	}
	part.Block = crumb{r.t("case.block", "height", e.Place.Height), r.link("/blocks/" + uint32Text(e.Place.Height))}
	if evidence, ok := e.Payload.(record.EvidenceAdd); ok {
		part.Note = evidence.Note
	}
	return part
}

// timeline returns the records of a history, the newest first, in one group.
func (p *Pages) timeline(r *request, c *cast, events []query.Event, from uint32) []eventGroup {
	group := eventGroup{}
	for i := len(events) - 1; i >= 0; i-- {
		group.Events = append(group.Events, p.event(r, c, &events[i], from))
	}
	return []eventGroup{group}
}

// life returns the records of an item, the newest first, in groups: each claim, the ways of
// the goods, evaluations, recalls. A group ends where the next record belongs to another.
func (p *Pages) life(r *request, c *cast, events []query.Event, from uint32, claims []query.Claim) []eventGroup {
	claimOf := map[record.ID]record.ID{} // of shipments
	numbers, states := map[record.ID]int{}, map[record.ID]query.Claim{}
	for i, claim := range claims {
		numbers[claim.ID], states[claim.ID] = i+1, claim
	}
	for i := range events {
		if ship, ok := events[i].Payload.(record.ShipmentCreate); ok {
			claimOf[events[i].ID()] = ship.Claim
		}
	}
	var groups []eventGroup
	var last string
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		key, claim := belongs(e, claimOf)
		if key != last || groups == nil {
			group := eventGroup{}
			known, ok := states[claim]
			switch {
			case claim == (record.ID{}):
				group.Title = r.t("life." + key)
			case ok:
				group = eventGroup{Title: r.t("claim.number", "n", numbers[claim]), Path: r.link("/claims/" + claim.String()), Tag: r.claimState(known.State)}
			default: // of an earlier voucher
				group = eventGroup{Title: r.t("claim.earlier"), Path: r.link("/claims/" + claim.String())}
			}
			groups, last = append(groups, group), key
		}
		groups[len(groups)-1].Events = append(groups[len(groups)-1].Events, p.event(r, c, e, from))
	}
	return groups
}

// belongs returns the part of a life that a record belongs to, and the claim if it is one.
// The part of a claim is its id.
func belongs(e *query.Event, claimOf map[record.ID]record.ID) (part string, claim record.ID) {
	switch p := e.Payload.(type) {
	case record.ClaimOpen:
		claim = e.ID()
	case record.ShipmentCreate:
		claim = p.Claim
	case record.Pay:
		claim = p.Reference
	case record.Ruling:
		claim = p.ID
		if p.Subject == record.OnShipment {
			claim = claimOf[p.ID]
		}
	case record.Evaluate, record.EvaluateAmend, record.SellerReply, record.RewardClaim:
		return "evaluation", claim
	case record.RecallNotice:
		return "recall", claim
	case record.VoucherTransfer:
		return "transfer", claim
	case record.Correction:
		return "correction", claim
	case record.ProductRegister:
		return "product", claim
	default:
		if ids := record.Subjects(p); len(ids) > 0 {
			claim = ids[0]
			if of, isShipment := claimOf[claim]; isShipment {
				claim = of
			} else if p.Type() < record.TypeClaimOpen {
				claim = record.ID{}
			}
		}
	}
	if claim == (record.ID{}) {
		return "sale", claim
	}
	return claim.String(), claim
}
