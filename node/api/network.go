package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
	"stele/node/query"
)

// Network is what a network is, and how far its chain is in its periods.
type Network struct {
	Name             string        `json:"name" example:"dev"`
	ID               uint32        `json:"id" doc:"that is in every record"`
	Genesis          string        `json:"genesis" doc:"hash of block 0"`
	BlockSeconds     uint32        `json:"block_seconds" doc:"that a block should take"`
	RetargetInterval uint32        `json:"retarget_interval" doc:"blocks between two changes of the target"`
	NextRetarget     uint32        `json:"next_retarget" doc:"height of the next block whose target may change"`
	PowLimitBits     string        `json:"pow_limit_bits" doc:"easiest compact target"`
	HashRate         float64       `json:"hashes_per_second" doc:"of all miners: an estimate from the work of the last rate_blocks blocks and their times; 0 if there are too few"`
	RateBlocks       uint32        `json:"rate_blocks"`
	Subsidy          record.Amount `json:"subsidy" doc:"that the coinbase of the next block may create"`
	NextHalving      uint32        `json:"next_halving" doc:"height of the next block with half of it"`
	Maturity         uint32        `json:"maturity" doc:"blocks until a coinbase can be spent"`
	MaxBlockSize     int           `json:"max_block_size" doc:"bytes"`
	MaxFuture        uint32        `json:"max_future_seconds" doc:"that the time of a block may be ahead of a node's clock"`
	Roots            []record.Key  `json:"roots" doc:"keys that grant roles at the start"`
	RootThreshold    int           `json:"root_threshold" doc:"how many roots have to sign"`
	DaySeconds       uint32        `json:"day_seconds" doc:"length of a day, in which the periods are counted"`
	Periods          Periods       `json:"periods_days"`
	Limits           Limits        `json:"limits"`
	Fees             Fees          `json:"fees"`
}

// Periods are the periods of after-sales records in days of the network.
type Periods struct {
	Respond  uint16 `json:"respond" doc:"the seller has to answer a claim"`
	Escalate uint16 `json:"escalate" doc:"the holder can contest a rejection"`
	Execute  uint16 `json:"execute" doc:"the seller has to give what it authorised"`
	Confirm  uint16 `json:"confirm" doc:"the holder can dispute what it was given; silence confirms it"`
	Ruling   uint16 `json:"ruling" doc:"the supervisors have to rule"`
	Return   uint16 `json:"return" doc:"after delivery: refund, and return of a distance sale without a reason"`
	Exchange uint16 `json:"exchange" doc:"after delivery: exchange"`
	Evaluate uint16 `json:"evaluate" doc:"after delivery: evaluation"`
	Attempt  uint16 `json:"attempt" doc:"a carrier has to try before it can prove the attempt"`
	Purge    uint16 `json:"purge" doc:"after delivery, until sealed recipient data are deleted"`
	Ship     uint16 `json:"ship" doc:"after the sale: the seller has to send the goods"`
	Carry    uint16 `json:"carry" doc:"without a change of custody, after which goods may be reported lost"`
}

// Limits are numbers of after-sales records that are no periods.
type Limits struct {
	Repairs         uint8  `json:"repairs" doc:"of one fault, after which the goods are exchanged"`
	Evidence        uint8  `json:"evidence" doc:"pieces that an account may add to a claim"`
	ChallengeBlocks uint32 `json:"challenge_blocks" doc:"that a challenge of a delivery is good for"`
	RewardDelay     uint32 `json:"reward_delay_blocks" doc:"from an evaluation to its reward"`
}

// Fees are what a sale costs.
type Fees struct {
	Voucher    record.Amount `json:"voucher" doc:"least that a seller burns for a voucher"`
	Permille   uint16        `json:"permille" doc:"of the price that a seller burns"`
	BurnToPool uint8         `json:"burn_to_pool_percent" doc:"part of it that goes into the reward pool"`
	MinStipend record.Amount `json:"min_stipend" doc:"least that a seller gives the buyer's key"`
}

// Totals are counts of what the chain has. What is missing is 0.
type Totals struct {
	Height     uint32            `json:"height" doc:"up to which the chain is counted"`
	Records    map[string]uint64 `json:"records,omitempty" doc:"by type; only without seller and gtin"`
	Vouchers   map[string]uint64 `json:"vouchers" doc:"by state"`
	Claims     map[string]uint64 `json:"claims" doc:"by state"`
	Overdue    uint64            `json:"overdue_claims" doc:"whose deadline has passed and that wait for somebody to act"`
	Shipments  map[string]uint64 `json:"shipments,omitempty" doc:"by state; only without seller and gtin"`
	Pool       PoolCounts        `json:"pool" doc:"since the node was started"`
	Rejections map[string]uint64 `json:"rejections" doc:"records that the node has rejected since it was started, by reason, wherever they came from"`
}

// PoolCounts are what became of the records that came to the pool.
type PoolCounts struct {
	Accepted uint64 `json:"accepted"`
	Rejected uint64 `json:"rejected"`
	Mined    uint64 `json:"mined"`
	Returned uint64 `json:"returned" doc:"from disconnected blocks"`
	Replaced uint64 `json:"replaced" doc:"by one with a higher fee"`
	Evicted  uint64 `json:"evicted" doc:"when the pool was full"`
	Expired  uint64 `json:"expired"`
	Invalid  uint64 `json:"invalid" doc:"by what a block changed"`
}

type totalsInput struct {
	Seller string `query:"seller" maxLength:"80" doc:"a key of the seller: only vouchers that it issued, and claims under them"`
	GTIN   string `query:"gtin" maxLength:"14" doc:"only vouchers for this product, and claims under them"`
}

func (a *API) registerNetwork(api huma.API) {
	huma.Register(api, get("get-network", "/v1/network", "Parameters of the network: times, periods, limits and fees"),
		func(context.Context, *struct{}) (*answer[Network], error) {
			return &answer[Network]{newNetwork(a.query.Network())}, nil
		})
	if a.views != nil {
		huma.Register(api, get("get-totals", "/v1/totals", "How many records, vouchers, claims and shipments there are"), a.getTotals)
	}
}

func newNetwork(n query.Network) Network {
	p := &n.AfterSales
	res := Network{
		Name: n.Name, ID: n.ID, Genesis: n.Genesis.String(),
		BlockSeconds: n.Pow.TargetSpacing, RetargetInterval: n.Pow.RetargetInterval, NextRetarget: n.NextRetarget,
		PowLimitBits: n.Pow.PowLimitBits.String(), HashRate: n.HashRate, RateBlocks: n.RateBlocks,
		Subsidy: n.Subsidy, NextHalving: n.NextHalving, Maturity: n.Maturity, MaxBlockSize: n.MaxBlockSize, MaxFuture: n.MaxFuture,
		Roots: append([]record.Key{}, n.Roots...), RootThreshold: n.RootThreshold, DaySeconds: p.Day,
		Limits: Limits{p.RepairLimit, p.EvidenceLimit, p.ChallengeBlocks, p.RewardDelay},
		Fees:   Fees{p.VoucherFee, p.FeePermille, p.BurnToPool, p.MinStipend},
	}
	res.Periods = Periods{
		Respond: p.RespondDays, Escalate: p.EscalateDays, Execute: p.ExecuteDays, Confirm: p.ConfirmDays, Ruling: p.RulingDays,
		Return: p.ReturnDays, Exchange: p.ExchangeDays, Evaluate: p.EvaluateDays, Attempt: p.AttemptDays, Purge: p.PurgeDays,
		Ship: p.ShipDays, Carry: p.CarryDays,
	}
	return res
}

func (a *API) getTotals(_ context.Context, in *totalsInput) (*answer[Totals], error) {
	of, err := (&filter{seller: in.Seller, gtin: in.GTIN}).of()
	if err != nil {
		return nil, err
	}
	t, err := a.query.Totals(of)
	if err != nil {
		return nil, queryProblem(err)
	}
	rejected := map[string]uint64{}
	for reason, n := range t.Rejections {
		rejected[string(reason)] = n
	}
	a.rejections.addTo(rejected)
	return &answer[Totals]{Totals{
		Height: t.Height, Records: byWord(t.Records), Vouchers: byWord(t.Vouchers), Claims: byWord(t.Claims), Overdue: t.Overdue,
		Shipments: byWord(t.Shipments), Rejections: rejected,
		Pool: PoolCounts{
			t.Pool.Accepted, t.Pool.Rejected, t.Pool.Mined, t.Pool.Returned, t.Pool.Replaced, t.Pool.Evicted, t.Pool.Expired, t.Pool.Invalid,
		},
	}}, nil
}

// byWord names what is counted.
func byWord[K interface {
	comparable
	String() string
}](counts map[K]uint64) map[string]uint64 {
	named := make(map[string]uint64, len(counts))
	for k, n := range counts {
		named[k.String()] = n
	}
	return named
}
