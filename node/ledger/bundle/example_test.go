package bundle_test

import (
	"bytes"
	"errors"
	"fmt"

	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/bundle"
	"stele/node/ledger/record"
)

// source is a chain in memory.
type source []*chaintest.Block

func (s source) Tip() uint32 { return uint32(len(s) - 1) }

func (s source) Block(height uint32) (*block.Block, error) { return s[height].Block, nil }

func (s source) Header(height uint32) (bundle.Header, error) { return s[height].Header.Encode(), nil }

func (s source) Find(id record.ID) (height uint32, index int, err error) {
	for height, b := range s {
		for index, r := range b.Records {
			if r.ID() == id {
				return uint32(height), index, nil
			}
		}
	}
	return 0, 0, errors.New("not in the chain")
}

// Collect the evidence of a sale from a chain, and check it without the chain.
func Example() {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "1 Harbour Road")
	story.Sell()
	story.Send()
	story.HandOver()
	story.Deliver()

	// A node has an index of the records of a case; here all records are searched.
	var ids []record.ID
	for _, r := range story.Records {
		for _, subject := range append(record.Subjects(r.Payload), r.ID()) {
			if subject == story.Voucher || subject == story.Shipment {
				ids = append(ids, r.ID())
				break
			}
		}
	}
	all := bundle.Options{AllHeaders: true}
	evidence, err := bundle.Collect(source(story.Tip.Chain()), story.Params, bundle.Voucher, story.Voucher, ids, all)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	if err := evidence.Write(&file); err != nil {
		fmt.Println(err)
		return
	}

	// Somebody else gets the file, and knows the network.
	received, err := bundle.Read(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := received.Check(story.Params)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("from the genesis block:", report.FromGenesis)
	for _, event := range report.Events {
		fmt.Println(event.Height, event.Type, "signed by", event.Signers[0].Part)
	}
	// Output:
	// from the genesis block: true
	// 3 VOUCHER_ISSUE signed by seller
	// 4 SHIPMENT_CREATE signed by sender
	// 5 CUSTODY_HANDOVER signed by custodian
	// 6 CUSTODY_HANDOVER signed by custodian
	// 7 DELIVERY_CONFIRM signed by custodian
}
