package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// pay moves an amount from the author to another account. As for a coinbase, any
// key that the account ever had names it: whoever pays may not have seen the
// rotation, and a rotation must not make a pending payment invalid.
func pay(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.Pay)
	to, err := GetAccount(s, p.To)
	switch {
	case err != nil:
		return err
	case to.ID == author.ID:
		return reject.New(reject.SelfPayment, "%v pays itself", p.To)
	case p.Amount > author.Balance:
		return reject.New(reject.InsufficientFunds, "the amount is %v, but after its fee %v has only %v", p.Amount, r.Key, author.Balance)
	}
	author.Balance -= p.Amount
	if err := putAccount(s, &author); err != nil {
		return err
	}
	if err := credit(s, to, p.Amount); err != nil {
		return err
	}
	return keepPayment(s, c, r, to)
}

// credit adds amount to the balance of a.
func credit(s *State, a Account, amount record.Amount) error {
	if amount > record.MaxAmount || a.Balance > record.MaxAmount-amount {
		return reject.New(reject.AmountOverflow, "%v and the balance %v of %v are more than %v", amount, a.Balance, a.ID, record.MaxAmount)
	}
	a.Balance += amount
	return putAccount(s, &a)
}
