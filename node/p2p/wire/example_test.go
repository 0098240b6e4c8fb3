package wire_test

import (
	"fmt"

	"stele/node/p2p/wire"
)

// A message as its frame, and back.
func Example() {
	limits := wire.Limits{MaxBlockSize: 4_000_000}
	frame, err := limits.Append(nil, &wire.Ping{Nonce: 7})
	fmt.Printf("%x %v\n", frame, err)

	header := wire.DecodeHeader([wire.HeaderSize]byte(frame))
	if err := limits.Check(header, false); err != nil { // before memory is allocated
		fmt.Println(err)
		return
	}
	m, err := limits.Decode(header.Kind, frame[wire.HeaderSize:], false)
	fmt.Printf("%s %+v %v\n", header.Kind, m, err)

	fmt.Println(limits.Check(wire.Header{Kind: wire.KindBlock, Length: 1_000_000}, false))
	// Output:
	// 08000000020700000000000000 <nil>
	// ping &{Nonce:7} <nil>
	// unsolicited message: block, without an open request
}
