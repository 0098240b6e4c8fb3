//go:build !amd64

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "ports: it measures amd64 processors only")
	os.Exit(2)
}
