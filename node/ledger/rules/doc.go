// Package rules has the rules of the state: what a record needs to be valid at
// its place in the chain, and what it changes.
//
// It is a pure function of state, record and [Context]. It has no clock, no
// disk, no network and no goroutine; whoever calls it keeps the state.
//
//   - [View] is a state to read from: key and value pairs of bytes.
//   - [State] lays changes over a View. Part of them can be taken back
//     ([State.Revert]); what is left at the end are its [Change] values.
//   - [ApplyBlock] applies the records of a block, [Apply] one record. A record
//     that breaks a rule changes nothing and gives a [reject.Error].
//   - [EncodeUndo] keeps what a block replaced, so that it can be disconnected.
//     [Digest] and [StateHash] prove that two nodes agree.
//
// # Accounts
//
// An account is named by the first key that it had, for ever. KEY_ROTATE gives
// it another key to sign with; balance, roles and sequence number stay where
// they are. The keys that it had before cannot sign any more; payments and
// coinbases still reach the account by them. [GetAccount] finds
// the account of any of its keys. Entries that name a key, as those of immature
// coinbases do, are resolved when they are used.
//
// # Money
//
// Of the fees of a block one half, rounded down, goes into the reward pool; its
// author has burned it. The other half and the subsidy are the miner's. What the
// coinbase does not claim of the fees goes into the reward pool too. So at every
// height
//
//	balances + immature coinbases + reward pool = supply
//	supply = allocations + subsidies that were claimed - burned for vouchers
//
// Of what a seller burns for a voucher, a part goes into the reward pool, and
// the rest leaves the supply. The reward of an evaluation comes out of the pool.
//
// # After-sales cases
//
// [Voucher], [Shipment], [Claim] and [Evaluation] are what the state knows of a
// case; [GetVoucher] and its like read them. Each is a machine whose transitions
// are a table (tables.go): from which state, by what record, of whom, to which
// state. What is not in the table is rejected. docs/ledger.md describes
// the whole, and draws the tables.
//
// A deadline needs no record to pass. What time alone decides, as that silence
// settles a claim, is a function of the entry and the median time past: whoever
// reads a case sees it, and the next record that touches the case writes it down
// first.
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
// little-endian. An entry that would say nothing but zero is absent. The fields
// of values without a description here are listed in the method layout of the
// type.
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
// A type is a function of type rule in a file of its family, and a line in the
// table rules. Entries of a new kind get a prefix in entry.go and a pair of
// functions that read and write them, as account.go has; the reader rejects what
// the writer does not write.
//
// # Caveats
//
// Signatures and the rules that need no state are not checked here: they are
// record.Record.Verify and record.Record.Check, and must come first.
package rules
