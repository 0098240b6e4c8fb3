// Package guardtest provides memory that no access may leave, for tests of kernels. It
// lies between two pages that cannot be touched: an access outside it is a fault.
//
// A test that calls debug.SetPanicOnFault gets a panic with an address instead of the end
// of the process. The package is for Linux.
package guardtest
