package corpus

import (
	"fmt"
	"strconv"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

const (
	soldGTIN  record.GTIN = 6291041500213
	otherGTIN record.GTIN = 96385074
	noGTIN    record.GTIN = 36000291452 // that nobody has registered
	price                 = 100 * record.Coin
	fortune               = 20_000 * record.Coin // more than anybody in the play has
	hour                  = 60 * 60
	day                   = 24 * hour
	mostAhead             = day // of a claimed time, after the median time
)

// unknownID is that of nothing.
var unknownID = record.ID{9}

// play is what the parties of after-sales cases do, one scene after the other.
// What a party does is a block of its own, and so is every refusal.
type play struct {
	*generator
	scene string
	step  int // in the scene

	maker, seller, carrier, nextCarrier, servicer, supervisor record.Key
	otherMaker, otherSeller, stranger                         record.Key
	pickup, backPickup                                        record.Key
	buyer, holder                                             record.Key // others in each scene

	serials int
	nonces  uint64
	serial  record.Serial // of the last sale
	voucher record.ID     // the last of each
	ship    record.ID
	claim   record.ID
}

// aftersales adds after-sales records: each rule's refusal, and whole lives.
func (g *generator) aftersales() {
	w := &play{generator: g, scene: "parties"}
	for _, p := range []*record.Key{
		&w.maker, &w.seller, &w.carrier, &w.nextCarrier, &w.servicer, &w.supervisor, &w.otherMaker, &w.otherSeller, &w.stranger,
	} {
		*p = w.party(2000 * record.Coin)
	}
	w.pickup, w.backPickup = w.key(), w.key()
	w.grant(record.Manufacturer, w.maker)
	w.grant(record.Manufacturer, w.otherMaker)
	w.grant(record.Seller, w.seller)
	w.grant(record.Seller, w.otherSeller)
	w.grant(record.Carrier, w.carrier)
	w.grant(record.Carrier, w.nextCarrier)
	w.grant(record.Servicer, w.servicer)
	w.grant(record.Supervisor, w.supervisor)
	for _, gtin := range []record.GTIN{soldGTIN, otherGTIN} {
		w.do(w.maker, record.ProductRegister{Time: w.now(), GTIN: gtin, WarrantyDays: 365, Terms: record.Digest{7}})
	}
	for _, s := range scenes {
		w.scene, w.step = s.name, 0
		w.voucher, w.ship, w.claim = unknownID, unknownID, unknownID
		w.buyer, w.holder = w.party(10*record.Coin), w.party(10*record.Coin)
		s.play(w)
	}
}

// key returns a new key that can sign.
func (w *play) key() record.Key { return record.PublicOf(w.NewKey()) }

// party returns a new key that has something.
func (w *play) party(has record.Amount) record.Key {
	key := w.key()
	w.do(w.Funded(w.tip, 0), record.Pay{To: key, Amount: has})
	return key
}

// name names the next step of the scene.
func (w *play) name(what string) string {
	w.step++
	return w.scene + " " + strconv.Itoa(w.step) + ", " + what
}

// record makes the author's next record. The author is named by its first key.
func (w *play) record(author record.Key, p record.Payload) *record.Record {
	account, err := rules.GetAccount(w.tip.View(), author)
	if err != nil {
		panic(err)
	}
	frame := w.Frame(w.tip, account.Key)
	frame.Payload = p
	return w.Sign(frame)
}

// do adds a block with a record that is accepted, and returns the record's id.
func (w *play) do(author record.Key, p record.Payload) record.ID {
	r, name := w.record(author, p), w.name(p.Type().String())
	w.show(name, r, "")
	w.extend(name, r)
	return r.ID()
}

// show lets the watcher see a record.
func (w *play) show(name string, r *record.Record, reason reject.Reason) {
	if w.watch != nil {
		w.watch(name, w.Params, w.tip, r, reason)
	}
}

// refuse adds a record that is refused.
func (w *play) refuse(reason reject.Reason, author record.Key, p record.Payload) {
	name, r := w.name(fmt.Sprintf("%v: %s", p.Type(), reason)), w.record(author, p)
	w.show(name, r, reason)
	w.refuseRecord(name, reason, r)
}

// conflict adds a block of two records, each of which is valid without the
// other. The second is refused.
func (w *play) conflict(reason reject.Reason, one, two *record.Record) {
	name := w.name(fmt.Sprintf("%v and %v in a block: %s", one.Type(), two.Type(), reason))
	w.generator.refuse(name, reason, w.draft(one, two).Seal())
}

// next is record for an author that has another record in the same block.
func (w *play) next(author record.Key, p record.Payload) *record.Record {
	frame := w.Frame(w.tip, author)
	frame.Seq++
	frame.Payload = p
	return w.Sign(frame)
}

func (w *play) grant(role record.Role, key record.Key) {
	w.do(w.Funded(w.tip, 0), record.RoleGrant{Role: role, Key: key, Approvers: w.Approvers()})
}

func (w *play) revoke(role record.Role, key record.Key) {
	w.do(w.Funded(w.tip, 0), record.RoleRevoke{Role: role, Key: key, Approvers: w.Approvers()})
}

// height is that of the next block.
func (w *play) height() uint32 { return w.tip.Height() + 1 }

// now is the time that the rules go by in the next block.
func (w *play) now() record.Time { return record.Time(w.tip.Node().MedianTime()) }

// later lets the median time rise by so many seconds: to the time of six blocks
// of the last eleven.
func (w *play) later(seconds uint32) {
	time := w.tip.Node().MedianTime() + seconds
	for range 6 {
		d := w.draft()
		d.Header.Time = time
		w.accept(w.name("later"), Extended, w.tip, d.Seal())
	}
}

// wait lets empty blocks pass until the next one has a height.
func (w *play) wait(height uint32) {
	for w.height() < height {
		w.extend(w.name("waiting"))
	}
}

func (w *play) sale() record.VoucherIssue {
	w.serials++
	w.serial = record.Serial(strconv.Itoa(w.serials))
	return record.VoucherIssue{
		Time: w.now(), GTIN: soldGTIN, Serial: w.serial, Buyer: w.buyer, Price: price, Quantity: 1,
		Distance: true, WarrantyDays: 365, Terms: record.Digest{7}, Burn: price / 200, Stipend: record.Coin / 100,
	}
}

// sell makes a new voucher, the play's.
func (w *play) sell() {
	w.voucher = w.do(w.seller, w.sale())
}

func pickupHash(k record.Key) record.Digest { return sha256.Sum256(k[:]) }
