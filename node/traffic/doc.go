// Package traffic makes records as the users of a network would, at a chosen
// rate, so that a network for development has something to put into its blocks.
//
// A [Generator] has two kinds of users. Accounts pay each other, get other keys
// and grant roles (payments.go). Players go through whole after-sales cases
// (players.go, salecase.go): makers register products, sellers sell, carriers carry,
// buyers claim and evaluate, supervisors rule. Some of them are dishonest, and
// also try what the rules reject (try.go). All records go through the same
// admission as everybody's; [Generator.Counts] counts what became of them.
//
// The main path is [Generator.Send]. After each block, it looks up every open case
// in the state of the chain, and queues what the next party to it does
// (Generator.step). Then it takes the queued records one after the other. When
// none is left, somebody buys something new.
//
// The generator remembers nothing that the chain does not. The keys of players
// follow from the first account's, those of a case from its number. Whether
// something happens in a case follows from the IDs of its records (chance). So
// it can be stopped and started at any time. What it chooses otherwise follows
// from a seed, except that sealing (package recipient) draws from the operating
// system; see [Options].Seal.
//
// # Caveats
//
// Everybody knows the keys of a development network's accounts, and so those of
// the players. After a start, the generator goes on with the last thousand sales
// at most. It does not know of a refund that was paid but not yet reported, and pays
// again.
package traffic
