package gbt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"stele/engine/pow"
)

// ErrPayout is the kind of an error in the payout of the options.
var ErrPayout = errors.New("bad payout")

// maxScript bounds an output script, in bytes: its length is encoded as one byte.
const maxScript = 252

// network has the prefixes of a network's addresses. Chains are the names that
// nodes give it in the answer to getblockchaininfo: Bitcoin Core's and btcd's.
type network struct {
	bech32                 string
	pubkeyHash, scriptHash byte
	chains                 []string
}

var networks = []network{
	{"bc", 0x00, 0x05, []string{"main", "mainnet"}},
	{"tb", 0x6f, 0xc4, []string{"test", "testnet3", "testnet4", "signet"}},
	{"bcrt", 0x6f, 0xc4, []string{"regtest"}},
	{"sb", 0x3f, 0x7b, []string{"simnet"}},
}

// payout is the output that the coinbase pays to.
type payout struct {
	script  []byte
	address string   // "": it was given as a script
	chains  []string // that the address may belong to
}

// parsePayout reads an output script in hex or an address.
func parsePayout(text string) (payout, error) {
	if text == "" || strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		script, err := hex.DecodeString(text)
		if err != nil || len(script) == 0 || len(script) > maxScript {
			return payout{}, fmt.Errorf("%w: an output script in hex must have 1 to %d bytes, two digits each", ErrPayout, maxScript)
		}
		return payout{script: script}, nil
	}
	p, err := parseBase58(text)
	if err != nil && looksLikeSegwit(text) {
		p, err = parseSegwit(text)
	}
	if err != nil {
		return payout{}, fmt.Errorf("%w: %q is neither an output script in hex nor a valid address: %w", ErrPayout, text, err)
	}
	p.address = text
	return p, nil
}

// parseBase58 reads an address in base58check: a version, the 20 bytes of a hash,
// and 4 bytes of the SHA-256d of these, as one number to the base of 58.
func parseBase58(text string) (payout, error) {
	const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	const length = 25
	if len(text) > 35 {
		return payout{}, errors.New("too long")
	}
	var n big.Int
	for _, c := range []byte(text) {
		digit := strings.IndexByte(letters, c)
		if digit < 0 {
			return payout{}, fmt.Errorf("invalid character %q", c)
		}
		n.Add(n.Mul(&n, big.NewInt(58)), big.NewInt(int64(digit)))
	}
	if n.BitLen() > 8*length {
		return payout{}, errors.New("too long")
	}
	b := n.FillBytes(make([]byte, length))
	// A leading byte 0 is written as the digit 1.
	ones := len(text) - len(strings.TrimLeft(text, "1"))
	if zeros := length - (n.BitLen()+7)/8; ones != zeros {
		return payout{}, errors.New("wrong length")
	}
	if sum := pow.Sum(b[:21]); [4]byte(sum[:4]) != [4]byte(b[21:]) {
		return payout{}, errors.New("wrong checksum: a letter may be mistyped")
	}
	var p payout
	for _, n := range networks {
		switch b[0] {
		case n.pubkeyHash: // OP_DUP OP_HASH160 hash OP_EQUALVERIFY OP_CHECKSIG
			p.script = append(append([]byte{0x76, 0xa9, 20}, b[1:21]...), 0x88, 0xac)
		case n.scriptHash: // OP_HASH160 hash OP_EQUAL (BIP 16)
			p.script = append(append([]byte{0xa9, 20}, b[1:21]...), 0x87)
		default:
			continue
		}
		p.chains = append(p.chains, n.chains...)
	}
	if p.script == nil {
		return payout{}, fmt.Errorf("unknown version %d", b[0])
	}
	return p, nil
}

// looksLikeSegwit reports whether a text is meant as an address of a witness
// program, perhaps a mistyped one.
func looksLikeSegwit(text string) bool {
	_, _, _, err := decodeBech32(text)
	return err == nil || slices.ContainsFunc(networks, func(n network) bool {
		return strings.HasPrefix(strings.ToLower(text), n.bech32+"1")
	})
}

// parseSegwit reads an address of a witness program (BIP 173, BIP 350).
func parseSegwit(text string) (payout, error) {
	prefix, values, encoding, err := decodeBech32(text)
	if err != nil {
		return payout{}, err
	}
	i := slices.IndexFunc(networks, func(n network) bool { return n.bech32 == prefix })
	switch {
	case i < 0:
		return payout{}, fmt.Errorf("unknown prefix %q", prefix)
	case len(values) == 0:
		return payout{}, errors.New("no data")
	case (values[0] == 0) != (encoding == bech32):
		return payout{}, errors.New("the checksum belongs to another witness version (BIP 350)")
	}
	program, err := bytesOf5(values[1:])
	if err != nil {
		return payout{}, err
	}
	p := payout{chains: networks[i].chains}
	switch version := values[0]; {
	case version == 0 && (len(program) == 20 || len(program) == 32): // P2WPKH, P2WSH (BIP 141)
		p.script = append([]byte{0, byte(len(program))}, program...)
	case version == 1 && len(program) == 32: // P2TR (BIP 341)
		p.script = append([]byte{0x51, 32}, program...)
	default:
		return payout{}, fmt.Errorf("witness program of version %d with %d bytes: must be P2WPKH, P2WSH or P2TR", version, len(program))
	}
	return p, nil
}

// fits reports whether the payout can be for a node of a chain. A script fits all
// of them.
func (p payout) fits(chain string) bool {
	return p.address == "" || slices.Contains(p.chains, chain)
}
