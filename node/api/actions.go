package api

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// Actions are the records that a party may write about something, and those that
// it may not.
type Actions struct {
	Height     uint32   `json:"height" doc:"of the next block, for which they hold: one above that of the parameter at"`
	MedianTime uint32   `json:"median_time" doc:"by which that block is judged"`
	Items      []Action `json:"items"`
}

// Action is a record that a party may write, or may not.
type Action struct {
	Type        string        `json:"type" example:"CLAIM_OPEN"`
	Choice      string        `json:"choice,omitempty" doc:"what the record chooses, where its type leaves a choice" example:"fault repair"`
	FaultCode   uint16        `json:"fault_code,omitempty" doc:"of a claim for a fault that was repaired before"`
	Missing     []string      `json:"missing" doc:"fields of the payload that the author has to choose"`
	Allowed     bool          `json:"allowed" doc:"whether the rules accept the record in the next block"`
	Reason      reject.Reason `json:"reason,omitempty" doc:"why they reject it" example:"warranty-over"`
	From        uint64        `json:"from,omitempty" doc:"first second of median time in which it is allowed, as long as only time passes; missing: no beginning, or never"`
	Until       uint64        `json:"until,omitempty" doc:"last second; missing: no end, or never"`
	FromHeight  uint32        `json:"from_height,omitempty" doc:"first height of a block that can have it, if it is too early"`
	RepairsLeft uint8         `json:"repairs_left,omitempty" doc:"after how many more repairs of the same fault it is allowed"`
	Hint        string        `json:"hint,omitempty" doc:"when it is possible, in words" example:"after one more repair"`
}

// Turn is whose turn it is in a claim, and what happens if they stay silent.
type Turn struct {
	Role     string       `json:"role,omitempty" doc:"missing: the claim is closed" example:"seller or maker"`
	Accounts []record.Key `json:"accounts" doc:"theirs; none: every account with the role may act"`
	Period   string       `json:"period,omitempty" enum:"respond,escalate,execute,order,confirm,ruling,send,arrive" doc:"that runs"`
	Until    uint64       `json:"until,omitempty" doc:"its last second, of median time"`
	Silence  string       `json:"silence,omitempty" doc:"state of the claim after that, if nobody writes a record; missing: it stays as it is" example:"closed-settled"`
	Then     string       `json:"then,omitempty" doc:"type of the record that becomes possible after that" example:"CLAIM_ESCALATE"`
	ThenBy   string       `json:"then_by,omitempty" doc:"who may write that" example:"holder"`
	AnswerHeight
}

type actionsInput struct {
	ID  string `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
	Key string `query:"key" required:"true" maxLength:"80" doc:"a key of the party, 72 hex digits"`
	AsOf
}

func (a *API) registerActions(api huma.API) {
	for _, kind := range []struct {
		name string
		ask  func(*query.Reader, record.ID, record.Key) (*query.Actions, error)
	}{
		{"voucher", (*query.Reader).VoucherActions}, {"claim", (*query.Reader).ClaimActions}, {"shipment", (*query.Reader).ShipmentActions},
	} {
		op := get("list-"+kind.name+"-actions", "/v1/"+kind.name+"s/{id}/actions", "What a party may do with a "+kind.name+", until when, and if not, why not")
		huma.Register(api, op, func(_ context.Context, in *actionsInput) (*answer[Actions], error) {
			id, err := parseID(in.ID)
			if err != nil {
				return nil, err
			}
			key, err := parseKey(in.Key)
			if err != nil {
				return nil, err
			}
			return answerAsOf(a, in.AsOf, func(r *query.Reader) (*query.Actions, error) { return kind.ask(r, id, key) }, newActions)
		})
	}
	huma.Register(api, get("list-entitlements", "/v1/vouchers/{id}/entitlements", "What the holder of a voucher may claim, on each ground, and until when"),
		one(a, (*query.Reader).HolderClaims, newActions))
	huma.Register(api, get("get-turn", "/v1/claims/{id}/turn", "Whose turn it is in a claim, and what silence leads to"),
		one(a, func(r *query.Reader, id record.ID) (*rules.Turn, error) {
			turn, err := r.Turn(id)
			return &turn, err
		}, newTurn))
}

func newActions(actions *query.Actions) Actions {
	res := Actions{Height: actions.Height, MedianTime: actions.MedianTime, Items: []Action{}}
	for i := range actions.List {
		a := &actions.List[i]
		item := Action{
			Type: a.Payload.Type().String(), Choice: a.Choice, Missing: append([]string{}, a.Missing...), Allowed: a.Allowed, Reason: a.Reason,
			From: a.From, Until: a.Until, FromHeight: a.Height, RepairsLeft: a.RepairsLeft, Hint: a.Hint(actions.MedianTime),
		}
		if open, ok := a.Payload.(record.ClaimOpen); ok && !slices.Contains(a.Missing, "fault_code") {
			item.FaultCode = open.FaultCode
		}
		res.Items = append(res.Items, item)
	}
	return res
}

func newTurn(t *rules.Turn) Turn {
	res := Turn{Role: t.Role, Accounts: append([]record.Key{}, t.Accounts...), Until: t.Until, ThenBy: t.ThenBy}
	if t.Period != 0 {
		res.Period = t.Period.String()
	}
	if t.Silence != 0 {
		res.Silence = t.Silence.String()
	}
	if t.Then != 0 {
		res.Then = t.Then.String()
	}
	return res
}
