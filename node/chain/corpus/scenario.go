package corpus

import (
	"fmt"
	"strconv"

	"stele/node/ledger/casetest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

const (
	soldGTIN  record.GTIN = 6291041500213
	otherGTIN record.GTIN = 96385074
	noGTIN    record.GTIN = 36000291452 // that nobody has registered
	price                 = casetest.Price
	fortune               = 20_000 * record.Coin // more than anybody has
	hour                  = 60 * 60
	day                   = 24 * hour
	maxAhead              = day // of a claimed time, after the median time
)

// unknownID names nothing.
var unknownID = record.ID{9}

// scenario runs what the parties of after-sales cases do. Each record is a block of
// its own, and so is every rejection.
type scenario struct {
	*generator
	casetest.Acts
	title string
	step  int // in this scenario

	maker, seller, nextCarrier, supervisor record.Key
	otherMaker, otherSeller, stranger      record.Key
	holder                                 record.Key // who gets the voucher from the buyer; another one in each scenario, as the buyer
}

// aftersales adds after-sales records: each rule's rejection, and whole cases.
func (g *generator) aftersales() {
	w := &scenario{generator: g, title: "parties"}
	w.Acts = casetest.Acts{Clock: w.now, Height: w.height, GTIN: soldGTIN}
	for _, p := range []*record.Key{
		&w.maker, &w.seller, &w.Carrier, &w.nextCarrier, &w.Servicer, &w.supervisor, &w.otherMaker, &w.otherSeller, &w.stranger,
	} {
		*p = w.party(2000 * record.Coin)
	}
	w.Pickup, w.BackPickup = w.key(), w.key()
	w.grant(record.Manufacturer, w.maker)
	w.grant(record.Manufacturer, w.otherMaker)
	w.grant(record.Seller, w.seller)
	w.grant(record.Seller, w.otherSeller)
	w.grant(record.Carrier, w.Carrier)
	w.grant(record.Carrier, w.nextCarrier)
	w.grant(record.Servicer, w.Servicer)
	w.grant(record.Supervisor, w.supervisor)
	for _, gtin := range []record.GTIN{soldGTIN, otherGTIN} {
		w.do(w.maker, record.ProductRegister{Time: w.now(), GTIN: gtin, WarrantyDays: 365, Terms: record.Digest{7}})
	}
	for _, s := range scenarios {
		w.title, w.step = s.title, 0
		w.Voucher, w.Shipment, w.Claim = unknownID, unknownID, unknownID
		w.Buyer, w.holder = w.party(10*record.Coin), w.party(10*record.Coin)
		s.run(w)
	}
}

// key returns a new key that can sign.
func (w *scenario) key() record.Key { return record.PublicOf(w.NewKey()) }

// party returns a new key with a balance.
func (w *scenario) party(has record.Amount) record.Key {
	key := w.key()
	w.do(w.Funded(w.tip, 0), record.Pay{To: key, Amount: has})
	return key
}

// name names the next step of the scenario.
func (w *scenario) name(what string) string {
	w.step++
	return w.title + " " + strconv.Itoa(w.step) + ", " + what
}

// record makes the author's next record. The author is named by its first key.
func (w *scenario) record(author record.Key, p record.Payload) *record.Record {
	account, err := rules.GetAccount(w.tip.View(), author)
	if err != nil {
		panic(err)
	}
	frame := w.Frame(w.tip, account.Key)
	frame.Payload = p
	return w.Sign(frame)
}

// do adds a block with a record that is accepted, and returns the record's id.
func (w *scenario) do(author record.Key, p record.Payload) record.ID {
	r, name := w.record(author, p), w.name(p.Type().String())
	w.show(name, r, "")
	w.extend(name, r)
	return r.ID()
}

// show calls the watcher with a record.
func (w *scenario) show(name string, r *record.Record, reason reject.Reason) {
	if w.watch != nil {
		w.watch(name, w.Params, w.tip, r, reason)
	}
}

// reject adds a record that is rejected.
func (w *scenario) reject(reason reject.Reason, author record.Key, p record.Payload) {
	name, r := w.name(fmt.Sprintf("%v: %s", p.Type(), reason)), w.record(author, p)
	w.show(name, r, reason)
	w.rejectRecord(name, reason, r)
}

// conflict adds a block of two records, each of which is valid without the
// other. The second is rejected.
func (w *scenario) conflict(reason reject.Reason, one, two *record.Record) {
	name := w.name(fmt.Sprintf("%v and %v in a block: %s", one.Type(), two.Type(), reason))
	w.generator.reject(name, reason, w.draft(one, two).Seal())
}

// next is record for an author that has another record in the same block.
func (w *scenario) next(author record.Key, p record.Payload) *record.Record {
	frame := w.Frame(w.tip, author)
	frame.Seq++
	frame.Payload = p
	return w.Sign(frame)
}

func (w *scenario) grant(role record.Role, key record.Key) {
	w.do(w.Funded(w.tip, 0), record.RoleGrant{Role: role, Key: key, Approvers: w.Approvers()})
}

func (w *scenario) revoke(role record.Role, key record.Key) {
	w.do(w.Funded(w.tip, 0), record.RoleRevoke{Role: role, Key: key, Approvers: w.Approvers()})
}

// height is that of the next block.
func (w *scenario) height() uint32 { return w.tip.Height() + 1 }

// now is the median time of the next block.
func (w *scenario) now() record.Time { return record.Time(w.tip.Node().MedianTime()) }

// later raises the median time by a number of seconds: six of the last eleven blocks
// get the new time.
func (w *scenario) later(seconds uint32) {
	time := w.tip.Node().MedianTime() + seconds
	for range 6 {
		d := w.draft()
		d.Header.Time = time
		w.accept(w.name("later"), Extended, w.tip, d.Seal())
	}
}

// wait adds empty blocks until the next one has a height.
func (w *scenario) wait(height uint32) {
	for w.height() < height {
		w.extend(w.name("waiting"))
	}
}

// sell makes a new voucher.
func (w *scenario) sell() {
	w.Voucher = w.do(w.seller, w.Sale())
}

// send ships goods and hands them to the carrier.
func (w *scenario) send(from record.Key, leg record.Leg) {
	w.Shipment = w.do(from, w.Ship(leg))
	w.do(from, w.HandOver(w.Carrier))
}

// deliver brings a new voucher to its buyer.
func (w *scenario) deliver() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.do(w.Carrier, w.Confirm(w.Pickup))
}

// complain opens a claim on a voucher that was just delivered.
func (w *scenario) complain(remedy record.Remedy) {
	w.deliver()
	w.Claim = w.do(w.Buyer, w.Open(record.Fault, remedy))
}

// pay pays a refund for the claim.
func (w *scenario) pay(to record.Key, amount record.Amount) record.ID {
	return w.do(w.seller, w.RefundPay(to, amount))
}

// refundedClosed is a refund with a payment for a claim that is closed.
func (w *scenario) refundedClosed() record.SettleExecute {
	late := w.pay(w.Buyer, price)
	w.complain(record.Refund)
	w.do(w.seller, w.Authorise(record.Refund, false))
	return w.Refunded(late)
}
