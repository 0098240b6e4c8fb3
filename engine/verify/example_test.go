package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"stele/engine"
	"stele/engine/headerchain"
	"stele/engine/pow/powtest"
	"stele/engine/verify"
)

// One header of a chain was changed. It and the next one are invalid: the next one
// still names the original as its parent.
func ExampleHeaders() {
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	defer e.Close()

	headers := powtest.Chain(100)
	headers[50*80+37] ^= 1 // a byte of the Merkle root
	src := verify.Source{
		Name: "headers.dat",
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(headers)), nil },
	}
	report, err := verify.Headers(context.Background(), e, src, verify.Options{StartHeight: headerchain.UnknownHeight})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d of %d headers are valid\n", report.Valid, report.Items)
	first := report.First
	fmt.Printf("%s, byte %d, height %d:\n", first.Source, first.Offset, first.Height)
	for _, fault := range first.Faults {
		fmt.Println(fault.Reason)
	}
	// Output:
	// 98 of 100 headers are valid
	// headers.dat, byte 4000, height 50:
	// high-hash
}
