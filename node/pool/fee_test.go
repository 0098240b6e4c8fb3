package pool

import (
	"strings"
	"testing"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// A record with the fee of a rate has that rate, and with one unit less it has
// not.
func TestFee(t *testing.T) {
	for _, rate := range []Rate{1, 999, DefaultMinRate, 1001, ProposedRate} {
		r := record.New(record.Record{Version: 1, Payload: record.EvidenceAdd{Note: "why"}})
		for size := r.Size(); size < r.Size()+3; size++ {
			fee := rate.Fee(size)
			if uint64(fee)*1000/uint64(size) < uint64(rate) || fee > 0 && uint64(fee-1)*1000/uint64(size) >= uint64(rate) {
				t.Errorf("%d bytes at a rate of %d: %d", size, rate, fee)
			}
		}
	}
}

// The minimum stipend pays for twelve records of its buyer at the fee that is
// proposed, whichever they are.
func TestStipendPaysForCase(t *testing.T) {
	key := record.PublicOf(network.DevFaucets()[0])
	for _, p := range []record.Payload{
		record.Pay{}, record.KeyRotate{New: key}, record.VoucherTransfer{To: key}, record.ShipmentCreate{}, record.CustodyHandover{To: key}, record.DeliveryException{},
		record.ClaimOpen{}, record.ClaimAnswer{}, record.EvidenceAdd{Note: strings.Repeat("n", record.MaxNote)}, record.ClaimWithdraw{}, record.ClaimEscalate{},
		record.SettleConfirm{}, record.ClaimClose{}, record.Evaluate{}, record.EvaluateAmend{}, record.RewardClaim{}, record.Correction{},
	} {
		r := record.New(record.Record{Version: p.Type().Version(), Payload: p})
		for _, n := range network.All() {
			if fee := ProposedRate.Fee(r.Size()); 12*fee > n.AfterSales.MinStipend {
				t.Errorf("%s: twelve times the fee of %v for a %v of %d bytes is more than %v", n.Name, fee, p.Type(), r.Size(), n.AfterSales.MinStipend)
			}
		}
	}
}
