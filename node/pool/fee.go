package pool

import "stele/node/ledger/record"

// ProposedRate is the fee rate that programs propose to authors: ten times the default
// minimum, so that a record is not the first that a full pool evicts. The stipend of a
// buyer pays for a dozen records at this rate (network.AfterSales.MinStipend).
const ProposedRate = 10 * DefaultMinRate

// Fee returns the minimum fee with which a record of a size in bytes, signatures
// included, has the rate.
func (r Rate) Fee(size int) record.Amount {
	return record.Amount((uint64(r)*uint64(size) + 999) / 1000)
}
