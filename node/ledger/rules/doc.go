// Package rules defines the rules of the state: what makes a record valid at its
// place in the chain, and what it changes.
//
// The rules are pure functions of state, record and [Context]: they use no clock,
// disk, network or goroutine. The caller keeps the state.
//
//   - [View] is a state to read from: key and value pairs of bytes.
//   - [State] lays changes over a View. The last ones can be reverted
//     ([State.Revert]); [State.Changes] returns those that remain.
//   - [ApplyBlock] applies the records of a block, [Apply] one record. A record
//     that breaks a rule changes nothing; the error is a [reject.Error].
//   - [EncodeUndo] encodes what a block replaced, so that it can be disconnected.
//     [Digest] and [StateHash] prove that two nodes agree.
//
// # Accounts
//
// An account is named by its first key, for ever. KEY_ROTATE gives it another key
// to sign with; balance, roles and sequence number do not change. The earlier keys
// no longer sign; payments and coinbases to them still reach the account.
// [GetAccount] finds an account by any of its keys. Entries that name a key, such
// as immature coinbases, are resolved when they are used.
//
// # Money
//
// One half of the fees of a block, rounded down, goes into the reward pool: the
// authors burn it. The other half and the subsidy are the miner's. Fees that the
// coinbase does not claim go into the reward pool too. So at every height
//
//	balances + immature coinbases + reward pool = supply
//	supply = allocations + subsidies that were claimed - burned for vouchers
//
// A part of what a seller burns for a voucher goes into the reward pool, and the
// rest leaves the supply. The reward of an evaluation comes out of the pool.
//
// # After-sales cases
//
// [Voucher], [Shipment], [Claim] and [Evaluation] are what the state knows of a
// case; [GetVoucher] and its like read them. Each is a machine whose transitions
// are a table (tables.go): from which state, by what record, of whom, to which
// state. What is not in the table is rejected. docs/ledger.md describes
// the whole, and draws the tables.
//
// The states are in voucher.go, shipment.go, claim.go and evaluation.go. The rules are
// in issue.go (products and sales), custody.go (shipments), dispute.go (claims, from
// CLAIM_OPEN to the ruling), settle.go (remedies), evaluation.go and supervision.go
// (rulings on shipments, recalls, suspensions).
//
// No record is needed for a deadline to pass. What time alone decides, for example
// that silence settles a claim, is a function of the entry and the median time
// past. Whoever reads a case sees it; the next record about the case writes it into
// the state first.
//
// # What a party may do
//
// [VoucherActions], [ClaimActions] and [ShipmentActions] list what an account may
// do now, until when, and if not, why not. They run the checks that the rules run
// ([HolderClaims] for what a voucher's holder may claim). [GetTurn] says whose turn
// it is in a claim, and what happens in silence.
//
// # Entries of the state
//
// Integers in keys are big-endian, so that keys sort; those in values are
// little-endian. An entry whose value would be zero is absent. The fields of a
// value without a description here are in the method layout of its type.
//
//	key                       value
//	'a' key 32                account: balance u64, seq u64, roles u8 [, key 32 that signs for it now]
//	                          or, under the later keys of an account: its name 32
//	'c' id 32                 Claim
//	'd' id 32 of claim,       how much evidence the account added to the claim: u64
//	    name 32 of account
//	'e' id 32 of voucher      Evaluation
//	'g' GTIN u64              Product
//	'h' id 32                 Shipment
//	'i' GTIN u64, serial      Item
//	'm' height u32            immature coinbase of that height: key 32, amount u64
//	'n' hash 16               1: a carrier used this nonce for a delivery
//	'p'                       reward pool: amount u64
//	'r' id 32                 author of an after-sales record: name 32 of the account
//	's'                       supply: amount u64
//	't'                       how many roots must sign: u64
//	'v' id 32                 Voucher
//	'y' id 32                 PAY for a claim that was live: claim, receiver, amount
//
// # Adding a type of record
//
// A type of record needs a function of type rule, in the file of its family, and a
// line in the table rules. A type that is about a case also needs a line in admits
// and an [Action]. Entries of a new kind need a prefix in entry.go and a pair of
// functions that read and write them, as in account.go; the reader rejects what the
// writer does not write.
//
// # Caveats
//
// This package does not check signatures and the rules that need no state: call
// record.Record.Verify and record.Record.Check first. A [State] is not safe for
// concurrent use.
package rules
