package network

import (
	"encoding/binary"
	"errors"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// genesisVersion is the version of block 0: the top bits of BIP 9, no signal.
const genesisVersion = 0x20000000

// GenesisCoinbase returns the only record of block 0. It pays nothing and
// nobody. Its Extra is GenesisMessage, and then the hash of all other numbers
// of the network, except GenesisNonce.
func (p *Params) GenesisCoinbase() *record.Record {
	rules := p.rules()
	return record.New(record.Record{
		Network: p.ID,
		Version: 1,
		Payload: record.Coinbase{Extra: append([]byte(p.GenesisMessage), rules[:]...)},
	})
}

// GenesisHeader returns the header of block 0. The hash of the genesis coinbase
// is its Merkle root.
func (p *Params) GenesisHeader() pow.Header {
	return pow.Header{
		Version:    genesisVersion,
		MerkleRoot: p.GenesisCoinbase().ID(),
		Time:       p.GenesisTime,
		Bits:       p.Pow.PowLimitBits,
		Nonce:      p.GenesisNonce,
	}
}

// SolveGenesis sets GenesisNonce to the first nonce with which the genesis
// block meets its target. It hashes in plain Go, about a million nonces a
// second: enough for the networks that tests make. It fails if no nonce does.
func (p *Params) SolveGenesis() error {
	target, err := p.Pow.PowLimitBits.Target()
	if err != nil {
		return err
	}
	const step = 1 << 10
	header := p.GenesisHeader().Encode()
	for first := uint64(0); first < pow.NonceSpace; first += step {
		solved := false
		pow.Search(&header, target, pow.Range{First: uint32(first), Count: step}, func(nonce uint32) {
			if !solved {
				p.GenesisNonce, solved = nonce, true
			}
		})
		if solved {
			return nil
		}
	}
	return errors.New("no nonce solves the genesis block: change GenesisTime")
}

// rules returns the hash of everything that the network is defined by: two
// networks with the same rules are the same network.
func (p *Params) rules() pow.Hash {
	b := []byte("stele network\x00" + p.Name + "\x00")
	u32 := func(n uint32) { b = binary.LittleEndian.AppendUint32(b, n) }
	u64 := func(n uint64) { b = binary.LittleEndian.AppendUint64(b, n) }
	u32(p.ID)
	for _, limb := range p.Pow.PowLimit {
		u64(limb)
	}
	u32(uint32(p.Pow.PowLimitBits))
	u32(p.Pow.TargetSpacing)
	u32(p.Pow.TargetTimespan)
	u32(p.Pow.RetargetInterval)
	u32(p.GenesisTime)
	u64(uint64(p.Subsidy))
	u32(p.HalvingInterval)
	u32(p.Maturity)
	u64(uint64(p.MaxBlockSize))
	u32(p.MaxFuture)
	p.AfterSales.each(u64)
	u32(uint32(len(p.Roots)))
	for _, key := range p.Roots {
		b = append(b, key[:]...)
	}
	u32(uint32(p.RootThreshold))
	u32(uint32(len(p.Alloc)))
	for _, a := range p.Alloc {
		b = append(b, a.Key[:]...)
		u64(uint64(a.Amount))
	}
	return pow.Sum(b)
}
