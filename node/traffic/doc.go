// Package traffic makes records as the users of a network would, at a chosen
// rate, so that a network for development has something to put into its blocks.
//
// A [Generator] pays between accounts whose secret keys it has, grants and
// revokes roles with the root keys, and gives an account another key now and
// then. Its records go through the same admission as everybody's.
//
// The generator remembers nothing that the chain does not: whose turn it is to
// sign for an account, and with which sequence number, it asks each time. The
// keys that it gives to its accounts follow from the first key of each. So it
// can be stopped and started at any time. What it chooses follows from a seed.
package traffic
