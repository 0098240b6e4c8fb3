// Package credit computes the score of every seller and product, from the chain alone
// and the same on every node. docs/credit.md explains the method and its limits.
package credit
