// Package gbt is a source of work that mines to a node of Bitcoin's protocol by
// getblocktemplate (BIP 22, 23 and 145).
//
//   - [Client] is a [miner.Source]. It requests templates with long polling, has
//     the node check each block before it is hashed, and submits what is found.
//   - [Options] name the node and the payout.
//
// # Caveats
//
// The payout is an output script in hex or an address: base58check (P2PKH,
// P2SH), bech32 (BIP 173) or bech32m (BIP 350). An address must belong to the
// node's network, which getblockchaininfo reports; a script fits any. Addresses
// are parsed here, since the libraries for it bring the rest of a wallet.
//
// A share is a block: its target is that of the template.
package gbt
