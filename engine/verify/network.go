package verify

import (
	"stele/engine/blockfile"
	"stele/engine/pow"
)

// Network is one of Bitcoin's networks with its rules.
type Network struct {
	Params *pow.Params
	Magic  blockfile.Magic

	CoinbaseHeight int64 // first height whose coinbase must begin with it (BIP 34)
	Segwit         int64 // first height whose block may have witnesses (BIP 141)
}

// Name returns the name of the network.
func (n *Network) Name() string { return n.Params.Name }

// The networks of Bitcoin.
var (
	Bitcoin  = &Network{pow.Bitcoin, blockfile.MagicBitcoin, 227_931, 481_824}
	Testnet3 = &Network{pow.Testnet3, blockfile.MagicTestnet3, 21_111, 834_624}
	Testnet4 = &Network{pow.Testnet4, blockfile.MagicTestnet4, 1, 1}
	Signet   = &Network{pow.Signet, blockfile.MagicSignet, 1, 1}
	Regtest  = &Network{pow.Regtest, blockfile.MagicRegtest, 1, 0}
)

// Networks returns all known networks.
func Networks() []*Network { return []*Network{Bitcoin, Testnet3, Testnet4, Signet, Regtest} }
