package pool

import "stele/node/ledger/record"

// ProposedRate is the fee rate that programs propose to authors: ten times what a
// pool asks for by default, so that a record is not the first that a full pool
// evicts. The stipend that a buyer gets pays for a dozen records at this rate
// (network.AfterSales.MinStipend).
const ProposedRate = 10 * DefaultMinRate

// Fee returns the least fee with which a record of a size in bytes, signatures
// included, has the rate.
func (r Rate) Fee(size int) record.Amount {
	return record.Amount((uint64(r)*uint64(size) + 999) / 1000)
}
