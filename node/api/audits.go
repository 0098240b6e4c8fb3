package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/credit"
	"stele/node/ledger/record"
)

// CreditAudits are the audits of a period.
type CreditAudits struct {
	Network uint32        `json:"network" doc:"number of the network"`
	Period  uint32        `json:"period"`
	End     uint32        `json:"end" doc:"height of the last block of the period: the vouchers are those that count after it"`
	Height  uint32        `json:"height" doc:"of the block whose hash decides, the sixth one after the period"`
	Block   string        `json:"block" doc:"its hash"`
	Items   []CreditAudit `json:"items" doc:"one for each seller with evidence in the period, by their keys"`
	Next    string        `json:"next,omitempty" doc:"from of the next page; missing on the last one"`
}

// CreditAudit is the voucher that is drawn for a seller.
type CreditAudit struct {
	Seller   record.Key    `json:"seller" doc:"first key of its account"`
	Voucher  string        `json:"voucher" doc:"whose invoice, payment and carriage the seller shows"`
	Vouchers int           `json:"vouchers" doc:"of the seller that count in the period"`
	Weight   record.Amount `json:"weight" doc:"of all of them"`
	Drawn    record.Amount `json:"drawn" doc:"number below weight that was drawn: sorted by their ids, the voucher whose part of the weight it is in"`
}

type auditsInput struct {
	Period string `query:"period" maxLength:"10" doc:"number of the period; missing: the last one that is drawn"`
	Seller string `query:"seller" maxLength:"80" doc:"a key of the seller: only its audit"`
	Paging
}

func (a *API) registerAudits(api huma.API) {
	op := get("list-audits", "/v1/supervision/audits", "The vouchers that are drawn to be audited, one for each seller and period")
	op.Description = "Everybody can draw them again: docs/credit.md has the method."
	op.Errors = append(op.Errors, http.StatusNotFound)
	huma.Register(api, op, a.audits)
}

func (a *API) audits(_ context.Context, in *auditsInput) (*answer[CreditAudits], error) {
	period, err := a.auditPeriod(in.Period)
	if err != nil {
		return nil, err
	}
	var page credit.Audits
	switch {
	case in.Seller != "":
		owner, err := a.sellerOf(in.Seller)
		if err != nil {
			return nil, err
		}
		seller, _ := owner.Seller()
		if page, err = a.credit.AuditOf(period, seller); err != nil {
			return nil, a.auditProblem(err)
		}
	default:
		var from record.Key
		if in.From != "" {
			if from, err = parseKey(in.From); err != nil {
				return nil, newProblem(http.StatusUnprocessableEntity, "from is not what next of a page was")
			}
		}
		if page, err = a.credit.AuditPage(period, from, in.Limit); err != nil {
			return nil, a.auditProblem(err)
		}
	}
	res := CreditAudits{Network: a.params.ID, Period: page.Period, End: page.End, Height: page.Height, Block: page.Block.String(), Items: []CreditAudit{}}
	for _, x := range page.Audits {
		res.Items = append(res.Items, CreditAudit{x.Seller, x.Voucher.String(), x.Vouchers, record.Amount(x.Weight), record.Amount(x.Drawn)})
	}
	if page.More {
		res.Next = page.Next.String()
	}
	return &answer[CreditAudits]{res}, nil
}

// auditPeriod returns the period that a text names, or the last one that is drawn.
func (a *API) auditPeriod(text string) (uint32, error) {
	if text != "" {
		period, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return 0, newProblem(http.StatusUnprocessableEntity, "period is no number of a period")
		}
		return uint32(period), nil
	}
	tip, err := a.credit.Tip()
	if err != nil {
		return 0, a.creditProblem(err)
	}
	drawn := a.credit.Params().DrawnPeriods(tip)
	if drawn == 0 {
		return 0, newProblem(http.StatusNotFound, fmt.Sprintf("no audits are drawn yet: periods have %d blocks", a.credit.Params().Period))
	}
	return drawn - 1, nil
}

func (a *API) auditProblem(err error) error {
	if errors.Is(err, credit.ErrNotDrawn) {
		return newProblem(http.StatusNotFound, err.Error())
	}
	return a.creditProblem(err)
}
