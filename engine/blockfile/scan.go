package blockfile

import (
	"encoding/binary"

	"stele/engine/pow"
)

// scanner parses a block as cursor does, but faster: it keeps no reasons. Its methods
// take the offset at which to begin and return the offset behind what they read. They
// return -1 if the block has an error, or a form so rare that it is left to cursor.
type scanner struct {
	raw    []byte
	spent  []uint32 // as in cursor
	sigops int
	counts bool // count signature operations
}

// scan parses raw like [Block.parsePlain], if it can. A block that it accepts is
// valid, and b and p get the same from it. Otherwise p is as before.
func (b *Block) scan(raw []byte, p *parts) bool {
	s := scanner{raw: raw, spent: p.spent, counts: countsSigops(raw)}
	if len(raw) < minBlockSize {
		return false
	}
	n, at := s.count(pow.HeaderSize)
	if at < 0 || n < 1 || n > (len(raw)-at)/minTransactionSize {
		return false
	}
	spans := grow(p.spans, n)
	b.stripped = at
	for i := range n {
		tx := transaction{start: at}
		if at = s.transaction(&tx); at < 0 {
			return false
		}
		b.note(&tx, i == 0)
		spans = append(spans, span{uint32(tx.start), uint32(tx.body), uint32(tx.bodyEnd), uint32(tx.end)})
	}
	if at != len(raw) {
		return false
	}
	b.sigops = s.sigops
	b.spans, b.spent = spans[len(p.spans):], s.spent[len(p.spent):]
	p.spans, p.spent = spans, s.spent
	return true
}

// transaction reads a transaction that begins at tx.start.
func (s *scanner) transaction(tx *transaction) int {
	at := tx.start + 4
	if len(s.raw)-at < 2 {
		return -1
	}
	if s.raw[at] == 0 {
		if s.raw[at+1] != 1 {
			return -1
		}
		tx.witness = true
		at += 2
	}
	tx.body = at
	if at = s.inputs(tx, at); at < 0 {
		return -1
	}
	if at = s.outputs(tx, at); at < 0 {
		return -1
	}
	tx.bodyEnd = at
	if tx.witness {
		if at = s.witnesses(tx.inputs, at); at < 0 {
			return -1
		}
	}
	if at += 4; at > len(s.raw) {
		return -1
	}
	tx.end = at
	return at
}

func (s *scanner) inputs(tx *transaction, at int) int {
	raw := s.raw
	n, at := s.count(at)
	if at < 0 || n < 1 || n > (len(raw)-at)/minInputSize {
		return -1
	}
	tx.inputs = n
	s.spent = grow(s.spent, n)
	for range n {
		if len(raw)-at < minInputSize {
			return -1
		}
		output := raw[at:][:outputSize]
		if binary.LittleEndian.Uint32(output[32:]) == 1<<32-1 && isNull(output) {
			tx.nulls++
		} else {
			s.spent = append(s.spent, uint32(at))
		}
		if at = s.script(at + outputSize); at < 0 {
			return -1
		}
		at += 4
	}
	return at
}

func (s *scanner) outputs(tx *transaction, at int) int {
	n, at := s.count(at)
	if at < 0 || n < 1 {
		return -1
	}
	sum := uint64(0)
	for range n {
		if len(s.raw)-at < minOutputSize {
			return -1
		}
		amount := binary.LittleEndian.Uint64(s.raw[at:])
		if sum += amount; amount > maxMoney || sum > maxMoney {
			tx.badValue = true
		}
		if at = s.script(at + 8); at < 0 {
			return -1
		}
	}
	return at
}

// witnesses reads the witnesses of this number of inputs.
func (s *scanner) witnesses(inputs, at int) int {
	raw := s.raw
	used := false
	for range inputs {
		items, next := s.count(at)
		if at = next; at < 0 {
			return -1
		}
		used = used || items > 0
		for range items {
			n, next := s.count(at)
			if next < 0 || n > len(raw)-next {
				return -1
			}
			at = next + n
		}
	}
	if !used {
		return -1
	}
	return at
}

// script reads a script and counts its signature operations.
func (s *scanner) script(at int) int {
	n, at := s.count(at)
	if at < 0 || n > len(s.raw)-at {
		return -1
	}
	if n > 0 && s.counts {
		s.sigops += quickSigops(s.raw[at : at+n])
	}
	return at + n
}

// count reads a number of variable length and returns the offset behind it.
func (s *scanner) count(at int) (n, next int) {
	if at < len(s.raw) {
		if first := s.raw[at]; first < 0xfd {
			return int(first), at + 1
		}
	}
	return s.longCount(at)
}

// longCount is count for a number of several bytes.
func (s *scanner) longCount(at int) (n, next int) {
	c := cursor{data: s.raw, at: min(at, len(s.raw))}
	long, err := c.varint("")
	if err != nil || long > uint64(len(s.raw)) {
		return 0, -1
	}
	return int(long), c.at
}

// quickSigops is countSigops, with the forms of almost all outputs known beforehand.
func quickSigops(script []byte) int {
	switch first := script[0]; len(script) {
	case 22, 34: // P2WPKH, P2WSH, P2TR: a version, and a push of the rest
		if (first == 0 || first == 0x51) && int(script[1]) == len(script)-2 {
			return 0
		}
	case 23: // P2SH: OP_HASH160, a push of 20 bytes, OP_EQUAL
		if first == 0xa9 && script[1] == 20 && script[22] == 0x87 {
			return 0
		}
	case 25: // P2PKH: OP_DUP, OP_HASH160, a push of 20 bytes, OP_EQUALVERIFY, OP_CHECKSIG
		if binary.LittleEndian.Uint32(script)&0xffffff == 0x14a976 && binary.LittleEndian.Uint16(script[23:]) == 0xac88 {
			return 1
		}
	}
	return countSigops(script)
}
