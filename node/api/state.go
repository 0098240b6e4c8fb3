package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/query"
)

// Account is what the state knows of a party.
type Account struct {
	Account   record.Key    `json:"account" doc:"its first key, which names it permanently"`
	Key       record.Key    `json:"key" doc:"the key that signs for it now"`
	Balance   record.Amount `json:"balance" example:"12.5"`
	Roles     []string      `json:"roles" doc:"as seller or carrier"`
	Root      bool          `json:"root,omitempty" doc:"whether it is one of those that grant roles"`
	Suspended bool          `json:"suspended,omitempty" doc:"whether a supervisor keeps this seller from issuing vouchers"`
	Seq       uint64        `json:"seq" doc:"sequence number that the chain expects next"`
	NextSeq   uint64        `json:"next_seq" doc:"sequence number for its next record, after those that wait in the pool"`
	AnswerHeight
}

// State is the state of the ledger in total.
type State struct {
	Height     uint32        `json:"height"`
	Tip        string        `json:"tip" doc:"hash of the block at the height"`
	Digest     string        `json:"digest" doc:"chained digest of all changes up to the tip"`
	Supply     record.Amount `json:"supply" doc:"all money"`
	RewardPool record.Amount `json:"reward_pool" doc:"the burned half of all fees"`
}

type (
	keyInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the account, 72 hex digits"`
	}
	accountInput struct {
		Key string `path:"key" maxLength:"80" doc:"a key of the account, 72 hex digits"`
		AsOf
	}
)

func (a *API) registerState(api huma.API) {
	huma.Register(api, get("get-account", "/v1/accounts/{key}", "The account of a key"), a.getAccount)
	state := get("get-state", "/v1/state", "Supply, reward pool and digest of the state")
	state.Errors = append(state.Errors, http.StatusNotFound, http.StatusGone)
	huma.Register(api, state, a.getState)
}

// getAccount also answers for keys without an account: it is an empty one.
func (a *API) getAccount(_ context.Context, in *accountInput) (*answer[Account], error) {
	key, err := parseKey(in.Key)
	if err != nil {
		return nil, err
	}
	return answerAsOf(a, in.AsOf, func(r *query.Reader) (*query.Account, error) { return r.Account(key) }, newAccount)
}

func newAccount(account *query.Account) Account {
	res := Account{
		Account: account.ID, Key: account.Key, Balance: account.Balance,
		Roles: []string{}, Root: account.Roles.Root(), Suspended: account.Roles.Suspended(), Seq: account.Seq, NextSeq: account.NextSeq,
	}
	for _, role := range account.Granted() {
		res.Roles = append(res.Roles, role.String())
	}
	return res
}

func (a *API) getState(_ context.Context, in *AsOf) (*answer[State], error) {
	return answerAsOf(a, *in, func(r *query.Reader) (*query.State, error) {
		s, err := r.State()
		return &s, err
	}, func(s *query.State) State {
		return State{Height: s.Height, Tip: s.Tip.String(), Digest: s.Digest.String(), Supply: s.Supply, RewardPool: s.RewardPool}
	})
}
