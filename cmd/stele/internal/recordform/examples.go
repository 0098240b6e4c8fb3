package recordform

import "stele/node/ledger/record"

// example is a payload that passes its own checks.
type example struct {
	payload  record.Payload
	does     string
	optional []string // fields that may be left out
}

// Values of the examples. Each is a valid one, and not the one that a case needs.
var (
	someTime    = record.Time(1796050800) // 2026-11-30 15:00:00 UTC
	someRecord  = record.ID{31: 0x5e}
	otherRecord = record.ID{31: 0x5f}
	someDigest  = record.Digest{0xd1}
	otherDigest = record.Digest{0xd2}
	someKey     = record.PublicOf(record.KeyFromSeed([32]byte{1}))
	someGTIN    = record.GTIN(9501101530003) // reserved for examples by GS1
	someSerial  = record.Serial("SN-0001")
)

// examples has every type but COINBASE, which only miners create.
var examples = []example{
	{record.Pay{To: someKey, Amount: 3 * record.Coin / 2, Reference: someRecord}, "pays an amount to another key", []string{"reference"}},
	{record.RoleGrant{Role: record.Seller, Key: someKey, Approvers: []record.Key{}}, "gives a role to a key", []string{"approvers"}},
	{record.RoleRevoke{Role: record.Seller, Key: someKey, Approvers: []record.Key{}}, "takes a role from a key", []string{"approvers"}},
	{record.KeyRotate{New: someKey}, "replaces its key by a new one", nil},

	{record.ProductRegister{Time: someTime, GTIN: someGTIN, WarrantyDays: 365, Terms: someDigest},
		"registers a product and the warranty that every seller must give at least", []string{"terms"}},
	{record.VoucherIssue{Time: someTime, GTIN: someGTIN, Buyer: someKey, Invoice: someDigest, Price: 20 * record.Coin, Quantity: 1,
		Distance: true, WarrantyDays: 365, Terms: otherDigest, Burn: record.Coin / 10, Stipend: record.Coin / 100, Serial: someSerial},
		"sells an item to a buyer, with a voucher for its warranty", []string{"invoice", "distance"}},
	{record.VoucherTransfer{Time: someTime, Voucher: someRecord, To: someKey}, "gives a voucher, and the goods, to another holder", nil},
	{record.VoucherVoid{Time: someTime, Voucher: someRecord, Holder: someKey, Cause: record.VoidCancelled}, "undoes a sale before the goods leave", nil},

	{record.ShipmentCreate{Time: someTime, Voucher: someRecord, Leg: record.Outbound, Carrier: someKey,
		Commitment: someDigest, PickupHash: otherDigest, BlobHash: record.Digest{0xd3}},
		"sends goods with a carrier", []string{"claim", "commitment", "blob_hash"}},
	{record.CustodyHandover{Time: someTime, Shipment: someRecord, To: someKey, BlobHash: someDigest}, "hands goods over to the next carrier", []string{"blob_hash"}},
	{record.DeliveryConfirm{Time: someTime, Shipment: someRecord, PickupKey: someKey, ChallengeHeight: 1200, ChallengeNonce: record.Nonce{0xa0}},
		"delivers goods to their recipient", nil},
	{record.DeliveryException{Time: someTime, Shipment: someRecord, Kind: record.Damaged, Evidence: someDigest}, "reports that a delivery failed", []string{"evidence"}},
	{record.ProofOfAttempt{Time: someTime, Shipment: someRecord, Evidence: someDigest}, "reports that nobody took the goods for a long time", []string{"evidence"}},

	{record.ClaimOpen{Time: someTime, Voucher: someRecord, Ground: record.Fault, FaultCode: 7, Remedy: record.Refund, Description: someDigest},
		"claims a remedy under a voucher", []string{"fault_code", "description"}},
	{record.ClaimRespond{Time: someTime, Claim: someRecord, Action: record.Authorise, Remedy: record.Refund, Refund: 20 * record.Coin, Text: someDigest},
		"answers a claim", []string{"cause", "remedy", "refund", "return_needed", "servicer", "text"}},
	{record.ClaimAnswer{Time: someTime, Claim: someRecord, Accept: true}, "accepts or declines what the seller or maker offers", nil},
	{record.EvidenceAdd{Time: someTime, Claim: someRecord, Evidence: someDigest, Note: "photo of the display"}, "adds evidence to a claim", []string{"evidence", "note"}},
	{record.InspectionReport{Time: someTime, Claim: someRecord, Finding: record.Confirmed, Report: someDigest}, "reports on goods that came back", []string{"seller", "report"}},
	{record.ClaimWithdraw{Time: someTime, Claim: someRecord}, "withdraws a claim", nil},
	{record.ClaimEscalate{Time: someTime, Claim: someRecord, Text: someDigest}, "takes a claim to the supervisors", []string{"text"}},
	{record.Ruling{Time: someTime, Subject: record.OnClaim, ID: someRecord, Outcome: record.Ordered, Remedy: record.Refund, Refund: 20 * record.Coin, ExecuteDays: 10, Text: someDigest},
		"decides a claim, or what became of a shipment", []string{"remedy", "refund", "execute_days", "text"}},
	{record.SettleExecute{Time: someTime, Claim: someRecord, Remedy: record.Refund, Payment: otherRecord},
		"gives the holder the remedy", []string{"payment", "replacement", "holder", "report"}},
	{record.SettleConfirm{Time: someTime, Claim: someRecord, Accept: true}, "accepts or disputes the remedy that was given", nil},
	{record.ClaimClose{Time: someTime, Claim: someRecord}, "closes a claim that nobody decided in time", nil},

	{record.Evaluate{Time: someTime, Voucher: someRecord, Product: 5, Service: 4, Logistics: 3, Text: someDigest}, "scores a purchase", []string{"text"}},
	{record.EvaluateAmend{Time: someTime, Voucher: someRecord, Product: 2, Service: 4, Logistics: 3, Text: someDigest}, "replaces its scores after a claim", []string{"text"}},
	{record.SellerReply{Time: someTime, Voucher: someRecord, Text: someDigest}, "replies to an evaluation", []string{"text"}},
	{record.RewardClaim{Time: someTime, Voucher: someRecord}, "collects the reward for an evaluation", nil},

	{record.RecallNotice{Time: someTime, GTIN: someGTIN, Text: someDigest, Serial: someSerial}, "recalls a product, or one item of it", []string{"text", "serial"}},
	{record.SellerSuspend{Time: someTime, Seller: someKey, Cause: record.Complaints, Text: someDigest}, "keeps a seller from issuing vouchers", []string{"text"}},
	{record.SellerRestore{Time: someTime, Seller: someKey, Cause: record.Remedied, Text: someDigest}, "lets a suspended seller issue vouchers again", []string{"text"}},
	{record.Correction{Time: someTime, Record: someRecord, Cause: record.WrongData, Correct: someDigest}, "says that a record of its own is wrong", []string{"correct"}},
}

// filled says what a command fills in for a field that was left out, by the field or
// by its type and name.
var filled = map[string]string{
	"time":                              "now",
	"VOUCHER_ISSUE.quantity":            "1",
	"VOUCHER_ISSUE.warranty_days":       "that of the product",
	"VOUCHER_ISSUE.terms":               "those of the product",
	"VOUCHER_ISSUE.burn":                "the least for this price",
	"VOUCHER_ISSUE.stipend":             "the least of the network",
	"VOUCHER_VOID.holder":               "the holder of the voucher",
	"DELIVERY_CONFIRM.challenge_height": "the height of the chain",
	"DELIVERY_CONFIRM.challenge_nonce":  "a random one",
}

// docs says what the fields mean, by the field or by its type and name.
var docs = map[string]string{
	"time":                     "when it happened, as the author says",
	"to":                       "who is paid",
	"amount":                   "the amount",
	"PAY.reference":            "record that the payment is for: of a refund, the claim",
	"role":                     "the role",
	"key":                      "who gets or loses the role",
	"approvers":                "root keys that sign beside the author",
	"new":                      "the new key, which signs too",
	"gtin":                     "number of the product",
	"warranty_days":            "length of the warranty, in days of the network",
	"terms":                    "text of the terms of the warranty",
	"VOUCHER_ISSUE.terms":      "text of the terms of the product",
	"buyer":                    "key that the buyer made for this purchase, which signs too",
	"invoice":                  "the invoice",
	"price":                    "price",
	"quantity":                 "how many",
	"distance":                 "sold at a distance: may be returned without a reason",
	"burn":                     "what the seller burns",
	"stipend":                  "what the seller gives the buyer's key, for its fees",
	"serial":                   "serial number of the item, 1 to 20 characters",
	"RECALL_NOTICE.serial":     "serial number of the item; none: all items",
	"voucher":                  "the voucher: the id of its VOUCHER_ISSUE",
	"VOUCHER_TRANSFER.to":      "the new holder, who signs too",
	"holder":                   "who holds the voucher, and signs too",
	"SETTLE_EXECUTE.holder":    "holder who consents to another product, and signs too",
	"cause":                    "why",
	"CLAIM_RESPOND.cause":      "why the claim is rejected; only of a rejection",
	"leg":                      "direction: to the holder, back to the seller, or to the holder again",
	"claim":                    "the claim: the id of its CLAIM_OPEN",
	"SHIPMENT_CREATE.claim":    "claim that a return or a replacement travels for; none if outbound",
	"carrier":                  "carrier that takes the goods from the sender",
	"commitment":               "commitment to the recipient's name and address, from stele recipient seal",
	"pickup_hash":              "SHA-256 of the pick-up key of the recipient, from stele recipient seal",
	"blob_hash":                "SHA-256 of the sealed name and address, from stele recipient seal",
	"shipment":                 "the shipment: the id of its SHIPMENT_CREATE",
	"CUSTODY_HANDOVER.to":      "who takes the goods, and signs too",
	"pickup_key":               "pick-up key of the recipient, which signs too",
	"challenge_height":         "height of the chain when the carrier chose the challenge",
	"challenge_nonce":          "challenge that the carrier chose for this delivery",
	"kind":                     "what went wrong",
	"evidence":                 "the evidence",
	"ground":                   "why the claim is made",
	"fault_code":               "what is broken, in the maker's numbers: 0 to 65535",
	"remedy":                   "what is asked for",
	"CLAIM_RESPOND.remedy":     "what is authorised or offered; not of a rejection",
	"RULING.remedy":            "what is ordered; only of an order",
	"SETTLE_EXECUTE.remedy":    "what is given",
	"description":              "description of the problem",
	"action":                   "what the answer is",
	"refund":                   "amount of a refund; only with that remedy",
	"return_needed":            "whether the goods have to come back first",
	"servicer":                 "who may inspect the goods beside the seller",
	"text":                     "text with the reasons",
	"EVALUATE.text":            "text of the evaluation",
	"EVALUATE_AMEND.text":      "text of the evaluation",
	"SELLER_REPLY.text":        "text of the reply",
	"RECALL_NOTICE.text":       "text of the notice",
	"accept":                   "true to accept",
	"note":                     "note, public for ever: no names, no addresses",
	"finding":                  "what the inspection found",
	"seller":                   "the seller",
	"INSPECTION_REPORT.seller": "seller who consents to the inspector, and signs too; none if the seller named it, or is it",
	"report":                   "the report",
	"subject":                  "what is decided",
	"id":                       "id of the claim or the shipment",
	"outcome":                  "ordered or dismissed of a claim, delivered or lost of a shipment",
	"execute_days":             "days of the network to execute an order; only of an order",
	"payment":                  "of a refund: the PAY to the holder that refers to the claim",
	"replacement":              "of a replacement: the new voucher",
	"product":                  "score of the product, 1 to 5",
	"service":                  "score of the service, 1 to 5",
	"logistics":                "score of the delivery, 1 to 5",
	"record":                   "the record that is wrong",
	"correct":                  "text of what is right",
}
