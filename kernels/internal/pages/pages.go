// Package pages moves the code of a kernel to other physical pages, at the same virtual
// addresses.
//
// On Zen 5 the physical addresses of its code can slow a kernel down by a factor of 1.2
// to 4: two pages of it seem to evict each other's lines from the instruction cache.
// About one placement in 50 is so bad, and it stays until the program's file leaves the
// page cache. Copies of the pages at other addresses cure it.
package pages
