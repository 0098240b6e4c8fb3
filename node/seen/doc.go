// Package seen remembers when this node saw a record first, from whom, and what became
// of it: admitted to the pool, rejected and why, confirmed by a block. None of that is on
// the chain, and other nodes may have seen the same record at other times.
//
// # Main types
//
//   - [Book] keeps a [Mark] for each record. The pool and what hands records to it report
//     to [Book.Judged] and [Book.Admitted], the chain to [Book.Changed]. [Book.Of] answers.
//   - [Book.Save] and [Book.Load] keep the marks over an orderly restart.
//
// # Limits
//
// Marks of records that were admitted or confirmed, and those of rejected records, have
// room of their own, each with a maximum number, the oldest first. So a flood of invalid
// records displaces no mark of a good one. A rejection is forgotten after a day.
//
// # Caveats
//
// The times are those of the clock of this machine. A mark is lost when the node crashes,
// or when newer ones displace it. The block's own time remains then.
package seen
