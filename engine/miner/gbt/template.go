package gbt

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"stele/engine/pow"
	"stele/internal/bounded"
)

// ErrTemplate is the kind of an error in a template.
var ErrTemplate = errors.New("bad block template")

const maxTransactions = 100_000

// template is the answer to getblocktemplate, in the names of BIP 22.
type template struct {
	Version      int64         `json:"version"`
	Previous     pow.Hash      `json:"previousblockhash"`
	Bits         string        `json:"bits"`
	CurTime      uint32        `json:"curtime"`
	MinTime      uint32        `json:"mintime"`
	MaxTime      uint32        `json:"maxtime"`
	Height       uint32        `json:"height"`
	Value        *int64        `json:"coinbasevalue"`
	Commitment   string        `json:"default_witness_commitment"`
	LongPoll     string        `json:"longpollid"`
	Capabilities []string      `json:"capabilities"`
	Rules        []string      `json:"rules"` // BIP 9
	Transactions []transaction `json:"transactions"`

	bits       pow.Bits
	target     pow.Target
	commitment []byte
	branch     []pow.Hash
}

// transaction is a transaction of a template: its encoding and its id.
type transaction struct {
	Data hexBytes `json:"data"`
	ID   pow.Hash `json:"txid"`
}

// hexBytes are bytes that are hex digits in JSON.
type hexBytes []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hexBytes) UnmarshalText(text []byte) error {
	*h = make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(*h, text); err != nil {
		return errors.New("not hex")
	}
	return nil
}

// minTransaction is the length of the smallest transaction, in bytes: one input
// and one output with empty scripts.
const minTransaction = 4 + 1 + 41 + 1 + 9 + 4

// maxWords bounds the capabilities, and the rules, of a template.
const maxWords = 256

// parseTemplate reads and checks a template. Its lists are bounded while they are
// read, so that memory grows only with what the node sends.
func parseTemplate(b []byte) (*template, error) {
	t := &template{}
	err := bounded.Unmarshal(b, t, bounded.List[string](maxWords, nil), bounded.List(maxTransactions, func(x *transaction) error {
		switch {
		case len(x.Data) < minTransaction:
			return fmt.Errorf("data of %d bytes: a transaction has at least %d", len(x.Data), minTransaction)
		case x.ID == pow.Hash{}:
			return errors.New("no txid")
		}
		return nil
	}))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	case t.Version < math.MinInt32 || t.Version > math.MaxUint32:
		return nil, fmt.Errorf("%w: version %d", ErrTemplate, t.Version)
	case t.Value == nil || *t.Value < 0:
		return nil, fmt.Errorf("%w: no coinbasevalue", ErrTemplate)
	case t.Height == 0 || t.Height > math.MaxInt32:
		return nil, fmt.Errorf("%w: height %d", ErrTemplate, t.Height)
	case t.CurTime == 0:
		return nil, fmt.Errorf("%w: no curtime", ErrTemplate)
	}
	if err := checkRules(t.Rules); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	if t.bits, err = pow.ParseBits(t.Bits); err == nil {
		t.target, err = t.bits.Target()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: bits: %w", ErrTemplate, err)
	}
	if t.commitment, err = hex.DecodeString(t.Commitment); err != nil || len(t.commitment) > 252 {
		return nil, fmt.Errorf("%w: default_witness_commitment is not the hex of a script", ErrTemplate)
	}
	ids := make([]pow.Hash, 1, len(t.Transactions)+1)
	for _, x := range t.Transactions {
		ids = append(ids, x.ID)
	}
	t.branch = pow.MerkleBranch(ids, 0)
	return t, nil
}

// knownRules are the rules that the miner follows and announces to the node.
var knownRules = []string{"segwit"}

// checkRules rejects a rule with an exclamation mark that the miner does not know:
// it changes how a block is built, so that a block made without it may be invalid
// (BIP 9, getblocktemplate changes).
func checkRules(rules []string) error {
	for _, rule := range rules {
		if name, mandatory := strings.CutPrefix(rule, "!"); mandatory && !slices.Contains(knownRules, name) {
			return fmt.Errorf("unsupported rule %.66q: the miner supports %q", rule, knownRules)
		}
	}
	return nil
}

func (t *template) has(capability string) bool {
	for _, c := range t.Capabilities {
		if c == capability {
			return true
		}
	}
	return false
}

// heightPush returns the height as BIP 34 requires it at the start of the
// coinbase's script: a minimal push, which for 1 to 16 is an opcode of one byte.
func heightPush(h uint32) []byte {
	if h >= 1 && h <= 16 {
		return []byte{0x50 + byte(h)}
	}
	var n []byte
	for ; h > 0; h >>= 8 {
		n = append(n, byte(h))
	}
	if n[len(n)-1]&0x80 != 0 {
		n = append(n, 0)
	}
	return append([]byte{byte(len(n))}, n...)
}

// coinbase returns the coinbase transaction. Without witness it is what the txid
// hashes.
func (t *template) coinbase(payout []byte, tag string, extranonce uint64, witness bool) []byte {
	witness = witness && len(t.commitment) > 0
	script := append(heightPush(t.Height), 8)
	script = binary.LittleEndian.AppendUint64(script, extranonce)
	script = append(append(script, byte(len(tag))), tag...)
	b := []byte{1, 0, 0, 0}
	if witness {
		b = append(b, 0, 1)
	}
	b = append(append(b, 1), make([]byte, 32)...)
	b = append(b, 0xff, 0xff, 0xff, 0xff, byte(len(script)))
	b = append(append(b, script...), 0xff, 0xff, 0xff, 0xff)
	outputs := byte(1)
	if len(t.commitment) > 0 {
		outputs = 2
	}
	b = binary.LittleEndian.AppendUint64(append(b, outputs), uint64(*t.Value))
	b = append(append(b, byte(len(payout))), payout...)
	if len(t.commitment) > 0 {
		b = append(append(b, make([]byte, 8)...), byte(len(t.commitment)))
		b = append(b, t.commitment...)
	}
	if witness {
		b = append(append(b, 1, 32), make([]byte, 32)...)
	}
	return append(b, 0, 0, 0, 0)
}

func (t *template) header(payout []byte, tag string, extranonce uint64, time uint32) pow.Header {
	id := pow.Sum(t.coinbase(payout, tag, extranonce, false))
	return pow.Header{
		Version: uint32(t.Version), Prev: t.Previous, Time: time, Bits: t.bits,
		MerkleRoot: pow.RootFromBranch(id, t.branch, 0),
	}
}

// block returns the block in hex.
func (t *template) block(h pow.Header, payout []byte, tag string, extranonce uint64) string {
	head := h.Encode()
	b := head[:]
	switch n := len(t.Transactions) + 1; {
	case n < 0xfd:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	default:
		b = binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
	b = append(b, t.coinbase(payout, tag, extranonce, true)...)
	for _, x := range t.Transactions {
		b = append(b, x.Data...)
	}
	return hex.EncodeToString(b)
}
