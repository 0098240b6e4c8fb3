package verify

import (
	"stele/engine/blockfile"
	"stele/engine/pow"
)

// Network is a network of Bitcoin with its rules.
type Network struct {
	Params *pow.Params
	Magic  blockfile.Magic
}

// Name returns the name of the network.
func (n *Network) Name() string { return n.Params.Name }

// The networks of Bitcoin.
var (
	Bitcoin  = &Network{pow.Bitcoin, blockfile.MagicBitcoin}
	Testnet3 = &Network{pow.Testnet3, blockfile.MagicTestnet3}
	Testnet4 = &Network{pow.Testnet4, blockfile.MagicTestnet4}
	Signet   = &Network{pow.Signet, blockfile.MagicSignet}
	Regtest  = &Network{pow.Regtest, blockfile.MagicRegtest}
)

// Networks returns all networks that are known.
func Networks() []*Network { return []*Network{Bitcoin, Testnet3, Testnet4, Signet, Regtest} }
