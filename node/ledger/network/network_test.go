package network

import (
	"encoding/hex"
	"net"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// The genesis block of every network meets its own target.
func TestGenesis(t *testing.T) {
	hashes := map[*Params]string{
		Main: "00000000a35c298c56dc84a006dbdbd41ea0fb06a51b8b856674ad6771387ce3",
		Test: "0000095287e5d3159f708f77c539b05626f10aeb3ec36f47711ae361b9d8a696",
		Dev:  "0000814deedc7d30cf4b291a21992fad670ee88105899b415b5de2fae544399e",
	}
	for _, p := range All() {
		header := p.GenesisHeader()
		if err := header.CheckProofOfWork(p.Pow.PowLimit); err != nil {
			encoded := header.Encode()
			t.Errorf("%s: %v: find a nonce for the header %x", p.Name, err, encoded)
		}
		if got := header.Hash().String(); got != hashes[p] {
			t.Errorf("%s: genesis block %s, want %s", p.Name, got, hashes[p])
		}
		coinbase := p.GenesisCoinbase()
		if err := coinbase.Check(p.ID); err != nil {
			t.Errorf("%s: coinbase: %v", p.Name, err)
		}
		if coinbase.ID() != header.MerkleRoot {
			t.Errorf("%s: Merkle root %v, but the coinbase is %v", p.Name, header.MerkleRoot, coinbase.ID())
		}
	}
}

// Whatever number of a network is changed, it has another genesis block.
func TestGenesisCommitsToRules(t *testing.T) {
	type change struct {
		name   string
		change func(p *Params)
	}
	changes := []change{
		{"nothing", func(*Params) {}},
		{"name", func(p *Params) { p.Name = "other" }},
		{"id", func(p *Params) { p.ID++ }},
		{"limit", func(p *Params) { p.Pow.PowLimit[0]-- }},
		{"limit bits", func(p *Params) { p.Pow.PowLimitBits-- }},
		{"spacing", func(p *Params) { p.Pow.TargetSpacing++ }},
		{"timespan", func(p *Params) { p.Pow.TargetTimespan++ }},
		{"interval", func(p *Params) { p.Pow.RetargetInterval++ }},
		{"time", func(p *Params) { p.GenesisTime++ }},
		{"message", func(p *Params) { p.GenesisMessage += "!" }},
		{"subsidy", func(p *Params) { p.Subsidy++ }},
		{"halving", func(p *Params) { p.HalvingInterval++ }},
		{"maturity", func(p *Params) { p.Maturity++ }},
		{"block size", func(p *Params) { p.MaxBlockSize++ }},
		{"future", func(p *Params) { p.MaxFuture++ }},
		{"root", func(p *Params) { p.Roots[0][0]++ }},
		{"one root less", func(p *Params) { p.Roots = p.Roots[1:] }},
		{"threshold", func(p *Params) { p.RootThreshold++ }},
		{"allocation", func(p *Params) { p.Alloc[0].Amount++ }},
		{"another's allocation", func(p *Params) { p.Alloc[0].Key[0]++ }},
		{"one allocation less", func(p *Params) { p.Alloc = p.Alloc[1:] }},
	}
	for _, change := range []func(*Params){
		func(p *Params) { p.MinWork[0]++ },
		func(p *Params) { p.Port++ },
		func(p *Params) { p.Seeds = []string{"seed.example:1"} },
	} {
		p := *Dev
		change(&p)
		if p.GenesisCoinbase().ID() != Dev.GenesisCoinbase().ID() {
			t.Error("the genesis block commits to what is no rule of the network")
		}
	}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[AfterSales]()) {
		changes = append(changes, change{field.Name, func(p *Params) {
			v := reflect.ValueOf(&p.AfterSales).Elem().Field(i)
			v.SetUint(v.Uint() + 1)
		}})
	}
	seen := map[pow.Hash]string{}
	for _, test := range changes {
		p, powParams := *Dev, *Dev.Pow
		p.Pow = &powParams
		p.Roots, p.Alloc = slices.Clone(p.Roots), slices.Clone(p.Alloc)
		test.change(&p)
		id := p.GenesisCoinbase().ID()
		if other, ok := seen[id]; ok {
			t.Errorf("%s: the same genesis coinbase as with %s", test.name, other)
		}
		seen[id] = test.name
	}
}

// The networks differ, and the numbers of each make sense together.
func TestNetworks(t *testing.T) {
	ids := map[uint32]bool{}
	ports := map[uint16]bool{}
	for _, p := range All() {
		if p.Port < 1024 || ports[p.Port] {
			t.Errorf("%s: the port %d needs privileges or is that of another network", p.Name, p.Port)
		}
		ports[p.Port] = true
		for _, seed := range p.Seeds {
			host, port, err := net.SplitHostPort(seed)
			if n, _ := strconv.ParseUint(port, 10, 16); err != nil || host == "" || n == 0 {
				t.Errorf("%s: the seed %q is not HOST:PORT", p.Name, seed)
			}
		}
		if ids[p.ID] {
			t.Errorf("%s has the id of another network", p.Name)
		}
		ids[p.ID] = true
		if got, err := Lookup(p.Name); got != p || err != nil {
			t.Errorf("Lookup(%q): %v, %v", p.Name, got, err)
		}

		limit, err := p.Pow.PowLimitBits.Target()
		if err != nil || p.Pow.PowLimit.Bits() != p.Pow.PowLimitBits || limit.Cmp(p.Pow.PowLimit) > 0 {
			t.Errorf("%s: nBits of the limit %v are %v, not %v", p.Name, p.Pow.PowLimit, p.Pow.PowLimit.Bits(), p.Pow.PowLimitBits)
		}
		if p.Pow.TargetTimespan != p.Pow.TargetSpacing*p.Pow.RetargetInterval {
			t.Errorf("%s: %d blocks of %d s are not %d s", p.Name, p.Pow.RetargetInterval, p.Pow.TargetSpacing, p.Pow.TargetTimespan)
		}
		if p.RootThreshold < 0 || p.RootThreshold > len(p.Roots) || (p.RootThreshold == 0) != (len(p.Roots) == 0) {
			t.Errorf("%s: %d of %d roots", p.Name, p.RootThreshold, len(p.Roots))
		}

		keys := map[record.Key]bool{}
		supply := 2 * p.Subsidy * record.Amount(p.HalvingInterval) // more than all subsidies
		for _, a := range p.Alloc {
			if keys[a.Key] {
				t.Errorf("%s: two allocations for %v", p.Name, a.Key)
			}
			keys[a.Key] = true
			supply += a.Amount
		}
		if supply > record.MaxAmount {
			t.Errorf("%s: the supply would reach %v, the limit is %v", p.Name, supply, record.MaxAmount)
		}
	}
	if _, err := Lookup("bitcoin"); err == nil {
		t.Error(`Lookup("bitcoin") found a network`)
	}
}

// The published keys are those of the parameters, and derived as they are said
// to be.
func TestDevKeys(t *testing.T) {
	roots, faucets := DevRoots(), DevFaucets()
	for text, key := range map[string]record.PrivateKey{
		// by sha256sum
		"42211bee9c6ab867962fef8a9eaa13f177467ec0913d37152d224536f6967e91": roots[0],
		"9e8c43f4c6ceb610b9f619541667e2e475b365e1551a229e47fa6f25b682f1c2": faucets[0],
	} {
		if got := hex.EncodeToString(key.Seed()); got != text {
			t.Errorf("seed %s, want %s", got, text)
		}
	}
	for i, key := range roots {
		if got := record.PublicOf(key); got != Dev.Roots[i] || got != Test.Roots[i] {
			t.Errorf("root %d is %v, want %v", i+1, got, Dev.Roots[i])
		}
	}
	for i, key := range faucets {
		if got := record.PublicOf(key); got != Dev.Alloc[i].Key || got != Test.Alloc[i].Key {
			t.Errorf("faucet %d is %v, want %v", i+1, got, Dev.Alloc[i].Key)
		}
	}
}

// The schedule is Bitcoin's of 2016 to 2020 (12.5), and halves as Bitcoin's.
func TestSubsidy(t *testing.T) {
	for _, test := range []struct {
		height uint32
		want   record.Amount
	}{
		{0, 1_250_000_000},
		{209_999, 1_250_000_000},
		{210_000, 625_000_000},
		{419_999, 625_000_000},
		{420_000, 312_500_000},
		{30 * 210_000, 1},
		{31 * 210_000, 0},
		{64 * 210_000, 0},
		{1<<32 - 1, 0},
	} {
		if got := Main.SubsidyAt(test.height); got != test.want {
			t.Errorf("height %d: %d, want %d", test.height, got, test.want)
		}
	}
}

// SolveGenesis makes a network of changed parameters usable.
func TestSolveGenesis(t *testing.T) {
	p := *Dev
	p.Name = "solved"
	if err := p.SolveGenesis(); err != nil {
		t.Fatal(err)
	}
	if err := p.GenesisHeader().CheckProofOfWork(p.Pow.PowLimit); err != nil {
		t.Error(err)
	}
}

// Dev with other days is another network, whose genesis block meets its target. With its
// own days it is itself.
func TestDevWithDay(t *testing.T) {
	if p, err := DevWithDay(Dev.AfterSales.Day); err != nil || p != Dev {
		t.Errorf("%v, %v", p, err)
	}
	p, err := DevWithDay(600)
	if err != nil {
		t.Fatal(err)
	}
	header := p.GenesisHeader()
	if err := header.CheckProofOfWork(p.Pow.PowLimit); err != nil {
		t.Error(err)
	}
	if p.AfterSales.Day != 600 || p.ID != Dev.ID || header == Dev.GenesisHeader() {
		t.Errorf("%+v", p)
	}
	if Dev.AfterSales.Day != 2 {
		t.Errorf("the days of Dev are %d s", Dev.AfterSales.Day)
	}
}
