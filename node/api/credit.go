package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"stele/engine/pow"
	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/match"
	"stele/node/views"
)

// CreditAt is where scores hold.
type CreditAt struct {
	Height uint32 `json:"height" doc:"of the block after which the scores hold"`
	Period uint32 `json:"period" doc:"of the height"`
	Prior  uint32 `json:"prior" doc:"of the market: what a seller begins each period with, in parts of 65536"`
	Low    uint32 `json:"low" doc:"of the market: the score without evidence, in parts of 65536"`
}

// CreditParams are the numbers of the network.
type CreditParams struct {
	Period      uint32        `json:"period" doc:"blocks of a period"`
	Window      uint32        `json:"window" doc:"periods that count"`
	VoucherFee  record.Amount `json:"voucher_fee" doc:"the least that is burned for a voucher"`
	FeePermille uint16        `json:"fee_permille" doc:"of the price that is burned at least"`
}

// CreditParts are what a score follows from. Means and bounds are in parts of 65536.
type CreditParts struct {
	Vouchers  uint32        `json:"vouchers" doc:"with evidence in the window"`
	Ends      uint32        `json:"ends" doc:"of claims under them"`
	Settled   uint32        `json:"settled" doc:"ends that are a settlement"`
	Standing  uint32        `json:"standing" doc:"threes of closed periods with evidence, at most 7"`
	Newcomer  bool          `json:"newcomer" doc:"less than full standing, or fewer than 20 vouchers"`
	Usual     record.Amount `json:"usual" doc:"weight of a usual voucher"`
	Core      uint32        `json:"core" doc:"mean of the worse two fifths of the periods"`
	Running   *uint32       `json:"running,omitempty" doc:"mean of the running period; missing: it has no evidence"`
	Whole     uint32        `json:"whole" doc:"mean of all money alike"`
	Recent    uint32        `json:"recent" doc:"upper bound from the last four periods"`
	Claims    uint32        `json:"claims" doc:"upper bound of how claims end"`
	Satisfied uint32        `json:"satisfied" doc:"the least of core, whole, recent and claims"`
	Decides   string        `json:"decides,omitempty" enum:"core,whole,recent,claims" doc:"which of them that is; missing: no evidence"`
}

// CreditScore is a score.
type CreditScore struct {
	Seller    *record.Key `json:"seller,omitempty" doc:"the first key of its account; missing: the score is a product's"`
	GTIN      string      `json:"gtin,omitempty"`
	Score     uint32      `json:"score" doc:"in thousandths"`
	Exact     uint32      `json:"exact" doc:"in parts of 65536"`
	Suspended bool        `json:"suspended" doc:"by a supervisor; then the score is 0"`
	Parts     CreditParts `json:"parts"`
}

// CreditPlace is a place in the ranking.
type CreditPlace struct {
	Place int `json:"place" doc:"1: the best"`
	CreditScore
}

// CreditRanking is a page of the order of all sellers or products.
type CreditRanking struct {
	CreditAt
	Total int           `json:"total" doc:"sellers or products with evidence"`
	Items []CreditPlace `json:"items" doc:"the best first"`
	Next  string        `json:"next,omitempty" doc:"from of the next page; missing on the last one"`
}

// CreditLine is what one period adds to a score.
type CreditLine struct {
	Period   uint32        `json:"period"`
	Vouchers uint32        `json:"vouchers"`
	Ends     uint32        `json:"ends" doc:"of claims"`
	Settled  uint32        `json:"settled"`
	Weight   record.Amount `json:"weight" doc:"of all its vouchers"`
	Outcome  string        `json:"outcome" doc:"sum of weight times outcome, in smallest units of money and parts of 65536" example:"3276800000"`
	Said     uint32        `json:"said" doc:"mean outcome by weight, in parts of 65536"`
	Mean     uint32        `json:"mean" doc:"the same with four invented sales of the usual weight"`
	Running  bool          `json:"running" doc:"the period is not over"`
	Fifths   int           `json:"fifths" doc:"fifths of the mean that are among the worse two fifths of all, 0 to 5"`
}

// CreditExplanation is a score with all that it follows from.
type CreditExplanation struct {
	CreditAt
	Params CreditParams `json:"params"`
	CreditScore
	Revoked bool         `json:"revoked" doc:"the seller lost its role"`
	Lines   []CreditLine `json:"lines" doc:"of the periods with evidence, in order"`
}

// CreditEvidence is a voucher that counts in a period.
type CreditEvidence struct {
	Voucher string            `json:"voucher"`
	Weight  record.Amount     `json:"weight"`
	Scores  uint8             `json:"scores,omitempty" doc:"sum of the three of its evaluation, 3 to 15; missing: none"`
	Ends    map[string]uint16 `json:"ends" doc:"how many of its claims were settled, unresolved, ordered, defaulted"`
	Outcome uint32            `json:"outcome" doc:"in parts of 65536"`
	Because string            `json:"because" enum:"first,worse" doc:"why it counts in this period: it said something first, or its outcome got worse"`
}

// DrawnSeller is a candidate of a draw.
type DrawnSeller struct {
	Seller   record.Key `json:"seller" doc:"the first key of its account"`
	Exact    uint32     `json:"exact" doc:"score in parts of 65536"`
	Newcomer bool       `json:"newcomer"`
}

// Drawn is the order of sellers for a query, with all that it follows from.
type Drawn struct {
	Network uint32        `json:"network" doc:"number of the network"`
	Product string        `json:"product" doc:"GTIN"`
	Query   string        `json:"query" doc:"the id of the question"`
	Height  uint32        `json:"height" doc:"of the epoch's last block"`
	Block   string        `json:"block" doc:"its hash"`
	Sellers []DrawnSeller `json:"sellers" doc:"that sold the product in the last 26 periods and may sell, by their accounts"`
	Order   []record.Key  `json:"order" doc:"the first place first, at most 20"`
}

// AtHeight is the parameter of a score.
type AtHeight struct {
	Height string `query:"height" maxLength:"10" doc:"of the block after which the score is asked; missing: the tip"`
}

// EvidencePart are the parameters of a list of evidence.
type EvidencePart struct {
	Period uint32 `query:"period" doc:"number of the period"`
	AtHeight
	Paging
}

// Answer returns what the draw was made of, to be drawn again. An error says which field
// has no sense.
func (d *Drawn) Answer() (a match.Answer, err error) {
	a = match.Answer{Network: d.Network, Height: d.Height, Order: d.Order}
	if a.Product, err = record.ParseGTIN(d.Product); err != nil {
		return a, fmt.Errorf("product: %w", err)
	}
	if err := a.Query.UnmarshalText([]byte(d.Query)); err != nil {
		return a, fmt.Errorf("query: %w", err)
	}
	if a.Block, err = pow.ParseHash(d.Block); err != nil {
		return a, fmt.Errorf("block: %w", err)
	}
	for _, s := range d.Sellers {
		a.Sellers = append(a.Sellers, match.Seller{Account: s.Seller, Score: s.Exact, Newcomer: s.Newcomer})
	}
	return a, nil
}

func newDrawn(a *match.Answer) Drawn {
	d := Drawn{
		Network: a.Network, Product: a.Product.String(), Query: a.Query.String(), Height: a.Height, Block: a.Block.String(),
		Sellers: []DrawnSeller{}, Order: a.Order,
	}
	for _, s := range a.Sellers {
		d.Sellers = append(d.Sellers, DrawnSeller{s.Account, s.Score, s.Newcomer})
	}
	return d
}

type (
	rankingInput struct {
		AtHeight
		Paging
	}
	sellerCreditInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the seller, 72 hex digits"`
		AtHeight
	}
	productCreditInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		AtHeight
	}
	sellerEvidenceInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the seller, 72 hex digits"`
		EvidencePart
	}
	productEvidenceInput struct {
		GTIN string `path:"gtin" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		EvidencePart
	}
	matchInput struct {
		Product string `query:"product" required:"true" maxLength:"14" doc:"8, 12, 13 or 14 digits"`
		Query   string `query:"query" required:"true" minLength:"64" maxLength:"64" doc:"64 hex digits that the buyer's client chooses at random"`
		Height  string `query:"height" maxLength:"10" doc:"of the last block of an earlier epoch, to redraw an answer; missing: the present one"`
	}
)

func (a *API) registerCredit(api huma.API) {
	ranking := func(id, path, summary string) huma.Operation {
		op := get(id, path, summary)
		op.Errors = append(op.Errors, http.StatusNotFound) // the height
		return op
	}
	huma.Register(api, ranking("rank-sellers", "/v1/credit/sellers", "Sellers by their scores, the best first"), a.rank(a.credit.Sellers, a.credit.SellersAt))
	huma.Register(api, ranking("rank-products", "/v1/credit/products", "Products by their scores, the best first"), a.rank(a.credit.Products, a.credit.ProductsAt))
	huma.Register(api, get("explain-seller", "/v1/credit/sellers/{key}", "The score of a seller, with all that it follows from"), a.explainSeller)
	huma.Register(api, get("explain-product", "/v1/credit/products/{gtin}", "The score of a product, with all that it follows from"), a.explainProduct)
	huma.Register(api, get("list-seller-evidence", "/v1/credit/sellers/{key}/evidence", "The vouchers behind a period of a seller's score"), a.sellerEvidence)
	huma.Register(api, get("list-product-evidence", "/v1/credit/products/{gtin}/evidence", "The vouchers behind a period of a product's score"), a.productEvidence)
	op := get("match", "/v1/match", "The sellers of a product, in an order drawn by their scores")
	op.Description = "Everybody who has the answer can draw it again: stele match --verify."
	op.Errors = append(op.Errors, http.StatusNotFound)
	huma.Register(api, op, a.match)
}

func newCreditAt(at credit.At) CreditAt {
	return CreditAt{at.Height, at.Period, at.Market.Prior, at.Market.Low}
}

func newCreditScore(o credit.Owner, value uint32, suspended bool, p credit.Parts) CreditScore {
	score := CreditScore{Score: value * 1000 / credit.One, Exact: value, Suspended: suspended, Parts: CreditParts{
		Vouchers: p.Vouchers, Ends: p.Ends, Settled: p.Settled, Standing: p.Standing, Newcomer: p.Newcomer(), Usual: record.Amount(p.Usual),
		Core: p.Core, Whole: p.Whole, Recent: p.Recent, Claims: p.Claims, Satisfied: p.Satisfied, Decides: p.Decides(),
	}}
	if p.InRunning {
		score.Parts.Running = &p.Running
	}
	if seller, ok := o.Seller(); ok {
		score.Seller = &seller
	} else {
		score.GTIN = o.Product().String()
	}
	return score
}

// rank returns a handler for pages of a ranking. Their cursor is a place.
func (a *API) rank(now func(from, limit int) (credit.Ranking, error), earlier func(height uint32, from, limit int) (credit.Ranking, error)) func(context.Context, *rankingInput) (*answer[CreditRanking], error) {
	return func(_ context.Context, in *rankingInput) (*answer[CreditRanking], error) {
		from := 1
		if in.From != "" {
			n, err := strconv.ParseUint(in.From, 10, 31)
			if err != nil || n == 0 {
				return nil, newProblem(http.StatusUnprocessableEntity, "from is not what next of a page was")
			}
			from = int(n)
		}
		ask := now
		if in.Height != "" {
			height, err := a.height(in.Height)
			if err != nil {
				return nil, err
			}
			ask = func(from, limit int) (credit.Ranking, error) { return earlier(height, from, limit) }
		}
		page, err := ask(from, in.Limit)
		if err != nil {
			return nil, a.creditProblem(err)
		}
		res := CreditRanking{CreditAt: newCreditAt(page.At), Total: page.Total, Items: []CreditPlace{}}
		for _, r := range page.Ranked {
			res.Items = append(res.Items, CreditPlace{r.Place, newCreditScore(r.Owner, r.Value, r.Suspended, r.Parts)})
		}
		if n := from + len(page.Ranked); n <= page.Total {
			res.Next = strconv.Itoa(n)
		}
		return &answer[CreditRanking]{res}, nil
	}
}

// creditProblem turns an error of package credit into a problem.
func (a *API) creditProblem(err error) error {
	if errors.Is(err, credit.ErrHeight) {
		return newProblem(http.StatusServiceUnavailable, err.Error()+"; try again later")
	}
	return queryProblem(err)
}

// height returns the height that a text names, or the tip of the index.
func (a *API) height(text string) (uint32, error) {
	if text == "" {
		height, err := a.credit.Tip()
		if err != nil {
			return 0, a.creditProblem(err)
		}
		return height, nil
	}
	height, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, newProblem(http.StatusUnprocessableEntity, "height is no number of a block")
	}
	if tip := a.chain.Tip().Height; height > uint64(tip) {
		return 0, newProblem(http.StatusNotFound, fmt.Sprintf("the chain has no block at height %d: its tip has height %d", height, tip))
	}
	return uint32(height), nil
}

// sellerOf returns whose score a key names.
func (a *API) sellerOf(text string) (credit.Owner, error) {
	key, err := parseKey(text)
	if err != nil {
		return credit.Owner{}, err
	}
	account, err := a.views.Account(key)
	if err != nil {
		return credit.Owner{}, queryProblem(err)
	}
	return credit.OfSeller(account), nil
}

// productOf returns the product that a text names, which must be registered.
func (a *API) productOf(text string) (credit.Owner, record.GTIN, error) {
	gtin, err := parseGTIN(text)
	if err != nil {
		return credit.Owner{}, 0, err
	}
	if _, err := a.query.Product(gtin); err != nil {
		return credit.Owner{}, 0, queryProblem(err)
	}
	return credit.OfProduct(gtin), gtin, nil
}

func (a *API) explainSeller(_ context.Context, in *sellerCreditInput) (*answer[CreditExplanation], error) {
	o, err := a.sellerOf(in.Key)
	if err != nil {
		return nil, err
	}
	e, err := a.explain(o, in.Height)
	if err != nil || e.Body.Parts.Vouchers > 0 || e.Body.Suspended || e.Body.Revoked {
		return e, err
	}
	seller, _ := o.Seller()
	account, err := a.query.Account(seller)
	switch {
	case err != nil:
		return nil, queryProblem(err)
	case !account.Roles.Has(record.Seller):
		return nil, newProblem(http.StatusNotFound, "the account is no seller, and was none that sold anything")
	}
	return e, nil
}

func (a *API) explainProduct(_ context.Context, in *productCreditInput) (*answer[CreditExplanation], error) {
	o, _, err := a.productOf(in.GTIN)
	if err != nil {
		return nil, err
	}
	return a.explain(o, in.Height)
}

func (a *API) explain(o credit.Owner, at string) (*answer[CreditExplanation], error) {
	height, err := a.height(at)
	if err != nil {
		return nil, err
	}
	e, err := a.credit.Explain(o, height)
	if err != nil {
		return nil, a.creditProblem(err)
	}
	p := a.credit.Params()
	res := CreditExplanation{
		CreditAt: newCreditAt(e.At), CreditScore: newCreditScore(o, e.Value, e.Suspended, e.Parts), Revoked: e.Revoked, Lines: []CreditLine{},
		Params: CreditParams{p.Period, credit.Window, p.VoucherFee, p.FeePermille},
	}
	for _, l := range e.Lines {
		res.Lines = append(res.Lines, CreditLine{
			Period: l.Period, Vouchers: l.Vouchers, Ends: l.Ends, Settled: l.Settled, Weight: record.Amount(l.Weight),
			Outcome: strconv.FormatUint(l.Outcome, 10), Said: l.Said, Mean: l.Mean, Running: l.Running, Fifths: l.Fifths,
		})
	}
	return &answer[CreditExplanation]{res}, nil
}

func (a *API) sellerEvidence(_ context.Context, in *sellerEvidenceInput) (*answer[Page[CreditEvidence]], error) {
	o, err := a.sellerOf(in.Key)
	if err != nil {
		return nil, err
	}
	return a.evidence(o, &in.EvidencePart)
}

func (a *API) productEvidence(_ context.Context, in *productEvidenceInput) (*answer[Page[CreditEvidence]], error) {
	o, _, err := a.productOf(in.GTIN)
	if err != nil {
		return nil, err
	}
	return a.evidence(o, &in.EvidencePart)
}

// evidence answers with the vouchers of a period, by their ids. The cursor is an id.
func (a *API) evidence(o credit.Owner, in *EvidencePart) (*answer[Page[CreditEvidence]], error) {
	height, err := a.height(in.Height)
	if err != nil {
		return nil, err
	}
	var from record.ID
	if in.From != "" {
		if from, err = parseID(in.From); err != nil {
			return nil, newProblem(http.StatusUnprocessableEntity, "from is not what next of a page was")
		}
	}
	list, err := a.credit.Evidence(o, in.Period, height, from, in.Limit+1)
	if err != nil {
		return nil, a.creditProblem(err)
	}
	res := Page[CreditEvidence]{Items: []CreditEvidence{}}
	for i, e := range list {
		if i == in.Limit {
			res.Next = e.Voucher.String()
			break
		}
		line := CreditEvidence{e.Voucher.String(), record.Amount(e.Weight), e.Scores, map[string]uint16{}, e.Outcome, "first"}
		if e.Moved {
			line.Because = "worse"
		}
		for end, n := range e.Ends {
			line.Ends[end.String()] = n
		}
		res.Items = append(res.Items, line)
	}
	return &answer[Page[CreditEvidence]]{res}, nil
}

// maxCandidates is how many sellers a draw may have.
const maxCandidates = 2000

func (a *API) match(_ context.Context, in *matchInput) (*answer[Drawn], error) {
	_, gtin, err := a.productOf(in.Product)
	if err != nil {
		return nil, err
	}
	drawn := match.Answer{Network: a.params.ID, Product: gtin}
	if err := drawn.Query.UnmarshalText([]byte(in.Query)); err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	if drawn.Height, err = a.epoch(in.Height); err != nil {
		return nil, err
	}
	h, ok := a.chain.HeaderAt(drawn.Height)
	if !ok {
		return nil, newProblem(http.StatusServiceUnavailable, "the chain changes; try again")
	}
	drawn.Block = h.Hash
	offers, err := a.credit.Offers(gtin, drawn.Height, maxCandidates)
	if errors.Is(err, views.ErrTooMany) {
		return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("more than %d sellers sell the product", maxCandidates))
	}
	if err != nil {
		return nil, a.creditProblem(err)
	}
	drawn.Sellers = match.Candidates(offers)
	drawn.Draw()
	return &answer[Drawn]{newDrawn(&drawn)}, nil
}

// epoch returns the height of the last block of the epoch that a text names, or of the
// present one.
func (a *API) epoch(text string) (uint32, error) {
	present, ok := match.EpochAt(a.chain.Tip().Height)
	if !ok {
		return 0, newProblem(http.StatusNotFound, fmt.Sprintf("the first epoch ends at height %d, and %d blocks have to follow", match.Epoch-1, match.Depth-1))
	}
	if text == "" {
		return present, nil
	}
	height, err := a.height(text)
	if err != nil {
		return 0, err
	}
	if height > present || (height+1)%match.Epoch != 0 {
		return 0, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("no epoch ends at height %d; the present one is decided by the block at height %d", height, present))
	}
	return height, nil
}
