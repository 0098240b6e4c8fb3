package stratum

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"stele/engine/pow"
)

// Notify is a job, as in mining.notify.
type Notify struct {
	JobID                string
	Prev                 pow.Hash   // hash of the parent
	Coinbase1, Coinbase2 []byte     // the coinbase without witness, before and after the extranonces
	Branch               []pow.Hash // Merkle branch of the coinbase, from the leaf upwards
	Version              uint32
	Bits                 pow.Bits
	Time                 uint32
	Clean                bool // older jobs are stale
}

// NotifyParams is the usual number of parameters of mining.notify.
const NotifyParams = 9

const (
	maxJobID  = 256
	maxBranch = 32 // no block has more than 2^32 transactions
)

// ParseNotify reads the parameters of mining.notify. It accepts unknown ones before
// clean_jobs or after it; a missing clean_jobs is false. An error is of the kind
// [ErrFormat].
func ParseNotify(params []json.RawMessage) (Notify, error) {
	n, err := parseNotify(params)
	if err != nil {
		return Notify{}, fmt.Errorf("%s: %w", MethodNotify, err)
	}
	return n, nil
}

func parseNotify(params []json.RawMessage) (n Notify, err error) {
	if len(params) < NotifyParams-1 {
		return n, fmt.Errorf("%w: %d parameters, want %d", ErrFormat, len(params), NotifyParams)
	}
	if n.JobID, err = parseName(params[0], "job_id", maxJobID); err != nil {
		return n, err
	}
	if n.Prev, err = parseHash(params[1], "prevhash"); err != nil {
		return n, err
	}
	n.Prev = swapWords(n.Prev)
	if n.Coinbase1, err = parseHex(params[2], "coinb1", 0, MaxLine); err != nil {
		return n, err
	}
	if n.Coinbase2, err = parseHex(params[3], "coinb2", 0, MaxLine); err != nil {
		return n, err
	}
	branch, err := parseArray(params[4], "merkle branch", maxBranch)
	if err != nil {
		return n, err
	}
	for i, b := range branch {
		h, err := parseHash(b, fmt.Sprintf("merkle branch[%d]", i))
		if err != nil {
			return n, err
		}
		n.Branch = append(n.Branch, h)
	}
	if n.Version, err = parseWord(params[5], "version"); err != nil {
		return n, err
	}
	bits, err := parseWord(params[6], "nbits")
	if err != nil {
		return n, err
	}
	n.Bits = pow.Bits(bits)
	if n.Time, err = parseWord(params[7], "ntime"); err != nil {
		return n, err
	}
	n.Clean, err = cleanJobs(params[NotifyParams-1:])
	return n, err
}

// cleanJobs finds clean_jobs among the parameters after the time: the last one that
// is true or false.
func cleanJobs(params []json.RawMessage) (clean bool, err error) {
	for _, p := range slices.Backward(params) {
		if isNull(p) {
			continue
		}
		if clean, err = parseBool(p, "clean_jobs"); err == nil {
			return clean, nil
		}
	}
	return false, err
}

// Message returns the notification.
func (n *Notify) Message() Message {
	branch := make([]string, len(n.Branch))
	for i, h := range n.Branch {
		branch[i] = hex.EncodeToString(h[:])
	}
	prev := swapWords(n.Prev)
	return Request("", MethodNotify, n.JobID, hex.EncodeToString(prev[:]),
		hex.EncodeToString(n.Coinbase1), hex.EncodeToString(n.Coinbase2), branch,
		formatWord(n.Version), n.Bits.String(), formatWord(n.Time), n.Clean)
}

// Header returns the header with the extranonces in the coinbase, and nonce 0. Time,
// in seconds since 1970, and version replace those of the job.
func (n *Notify) Header(extranonce1, extranonce2 []byte, time, version uint32) pow.Header {
	size := len(n.Coinbase1) + len(extranonce1) + len(extranonce2) + len(n.Coinbase2)
	coinbase := make([]byte, 0, size)
	coinbase = append(coinbase, n.Coinbase1...)
	coinbase = append(coinbase, extranonce1...)
	coinbase = append(coinbase, extranonce2...)
	coinbase = append(coinbase, n.Coinbase2...)
	return pow.Header{
		Version:    version,
		Prev:       n.Prev,
		MerkleRoot: pow.RootFromBranch(pow.Sum(coinbase), n.Branch, 0),
		Time:       time,
		Bits:       n.Bits,
	}
}

// swapWords reverses the bytes of each group of four.
func swapWords(h pow.Hash) pow.Hash {
	for i := 0; i < len(h); i += 4 {
		h[i], h[i+1], h[i+2], h[i+3] = h[i+3], h[i+2], h[i+1], h[i]
	}
	return h
}

// Height returns the height of the block by its coinbase: by BIP 34, or as a coinbase
// of Stele's ledger has it. 0: the coinbase has none.
func (n *Notify) Height() uint32 {
	if height := bitcoinHeight(n.Coinbase1); height != 0 {
		return height
	}
	return steleHeight(n.Coinbase1)
}

// bitcoinHeight reads the height that the script of a coinbase of Bitcoin begins
// with (BIP 34).
func bitcoinHeight(b []byte) uint32 {
	// Version, number of inputs, and the empty output that a coinbase spends.
	const script = 4 + 1 + 36
	if len(b) < script+2 || b[4] != 1 || !bytes.Equal(b[5:script-4], make([]byte, 32)) {
		return 0
	}
	length, push := b[script], b[script+1:] // a coinbase script has at most 100 bytes
	const op1, op16 = 0x51, 0x60
	if push[0] >= op1 && push[0] <= op16 {
		return uint32(push[0]) - op1 + 1
	}
	size := int(push[0])
	if size < 1 || size > 4 || size >= int(length) || len(push) <= size {
		return 0
	}
	var height uint32
	for i := size; i > 0; i-- {
		height = height<<8 | uint32(push[i])
	}
	return height
}

// steleHeight reads the height of a coinbase of Stele's ledger, a record that has
// it three times: as its sequence number, as the height until which it is valid,
// and in its payload. With the fee of 0 in between, nothing else looks like it.
func steleHeight(b []byte) uint32 {
	const (
		seq        = 4 + 1 + 1      // after the network, the type and the version
		validUntil = seq + 8        // u32
		fee        = validUntil + 4 // u64
		payload    = fee + 8 + 32 + 2
	)
	le := binary.LittleEndian
	if len(b) < payload+4 {
		return 0
	}
	height := le.Uint32(b[payload:])
	if le.Uint64(b[seq:]) != uint64(height) || le.Uint32(b[validUntil:]) != height || le.Uint64(b[fee:]) != 0 {
		return 0
	}
	return height
}
