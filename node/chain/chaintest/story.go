package chaintest

import (
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// CaseNetwork returns a [Network] with days of a day: its blocks come faster than
// the periods of the development network pass.
func CaseNetwork() *network.Params {
	return Network(func(p *network.Params) { p.AfterSales.Day = 24 * 60 * 60 })
}

// What a [Story] sells.
const (
	GTIN   record.GTIN   = 6291041500213
	Serial record.Serial = "A/1"
)

// Story is a sale and what comes of it, in blocks, for tests of what is derived
// from the chain. Each step mines blocks: [Story.Sell], [Story.Send],
// [Story.HandOver], [Story.Deliver], [Story.Complain], [Story.Refund] and
// [Story.Evaluate], in this order. The recipient's data are sealed as package
// recipient does it, so that tests can look for them.
type Story struct {
	*Builder
	Tip *Block

	// The parties. The secret keys of carriers are those of network.DevFaucets,
	// by whose numbers they are named.
	Seller, Maker, Supervisor, Buyer record.Key
	FirstCarrier, SecondCarrier      int

	Item record.Serial // that is sold; Serial unless a test sets another one before Sell
	Note string        // of the evidence for the claim

	Secret     recipient.Secret // name and address of the buyer
	FirstBlob  []byte           // sealed to the first carrier
	SecondBlob []byte           // sealed again, to the second one

	Voucher, Shipment, Claim, Payment record.ID
	// Records are all that were made, in order.
	Records []*record.Record

	pickup  record.Key
	pending []*record.Record
	seqs    map[record.Key]uint64 // of pending records
}

// NewStory begins a story on the genesis block of a new builder: roles are
// granted, and a product is registered. The address is what the carriers need to
// find the buyer. The network should have days of a day: see [CaseNetwork].
func NewStory(p *network.Params, address string) *Story {
	b := New(p, 1)
	s := &Story{Builder: b, Tip: b.Genesis, FirstCarrier: 4, SecondCarrier: 5, Item: Serial, Note: "it does not start", seqs: map[record.Key]uint64{}}
	s.Seller, s.Maker, s.Supervisor = s.party(1), s.party(2), s.party(3)
	s.Buyer, s.pickup = record.PublicOf(b.NewKey()), record.PublicOf(b.NewKey())
	var err error
	if s.Secret, err = recipient.NewSecret([]byte(address)); err != nil {
		panic(err)
	}
	s.grant(record.Seller, s.Seller)
	s.grant(record.Manufacturer, s.Maker)
	s.grant(record.Supervisor, s.Supervisor)
	s.grant(record.Carrier, s.party(s.FirstCarrier))
	s.grant(record.Carrier, s.party(s.SecondCarrier))
	s.mine()
	s.add(s.Maker, record.ProductRegister{Time: s.now(), GTIN: GTIN, WarrantyDays: 365, Terms: record.Digest{1}})
	s.mine()
	return s
}

func (s *Story) party(i int) record.Key { return record.PublicOf(network.DevFaucets()[i]) }

func (s *Story) grant(role record.Role, key record.Key) {
	s.add(s.party(0), record.RoleGrant{Role: role, Key: key, Approvers: s.Approvers()})
}

// now is the time that the next record claims.
func (s *Story) now() record.Time { return record.Time(s.Tip.Header.Time) }

// add signs a record for the next block.
func (s *Story) add(author record.Key, p record.Payload) *record.Record {
	frame := s.Frame(s.Tip, author)
	frame.Seq += s.seqs[author]
	s.seqs[author]++
	frame.Payload = p
	r := s.Sign(frame)
	s.pending = append(s.pending, r)
	return r
}

// mine makes a block of the records that were added.
func (s *Story) mine() {
	s.Tip = s.Extend(s.Tip, s.pending...)
	s.Records = append(s.Records, s.pending...)
	s.pending = nil
	clear(s.seqs)
}

// Sell has the seller issue a voucher to the buyer.
func (s *Story) Sell() {
	p := &s.Params.AfterSales
	const price = 100 * record.Coin
	s.Voucher = s.add(s.Seller, record.VoucherIssue{
		Time: s.now(), GTIN: GTIN, Serial: s.Item, Buyer: s.Buyer, Invoice: record.Digest{2}, Price: price, Quantity: 1, Distance: true,
		WarrantyDays: 365, Terms: record.Digest{1}, Burn: max(p.VoucherFee, price/1000*record.Amount(p.FeePermille)), Stipend: p.MinStipend,
	}).ID()
	s.mine()
}

// blobKey returns a carrier's key for sealed data.
func blobKey(carrier int) recipient.PrivateKey {
	key, err := recipient.DeriveKey(network.DevFaucets()[carrier])
	if err != nil {
		panic(err)
	}
	return key
}

// Send has the seller create a shipment, with the buyer's address sealed to the
// first carrier.
func (s *Story) Send() {
	var err error
	if s.FirstBlob, err = recipient.Seal(blobKey(s.FirstCarrier).Public(), s.Secret); err != nil {
		panic(err)
	}
	s.Shipment = s.add(s.Seller, record.ShipmentCreate{
		Time: s.now(), Voucher: s.Voucher, Leg: record.Outbound, Carrier: s.party(s.FirstCarrier),
		Commitment: record.Digest(s.Secret.Commitment()), PickupHash: recipient.PickupHash(s.pickup), BlobHash: recipient.BlobHash(s.FirstBlob),
	}).ID()
	s.mine()
}

// HandOver brings the goods to the first carrier, and from there to the second,
// with the address sealed again.
func (s *Story) HandOver() {
	var err error
	s.SecondBlob, err = recipient.Reseal(blobKey(s.FirstCarrier), s.Secret.Commitment(), s.FirstBlob, blobKey(s.SecondCarrier).Public())
	if err != nil {
		panic(err)
	}
	s.add(s.Seller, record.CustodyHandover{Time: s.now(), Shipment: s.Shipment, To: s.party(s.FirstCarrier), BlobHash: recipient.BlobHash(s.FirstBlob)})
	s.mine()
	s.add(s.party(s.FirstCarrier), record.CustodyHandover{
		Time: s.now(), Shipment: s.Shipment, To: s.party(s.SecondCarrier), BlobHash: recipient.BlobHash(s.SecondBlob),
	})
	s.mine()
}

// Deliver has the second carrier bring the goods to the buyer.
func (s *Story) Deliver() {
	s.add(s.party(s.SecondCarrier), record.DeliveryConfirm{
		Time: s.now(), Shipment: s.Shipment, PickupKey: s.pickup, ChallengeHeight: s.Tip.Height(), ChallengeNonce: record.Nonce{7},
	})
	s.mine()
}

// Complain has the buyer make a claim, with evidence.
func (s *Story) Complain() {
	s.Claim = s.add(s.Buyer, record.ClaimOpen{
		Time: s.now(), Voucher: s.Voucher, Ground: record.Fault, FaultCode: 7, Remedy: record.Refund, Description: record.Digest{3},
	}).ID()
	s.mine()
	s.add(s.Buyer, record.EvidenceAdd{Time: s.now(), Claim: s.Claim, Evidence: record.Digest{4}, Note: s.Note})
	s.mine()
}

// Refund has the seller agree and pay, and the buyer confirm it.
func (s *Story) Refund() {
	s.add(s.Seller, record.ClaimRespond{Time: s.now(), Claim: s.Claim, Action: record.Authorise, Remedy: record.Refund, Refund: 100 * record.Coin})
	s.mine()
	s.Payment = s.add(s.Seller, record.Pay{To: s.Buyer, Amount: 100 * record.Coin, Reference: s.Claim}).ID()
	s.mine()
	s.add(s.Seller, record.SettleExecute{Time: s.now(), Claim: s.Claim, Remedy: record.Refund, Payment: s.Payment})
	s.mine()
	s.add(s.Buyer, record.SettleConfirm{Time: s.now(), Claim: s.Claim, Accept: true})
	s.mine()
}

// Evaluate has the buyer evaluate the sale.
func (s *Story) Evaluate() {
	s.add(s.Buyer, record.Evaluate{Time: s.now(), Voucher: s.Voucher, Product: 2, Service: 5, Logistics: 4})
	s.mine()
}

// Run runs the whole story.
func (s *Story) Run() {
	for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver, s.Complain, s.Refund, s.Evaluate} {
		step()
	}
}
