// Package gbt mines to a node of Bitcoin's protocol by getblocktemplate (BIP 22,
// 23 and 145), as a source of package miner.
//
//   - Client is the source. It asks for templates with long polling, lets the
//     node judge the block before it is hashed, and submits what is found.
//
// # Caveats
//
// The payout is an output script in hex or an address: base58check (P2PKH,
// P2SH), bech32 (BIP 173) or bech32m (BIP 350). An address has to be one of the
// node's network, as getblockchaininfo tells it; a script is for any. Addresses
// are read here, since the libraries that read them bring the rest of a wallet.
//
// A share is a block: its target is that of the template.
package gbt
