package rules

import (
	"maps"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// model is a second model of the ledger, without encodings and undo: parties
// with a list of keys, and numbers of any size.
type model struct {
	parties   []*party
	coinbases map[uint32]modelCoinbase // not yet spendable, by height
	pool      *big.Int
	allocated *big.Int
	claimed   *big.Int // of subsidies
}

type party struct {
	keys    []record.Key // the last one signs
	balance *big.Int
	seq     uint64
	root    bool
	roles   map[record.Role]bool
}

type modelCoinbase struct {
	key   record.Key
	value *big.Int
}

func newModel() *model {
	m := &model{coinbases: map[uint32]modelCoinbase{}, pool: new(big.Int), allocated: new(big.Int), claimed: new(big.Int)}
	for _, a := range testParams.Alloc {
		m.party(a.Key).balance.Add(m.party(a.Key).balance, number(a.Amount))
		m.allocated.Add(m.allocated, number(a.Amount))
	}
	for _, k := range testParams.Roots {
		m.party(k).root = true
	}
	return m
}

func (m *model) clone() *model {
	n := &model{
		coinbases: maps.Clone(m.coinbases),
		pool:      new(big.Int).Set(m.pool), allocated: m.allocated, claimed: new(big.Int).Set(m.claimed),
	}
	for _, p := range m.parties {
		n.parties = append(n.parties, &party{slices.Clone(p.keys), new(big.Int).Set(p.balance), p.seq, p.root, maps.Clone(p.roles)})
	}
	return n
}

func number(a record.Amount) *big.Int { return new(big.Int).SetUint64(uint64(a)) }

// party returns whose key k is or was.
func (m *model) party(k record.Key) *party {
	for _, p := range m.parties {
		if slices.Contains(p.keys, k) {
			return p
		}
	}
	p := &party{keys: []record.Key{k}, balance: new(big.Int), roles: map[record.Role]bool{}}
	m.parties = append(m.parties, p)
	return p
}

func (p *party) key() record.Key { return p.keys[len(p.keys)-1] }

// faults returns all reasons to reject a record at height.
func (m *model) faults(height uint32, r *record.Record) map[reject.Reason]bool {
	faults := map[reject.Reason]bool{}
	fault := func(is bool, reason reject.Reason) {
		if is {
			faults[reason] = true
		}
	}
	author := m.party(r.Key)
	afterFee := new(big.Int).Sub(author.balance, number(r.Fee))
	fault(height > r.ValidUntil, reject.Expired)
	fault(author.key() != r.Key, reject.KeyRotated)
	fault(r.Seq < author.seq, reject.SequenceUsed)
	fault(r.Seq > author.seq, reject.SequenceGap)
	fault(afterFee.Sign() < 0, reject.InsufficientFunds)

	roots := func(approvers []record.Key) {
		signers := map[*party]bool{author: author.root}
		for _, k := range approvers {
			p := m.party(k)
			fault(p.key() != k, reject.KeyRotated)
			fault(!p.root, reject.NotRoot)
			signers[p] = p.root
		}
		count := 0
		for _, isRoot := range signers {
			if isRoot {
				count++
			}
		}
		fault(count < testParams.RootThreshold, reject.BelowThreshold)
	}
	switch p := r.Payload.(type) {
	case record.Pay:
		fault(m.party(p.To) == author, reject.SelfPayment)
		fault(afterFee.Cmp(number(p.Amount)) < 0, reject.InsufficientFunds)
	case record.RoleGrant:
		roots(p.Approvers)
		fault(m.party(p.Key).key() != p.Key, reject.KeyRotated)
		fault(m.party(p.Key).roles[p.Role], reject.RoleHeld)
	case record.RoleRevoke:
		roots(p.Approvers)
		fault(!m.party(p.Key).roles[p.Role], reject.RoleNotHeld)
	case record.KeyRotate:
		other := m.party(p.New)
		used := len(other.keys) > 1 || other.seq > 0 || other.root || len(other.roles) > 0
		fault(used || other == author, reject.KeyInUse)
	}
	return faults
}

// apply applies a record without faults.
func (m *model) apply(r *record.Record) {
	author := m.party(r.Key)
	author.seq++
	author.balance.Sub(author.balance, number(r.Fee))
	switch p := r.Payload.(type) {
	case record.Pay:
		to := m.party(p.To)
		author.balance.Sub(author.balance, number(p.Amount))
		to.balance.Add(to.balance, number(p.Amount))
	case record.RoleGrant:
		m.party(p.Key).roles[p.Role] = true
	case record.RoleRevoke:
		m.party(p.Key).roles[p.Role] = false // which it remembers
	case record.KeyRotate:
		other := m.party(p.New)
		author.balance.Add(author.balance, other.balance)
		author.keys = append(author.keys, p.New)
		m.parties = slices.DeleteFunc(m.parties, func(p *party) bool { return p == other })
	}
}

func (m *model) begin(height uint32) {
	for h, c := range m.coinbases {
		if h+testParams.Maturity == height {
			p := m.party(c.key)
			p.balance.Add(p.balance, c.value)
			delete(m.coinbases, h)
		}
	}
}

// end applies a valid coinbase: half of fees, rounded up, was its to claim.
func (m *model) end(height uint32, key record.Key, value, fees record.Amount) {
	half := number(fees - fees/2)
	fromFees := number(value)
	if fromFees.Cmp(half) > 0 {
		fromFees.Set(half)
	}
	m.claimed.Add(m.claimed, new(big.Int).Sub(number(value), fromFees))
	m.pool.Add(m.pool, new(big.Int).Sub(number(fees), fromFees))
	m.coinbases[height] = modelCoinbase{key, number(value)}
}

// compare fails unless v is what the model says, and no money came or went. In
// the middle of a block its fees so far are nobody's.
func (m *model) compare(t *rapid.T, v View, fees record.Amount) {
	sum := new(big.Int).Add(m.pool, number(fees))
	for _, p := range m.parties {
		for _, k := range p.keys {
			a, err := GetAccount(v, k)
			if err != nil {
				t.Fatal(err)
			}
			if a.ID != p.keys[0] || a.Key != p.key() || number(a.Balance).Cmp(p.balance) != 0 || a.Seq != p.seq || a.Roles.Root() != p.root {
				t.Fatalf("%v has the account %+v, want %+v", k, a, p)
			}
			for role := record.Supervisor; role <= record.Servicer; role++ {
				if a.Roles.Has(role) != p.roles[role] {
					t.Fatalf("%v has the roles %b, want %v", k, a.Roles, p.roles)
				}
			}
		}
		sum.Add(sum, p.balance)
	}
	for _, c := range m.coinbases {
		sum.Add(sum, c.value)
	}
	pool, err1 := RewardPool(v)
	supply, err2 := Supply(v)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if number(pool).Cmp(m.pool) != 0 {
		t.Fatalf("the reward pool has %v, want %v", pool, m.pool)
	}
	if number(supply).Cmp(sum) != 0 || sum.Cmp(new(big.Int).Add(m.allocated, m.claimed)) != 0 {
		t.Fatalf("supply %v, sum of all money %v, allocated %v and claimed %v", supply, sum, m.allocated, m.claimed)
	}
}

// drawRecord draws a record that is often valid, and else nearly so.
func drawRecord(t *rapid.T, m *model, height uint32) *record.Record {
	keys := rapid.Custom(func(t *rapid.T) record.Key {
		if rapid.IntRange(0, 9).Draw(t, "live") > 0 { // some party's key of now
			return rapid.SampledFrom(m.parties).Draw(t, "party").key()
		}
		return someKey(byte(rapid.IntRange(1, 20).Draw(t, "key")))
	})
	author := keys.Draw(t, "author")
	p := m.party(author)
	amounts := rapid.OneOf(
		rapid.Uint64Range(1, 20),
		rapid.Uint64Range(0, p.balance.Uint64()+1),
		rapid.Just(p.balance.Uint64()),
	)
	approvers := rapid.Custom(func(t *rapid.T) []record.Key {
		some := rapid.SliceOfNDistinct(rapid.OneOf(rapid.SampledFrom(testParams.Roots), keys), 1, 3, rapid.ID[record.Key]).Draw(t, "approvers")
		slices.SortFunc(some, func(a, b record.Key) int { return slices.Compare(a[:], b[:]) })
		return some
	})
	role := record.Role(rapid.IntRange(1, 5).Draw(t, "role"))
	seq := p.seq
	if rapid.IntRange(0, 9).Draw(t, "wrong seq") == 0 {
		seq += uint64(rapid.IntRange(-1, 1).Draw(t, "off by"))
	}
	r := record.Record{
		Version: 1, Key: author, Seq: seq,
		ValidUntil: height + uint32(rapid.IntRange(0, 9).Draw(t, "valid")) - min(height, 1),
		Fee:        record.Amount(rapid.Uint64Range(0, 9).Draw(t, "fee")),
	}
	switch rapid.SampledFrom([]record.Type{2, 2, 2, 2, 3, 4, 5}).Draw(t, "type") {
	case record.TypePay:
		r.Payload = record.Pay{To: keys.Draw(t, "to"), Amount: record.Amount(amounts.Draw(t, "amount"))}
	case record.TypeRoleGrant:
		r.Payload = record.RoleGrant{Role: role, Key: keys.Draw(t, "key"), Approvers: approvers.Draw(t, "by")}
	case record.TypeRoleRevoke:
		r.Payload = record.RoleRevoke{Role: role, Key: keys.Draw(t, "key"), Approvers: approvers.Draw(t, "by")}
	case record.TypeKeyRotate:
		r.Payload = record.KeyRotate{New: keys.Draw(t, "new")}
	}
	return record.New(r)
}

// Random histories of blocks with valid and invalid records, that are connected
// and disconnected again, agree with the model. Each record is rejected exactly
// if the model has a reason, and for such a reason. Undo restores the state hash.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type connected struct {
			undo  []byte
			state pow.Hash // before
			model *model   // before
		}
		view, m := genesisView(testParams), newModel()
		var chain []connected

		block := func(t *rapid.T) {
			height := uint32(len(chain))
			c, s := at(height), NewState(view)
			before := connected{state: view.hash(), model: m.clone()}
			records := []*record.Record{nil} // and then the valid ones
			var fees record.Amount

			if err := Begin(s, c); err != nil {
				t.Fatal(err)
			}
			m.begin(height)
			for range rapid.IntRange(0, 12).Draw(t, "records") {
				r := drawRecord(t, m, height)
				mark, faults := Digest(pow.Hash{}, s.Changes()), m.faults(height, r)
				err := Apply(s, c, r)
				checkCurrentKeys(t, s, r, err)
				reason, _ := reject.Of(err)
				switch {
				case err == nil && len(faults) == 0:
					records = append(records, r)
					fees += r.Fee
					m.apply(r)
				case err == nil || !faults[reason]:
					t.Fatalf("%+v: %v, want one of %v", r, err, faults)
				case Digest(pow.Hash{}, s.Changes()) != mark:
					t.Fatalf("%+v: rejected, but left a change", r)
				}
				m.compare(t, s, fees)
			}

			to := someKey(byte(rapid.IntRange(1, 20).Draw(t, "miner")))
			most := Reward(testParams, height, fees)
			wantRejected(t, End(s, c, newCoinbase(height, to, most+1), fees), reject.CoinbaseValue)
			value := record.Amount(rapid.OneOf(rapid.Just(uint64(most)), rapid.Uint64Range(0, uint64(most))).Draw(t, "value"))
			records[0] = newCoinbase(height, to, value)
			if err := End(s, c, records[0], fees); err != nil {
				t.Fatal(err)
			}
			m.end(height, to, value, fees)

			whole := NewState(view)
			if err := ApplyBlock(whole, c, records); err != nil {
				t.Fatalf("all records at once: %v", err)
			}
			changes := whole.Changes()
			if Digest(pow.Hash{}, changes) != Digest(pow.Hash{}, s.Changes()) {
				t.Fatal("all records at once have another effect")
			}
			before.undo = EncodeUndo(changes)
			view.connect(changes)
			chain = append(chain, before)
		}
		disconnect := func(t *rapid.T) {
			if len(chain) == 0 {
				t.Skip("no block")
			}
			last := chain[len(chain)-1]
			chain = chain[:len(chain)-1]
			undo, err := DecodeUndo(last.undo)
			if err != nil {
				t.Fatal(err)
			}
			view.disconnect(undo)
			m = last.model
			if view.hash() != last.state {
				t.Fatal("undo leads to another state")
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"block": block, "block too": block, "block as well": block, "disconnect": disconnect,
			"": func(t *rapid.T) { m.compare(t, view, 0) },
		})
	})
}

func wantRejected(t *rapid.T, err error, want reject.Reason) {
	if got, _ := reject.Of(err); got != want {
		t.Fatalf("%v, want the reason %s", err, want)
	}
}
