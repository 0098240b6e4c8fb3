package query

import (
	"cmp"
	"math"
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Inbox is what waits for an account.
type Inbox struct {
	MedianTime uint32 // by which the next block is judged
	Items      []Waiting
	Complete   bool // whether everything of the account was looked at
}

// Waiting is a claim, a shipment or a voucher in which an account has to act, or may.
type Waiting struct {
	Kind    string // "claim", "shipment" or "voucher"
	ID      record.ID
	State   string
	Must    bool           // it is the account's turn; else it only may act
	Until   uint64         // last second of the period in which it has to act; 0: none
	Actions []rules.Action // that are allowed; never empty
}

// Inbox returns what waits for the account of a key: claims whose turn it is, goods that
// it has or must send, and purchases to evaluate; what it has to do first, the most
// urgent first. Of each list it looks at limit things at most. Claims that a servicer may
// inspect are not among them: see [Reader.ClaimsServicedBy]. Errors: [ErrOnlyNow], and
// those of [Reader.Vouchers].
func (r *Reader) Inbox(key record.Key, limit int) (*Inbox, error) {
	account, err := r.Account(key)
	if err != nil {
		return nil, err
	}
	s := inboxSearch{r: r, account: account, in: Range{Limit: limit}, inbox: &Inbox{MedianTime: r.tip().MedianTime, Complete: true, Items: []Waiting{}}}
	for _, look := range []func() error{s.claims, s.shipments, s.sold, s.held} {
		if err := look(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(s.inbox.Items, func(a, b Waiting) int {
		if a.Must != b.Must {
			return map[bool]int{true: -1, false: 1}[a.Must]
		}
		return cmp.Compare(urgency(a.Until), urgency(b.Until))
	})
	return s.inbox, nil
}

func urgency(until uint64) uint64 {
	if until == 0 {
		return math.MaxUint64
	}
	return until
}

// inboxSearch looks for what waits for one account.
type inboxSearch struct {
	r       *Reader
	account *Account
	in      Range
	inbox   *Inbox
}

// add adds a thing if the account may write a record about it. With types only those
// records count.
func (s *inboxSearch) add(w Waiting, ask func(record.ID, record.Key) (*Actions, error), types ...record.Type) error {
	actions, err := ask(w.ID, s.account.ID)
	if err != nil {
		return err
	}
	w.Actions = slices.DeleteFunc(actions.List, func(a rules.Action) bool {
		return !a.Allowed || len(types) > 0 && !slices.Contains(types, a.Payload.Type())
	})
	if len(w.Actions) > 0 {
		s.inbox.Items = append(s.inbox.Items, w)
	}
	return nil
}

// of returns the lists that name the account.
func (s *inboxSearch) of() (seller, holder, maker Of) {
	return Of{Seller: &s.account.ID}, Of{Holder: &s.account.ID}, Of{Maker: &s.account.ID}
}

func (s *inboxSearch) claims() error {
	seller, holder, maker := s.of()
	seen := map[record.ID]bool{}
	look := func(of Of, states []rules.ClaimState) error {
		page, err := s.r.Claims(of, states, s.in)
		if err != nil {
			return err
		}
		s.inbox.Complete = s.inbox.Complete && page.Next == ""
		for _, c := range page.Items {
			if seen[c.ID] {
				continue
			}
			seen[c.ID] = true
			turn, err := s.r.Turn(c.ID)
			if err != nil {
				return err
			}
			if !slices.Contains(turn.Accounts, s.account.ID) && (len(turn.Accounts) > 0 || !s.account.Roles.Has(record.Supervisor)) {
				continue
			}
			if err := s.add(Waiting{Kind: "claim", ID: c.ID, State: c.State.String(), Must: true, Until: turn.Until}, s.r.ClaimActions); err != nil {
				return err
			}
		}
		return nil
	}
	for _, of := range []Of{seller, holder, maker} {
		if err := look(of, LiveClaimStates()); err != nil {
			return err
		}
	}
	if s.account.Roles.Has(record.Supervisor) {
		return look(Of{}, []rules.ClaimState{rules.ClaimEscalated})
	}
	return nil
}

func (s *inboxSearch) shipments() error {
	page, err := s.r.ShipmentsOf(s.account.ID, s.in)
	if err != nil {
		return err
	}
	s.inbox.Complete = s.inbox.Complete && page.Next == ""
	for _, h := range page.Items {
		underWay := h.State == rules.ShipmentCreated || h.State == rules.ShipmentInTransit || h.State == rules.ShipmentException
		if h.Custodian() != s.account.ID || !underWay {
			continue
		}
		if err := s.add(Waiting{Kind: "shipment", ID: h.ID, State: h.State.String(), Must: true}, s.r.ShipmentActions); err != nil {
			return err
		}
	}
	return nil
}

func (s *inboxSearch) sold() error {
	seller, _, _ := s.of()
	issued, err := s.r.Vouchers(seller, []rules.VoucherState{rules.VoucherIssued}, s.in)
	if err != nil {
		return err
	}
	for _, v := range issued.Items {
		if err := s.add(Waiting{Kind: "voucher", ID: v.ID, State: v.State.String(), Must: true}, s.r.VoucherActions, record.TypeShipmentCreate); err != nil {
			return err
		}
	}
	evaluated, err := s.r.Evaluations(seller, s.in)
	if err != nil {
		return err
	}
	s.inbox.Complete = s.inbox.Complete && issued.Next == "" && evaluated.Next == ""
	for _, v := range evaluated.Items {
		if v.Evaluation.Replied {
			continue
		}
		if err := s.add(Waiting{Kind: "voucher", ID: v.ID, State: v.State.String()}, s.r.VoucherActions, record.TypeSellerReply); err != nil {
			return err
		}
	}
	return nil
}

func (s *inboxSearch) held() error {
	_, holder, _ := s.of()
	page, err := s.r.Vouchers(holder, VoucherStates(), s.in)
	if err != nil {
		return err
	}
	s.inbox.Complete = s.inbox.Complete && page.Next == ""
	for _, v := range page.Items {
		if v.Buyer != s.account.ID || v.Delivered == 0 {
			continue
		}
		err := s.add(Waiting{Kind: "voucher", ID: v.ID, State: v.State.String()}, s.r.VoucherActions,
			record.TypeEvaluate, record.TypeEvaluateAmend, record.TypeRewardClaim)
		if err != nil {
			return err
		}
	}
	return nil
}
