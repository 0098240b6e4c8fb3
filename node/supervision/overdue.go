package supervision

import (
	"fmt"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/views"
)

// Group says whose overdue claims are counted together.
type Group = views.Group

// The groups.
const (
	BySeller  = views.BySeller
	ByProduct = views.ByProduct
	ByMaker   = views.ByMaker
)

// Waits is how many overdue claims wait for somebody.
type Waits struct {
	For   string // "seller or maker", "seller or servicer" or "supervisor"
	Count uint64
}

// OverdueCount is how many claims of a seller, a product or a maker are overdue.
type OverdueCount struct {
	Account record.Key  // of the seller or the maker; zero: of a product
	Product record.GTIN // 0: of an account
	Count   uint64
	Waits   []Waits // their counts are Count in all; none is 0
	// Worst is the claim that is overdue for the longest time; nil if it has just been
	// acted on.
	Worst *OverdueClaim
}

// Of returns the filter with which [Reader.OverdueClaims] lists the claims behind the
// count.
func (c *OverdueCount) Of(by Group) query.Of {
	switch by {
	case BySeller:
		return query.Of{Seller: &c.Account}
	case ByMaker:
		return query.Of{Maker: &c.Account}
	}
	return query.Of{Product: &c.Product}
}

// OverdueClaim is a claim whose deadline has passed and that waits for somebody.
type OverdueClaim struct {
	query.Claim
	Over uint64     // seconds of median time since the deadline
	Turn rules.Turn // who must act, and what became possible
}

// waitsFor returns whose turn it is in an overdue claim in a state; "" if a claim in the
// state is never overdue, because time alone closes it or it waits for nothing.
func waitsFor(s rules.ClaimState) string {
	switch s {
	case rules.ClaimOpen, rules.ClaimAuthorised, rules.ClaimInspected:
		return "seller or maker"
	case rules.ClaimReceived:
		return "seller or servicer"
	case rules.ClaimEscalated:
		return "supervisor"
	}
	return ""
}

// waits returns for whom the overdue claims of a scope wait.
func (r *Reader) waits(of views.Scope) ([]Waits, error) {
	list := []Waits{}
	for _, s := range query.LiveClaimStates() {
		n, err := r.views.Count(views.Claims, of, views.OverdueIn(s))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			continue
		}
		who, known := waitsFor(s), false
		for i := range list {
			if list[i].For == who {
				list[i].Count, known = list[i].Count+n, true
			}
		}
		if !known {
			list = append(list, Waits{who, n})
		}
	}
	return list, nil
}

// Overdue returns the sellers, products or makers with overdue claims, those with the most
// first: as of the tip of the index. It has no span.
func (r *Reader) Overdue(by Group, in query.Range) (query.Page[OverdueCount], error) {
	page := query.Page[OverdueCount]{Items: []OverdueCount{}}
	if err := r.now(); err != nil {
		return page, err
	}
	from, err := rankOf(by, in.From)
	if err != nil {
		return page, err
	}
	if err := r.query.Lists(); err != nil {
		return page, err
	}
	ranks, err := r.views.MostOverdue(by, from, in.Limit+1)
	if err != nil {
		return page, err
	}
	for i, rank := range ranks {
		if i == in.Limit {
			page.Next = rankCursor(rank)
			break
		}
		c := OverdueCount{Account: rank.Scope.Account(), Product: rank.Scope.Product(), Count: rank.Count}
		if c.Waits, err = r.waits(rank.Scope); err != nil {
			return page, err
		}
		worst, err := r.OverdueClaims(c.Of(by), query.Range{Limit: 1})
		if err != nil {
			return page, err
		}
		if len(worst.Items) > 0 {
			c.Worst = &worst.Items[0]
		}
		page.Items = append(page.Items, c)
	}
	return page, nil
}

// rankOf returns the rank that a cursor names.
func rankOf(by Group, c query.Cursor) (rank views.Rank, err error) {
	if c == "" {
		return rank, nil
	}
	var name string
	if _, err := fmt.Sscanf(string(c), "%d.%s", &rank.Count, &name); err != nil {
		return rank, errCursor()
	}
	if by == ByProduct {
		gtin, err := record.ParseGTIN(name)
		if rank.Scope = views.OfProduct(gtin); err != nil || rankCursor(rank) != c {
			return rank, errCursor()
		}
		return rank, nil
	}
	account, err := record.ParseKey(name)
	if rank.Scope = views.OfSeller(account); by == ByMaker {
		rank.Scope = views.OfMaker(account)
	}
	if err != nil || rankCursor(rank) != c {
		return rank, errCursor()
	}
	return rank, nil
}

func rankCursor(r views.Rank) query.Cursor {
	if gtin := r.Scope.Product(); gtin != 0 {
		return query.Cursor(fmt.Sprintf("%d.%v", r.Count, gtin))
	}
	return query.Cursor(fmt.Sprintf("%d.%v", r.Count, r.Scope.Account()))
}

// OverdueClaims returns the overdue claims of a seller, a holder, a product or a maker or
// of all, those that are overdue for the longest time first: as of the tip. It has no
// span. A page may have fewer items than its limit although more follow.
func (r *Reader) OverdueClaims(of query.Of, in query.Range) (query.Page[OverdueClaim], error) {
	page := query.Page[OverdueClaim]{Items: []OverdueClaim{}}
	if err := r.now(); err != nil {
		return page, err
	}
	scope, err := r.query.Scope(of)
	if err == nil {
		err = r.knows(of, scope)
	}
	if err != nil {
		return page, err
	}
	claims, err := r.query.ClaimsByDeadline(of, true, in)
	if err != nil {
		return page, err
	}
	page.Next = claims.Next
	now := uint64(r.query.Tip().MedianTime)
	for _, c := range claims.Items {
		turn, err := r.query.Turn(c.ID)
		if err != nil {
			return page, moved(err)
		}
		page.Items = append(page.Items, OverdueClaim{c, now - min(now, c.Deadline.Time), turn})
	}
	return page, nil
}
