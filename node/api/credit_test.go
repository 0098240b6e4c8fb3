package api

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/match"
)

// creditStory returns a story in which the seller refunds a claim, and epochs later.
func creditStory(t *testing.T) (*chaintest.Story, *service) {
	t.Helper()
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Run()
	story.Tip = story.Grow(story.Tip, match.Epoch+match.Depth, 0)
	return story, newServiceOf(t, story.Builder, story.Tip, withViews(t)).listen()
}

// The score of a seller in the answers of the API, and how it came about.
func TestCredit(t *testing.T) {
	story, s := creditStory(t)
	const outcome = 8 * credit.One / 12 // 2, 5 and 4 of 5
	for _, kind := range []string{"sellers/" + story.Seller.String(), "products/" + chaintest.GTIN.String()} {
		e := readAs[CreditExplanation](s, "/v1/credit/"+kind)
		if e.Parts.Vouchers != 1 || e.Parts.Ends != 1 || e.Parts.Settled != 1 || !e.Parts.Newcomer || len(e.Lines) != 1 || e.Height != story.Tip.Height() {
			t.Fatalf("%s: %+v", kind, e)
		}
		line := e.Lines[0]
		weight := uint64(50_000_000 * 100 / 100) // 5 thousandths of 100 coins, and at most 64 times the least fee
		if weight = min(weight, 64*uint64(e.Params.VoucherFee)); line.Said != outcome || uint64(line.Weight) != weight ||
			line.Outcome != strconv.FormatUint(weight*outcome, 10) || line.Fifths != 2 {
			t.Errorf("%s: line %+v", kind, line)
		}
		if e.Score != e.Exact*1000/credit.One || e.Exact == 0 || e.Parts.Decides == "" {
			t.Errorf("%s: score %+v", kind, e.CreditScore)
		}
		list := readAs[Page[CreditEvidence]](s, "/v1/credit/"+kind+"/evidence?period="+strconv.Itoa(int(line.Period)))
		if len(list.Items) != 1 || list.Items[0].Voucher != story.Voucher.String() || list.Items[0].Scores != 11 || list.Items[0].Ends["settled"] != 1 ||
			list.Items[0].Outcome != outcome || list.Next != "" {
			t.Errorf("%s: evidence %+v", kind, list)
		}
		before := readAs[CreditExplanation](s, "/v1/credit/"+kind+"?height=3")
		if before.Parts.Vouchers != 0 || before.Height != 3 || before.Exact != before.Low {
			t.Errorf("%s: at height 3: %+v", kind, before)
		}
	}
	ranking := readAs[CreditRanking](s, "/v1/credit/sellers")
	if ranking.Total != 1 || ranking.Items[0].Place != 1 || *ranking.Items[0].Seller != story.Seller || ranking.Next != "" {
		t.Errorf("ranking %+v", ranking)
	}
}

func TestCreditProblems(t *testing.T) {
	story, s := creditStory(t)
	seller, product := "/v1/credit/sellers/"+story.Seller.String(), "/v1/match?product="+chaintest.GTIN.String()
	query := "&query=" + strings.Repeat("0a", 32)
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		seller + "?height=9999":                        {http.StatusNotFound, "its tip has height"},
		seller + "?height=x":                           {http.StatusUnprocessableEntity, "no number"},
		"/v1/credit/sellers/" + story.Buyer.String():   {http.StatusNotFound, "no seller"},
		"/v1/credit/sellers/x":                         {http.StatusUnprocessableEntity, ""},
		"/v1/credit/products/4006381333931":            {http.StatusNotFound, ""},
		"/v1/credit/sellers?from=0":                    {http.StatusUnprocessableEntity, "from"},
		seller + "/evidence?from=x":                    {http.StatusUnprocessableEntity, "from"},
		product + "&query=" + strings.Repeat("zz", 32): {http.StatusUnprocessableEntity, "query id"},
		product + query + "&height=100":                {http.StatusUnprocessableEntity, "no epoch ends"},
		"/v1/match?product=4006381333931" + query:      {http.StatusNotFound, ""},
	} {
		if p := s.rejected(want.status, http.MethodGet, path, "", nil); !strings.Contains(p.Detail, want.text) {
			t.Errorf("%s: %q", path, p.Detail)
		}
	}
	young := newService(t, withViews(t)).listen()
	young.rejected(http.StatusNotFound, http.MethodGet, product+query, "", nil)
}

// An answer of the API can be drawn again.
func TestMatch(t *testing.T) {
	story, s := creditStory(t)
	path := "/v1/match?product=" + chaintest.GTIN.String() + "&query=" + strings.Repeat("0a", 32)
	drawn := readAs[Drawn](s, path)
	answer, err := drawn.Answer()
	s.check(err)
	if err := answer.Redraw(); err != nil {
		t.Error(err)
	}
	if len(drawn.Order) != 1 || drawn.Order[0] != story.Seller || drawn.Height != match.Epoch-1 || drawn.Block != story.Tip.Chain()[match.Epoch-1].Hash().String() {
		t.Errorf("drawn %+v", drawn)
	}
	if again := readAs[Drawn](s, path+"&height=143"); again.Query != drawn.Query || again.Block != drawn.Block {
		t.Errorf("again %+v", again)
	}
	var none record.Key
	if drawn.Sellers[0].Seller == none {
		t.Error("the seller has no key")
	}
}
