package blockfile

import (
	"encoding/hex"
	"fmt"
)

// Magic begins every record of a blk file. Each network has its own.
type Magic [4]byte

// The magics of Bitcoin's networks.
var (
	MagicBitcoin  = Magic{0xf9, 0xbe, 0xb4, 0xd9}
	MagicTestnet3 = Magic{0x0b, 0x11, 0x09, 0x07}
	MagicTestnet4 = Magic{0x1c, 0x16, 0x3f, 0x28}
	MagicSignet   = Magic{0x0a, 0x03, 0xcf, 0x40} // the default signet
	MagicRegtest  = Magic{0xfa, 0xbf, 0xb5, 0xda}
)

// networks lists the known networks.
var networks = []struct {
	magic Magic
	name  string
}{
	{MagicBitcoin, "bitcoin"},
	{MagicTestnet3, "testnet3"},
	{MagicTestnet4, "testnet4"},
	{MagicSignet, "signet"},
	{MagicRegtest, "regtest"},
}

// knownMagics returns the magics of all known networks.
func knownMagics() []Magic {
	all := make([]Magic, len(networks))
	for i, n := range networks {
		all[i] = n.magic
	}
	return all
}

// ParseMagic reads 8 hexadecimal digits, in the order of the bytes in a file.
func ParseMagic(text string) (m Magic, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(m) {
		return m, fmt.Errorf("invalid magic %q: must be %d hexadecimal digits", text, 2*len(m))
	}
	return Magic(b), nil
}

// String returns 8 hexadecimal digits.
func (m Magic) String() string { return hex.EncodeToString(m[:]) }

// Network returns the name of the network of m, or "" if it is not known.
func (m Magic) Network() string {
	for _, n := range networks {
		if n.magic == m {
			return n.name
		}
	}
	return ""
}
