package rules

import (
	"testing"

	"stele/node/ledger/record"
)

// The reward is half of what was burned, rounded down, whatever the scores, and
// comes out of the pool. What does not go into the pool leaves the supply.
func TestEvaluationReward(t *testing.T) {
	for _, score := range []uint8{1, 5} {
		for _, burned := range []record.Amount{price / 200, price/200 + 1} {
			w := newWorld(t)
			supply, _ := Supply(w.State)
			p := w.Sale()
			p.Burn = burned
			w.Voucher = w.do(theSeller, p)
			if got := account(t, w.State, theSeller).Balance; got != funds-10-p.Burn-p.Stipend {
				t.Errorf("the seller has %v", got)
			}
			if got, _ := Supply(w.State); got != supply-(burned-burned/2) {
				t.Errorf("supply %v after %v, %v burned", got, supply, burned)
			}
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.Confirm(pickupKey))
			w.do(theBuyer, record.Evaluate{Time: w.now(), Voucher: w.Voucher, Product: score, Service: score, Logistics: score})
			w.c.Height += caseParams.AfterSales.RewardDelay
			before, pool := account(t, w.State, theBuyer).Balance, poolOf(t, w.State)
			w.do(theBuyer, w.Reward())
			after := account(t, w.State, theBuyer).Balance
			if after != before-10+burned/2 || poolOf(t, w.State) != pool-burned/2 {
				t.Errorf("score %d, %v burned: balance %v to %v, pool %v to %v", score, burned, before, after, pool, poolOf(t, w.State))
			}
		}
	}
}

func poolOf(t *testing.T, v View) record.Amount {
	t.Helper()
	pool, err := RewardPool(v)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}
