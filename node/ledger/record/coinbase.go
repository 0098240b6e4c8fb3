package record

import (
	"encoding/binary"

	"stele/engine/pow"
	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// MaxExtra is the maximum length of [Coinbase.Extra] in bytes, as of the
// script of a coinbase in Bitcoin, less the height.
const MaxExtra = 96

// Coinbase is the first record of a block: it pays the miner and takes the
// extranonce. Its frame follows from it: the sequence number and the
// valid-until height are the block's height, the fee is 0, the key is who is
// paid, and nobody signs. So no two blocks of different heights have the same
// one (the flaw that BIP 30 and BIP 34 fix in Bitcoin).
//
// Encoding: height u32 | value u64 | witness 32 | extra length u8 | extra.
type Coinbase struct {
	Height  uint32
	Value   Amount   // what the miner takes of subsidy and fees
	Witness pow.Hash // Merkle root over the full hashes of the block's other records
	Extra   []byte   // free for the miner, at most MaxExtra bytes; it ends the body
}

// Type returns [TypeCoinbase].
func (Coinbase) Type() Type { return TypeCoinbase }

// Append appends the encoding.
func (p Coinbase) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, p.Height)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Value))
	b = append(b, p.Witness[:]...)
	b = append(b, byte(len(p.Extra)))
	return append(b, p.Extra...)
}

func decodeCoinbase(f *fields.Coder) Payload {
	var p Coinbase
	var extra uint8
	f.Uint32(&p.Height)
	f.Uint64((*uint64)(&p.Value))
	fields.Hash(f, &p.Witness)
	if f.Uint8(&extra); extra > 0 {
		p.Extra = f.Take(int(extra))
	}
	return p
}

// CoSigners returns nil: the proof of work stands for a signature.
func (Coinbase) CoSigners() []Key { return nil }

// Check checks value and extra.
func (p Coinbase) Check() error {
	if len(p.Extra) > MaxExtra {
		return reject.New(reject.BadCoinbase, "extra has %d bytes, must have at most %d", len(p.Extra), MaxExtra)
	}
	return checkAmount("value", p.Value, 0)
}

// checkFrame checks what follows from the height.
func (p Coinbase) checkFrame(r *Record) error {
	if r.Seq != uint64(p.Height) || r.ValidUntil != p.Height || r.Fee != 0 {
		return reject.New(reject.BadCoinbase,
			"sequence number %d, valid until %d, fee %v; at height %d they must be %d, %d, 0",
			r.Seq, r.ValidUntil, r.Fee, p.Height, p.Height, p.Height)
	}
	return nil
}
