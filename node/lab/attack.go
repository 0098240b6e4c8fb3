package lab

// Attack is what a hostile peer does. The words are stable.
type Attack string

// The attacks.
const (
	FloodHeaders  Attack = "flood-headers"       // sends headers with little work, without end
	SlowBytes     Attack = "slow-bytes"          // sends a byte a second
	WithholdBody  Attack = "withhold-bodies"     // announces blocks, and does not answer for them
	WrongBody     Attack = "wrong-bodies"        // answers with bodies that do not belong to their headers
	FalseCompact  Attack = "false-compact"       // pushes compact blocks with records that do not exist
	EmptyHave     Attack = "have-without-record" // announces records, and does not answer for them
	BadSignatures Attack = "bad-signatures"      // sends records with wrong signatures
	ManyAddresses Attack = "many-addresses"      // sends thousands of addresses of nobody
	ComeAndGo     Attack = "connect-and-leave"   // connects again and again
)

// Attacks are all attacks.
var Attacks = []Attack{FloodHeaders, SlowBytes, WithholdBody, WrongBody, FalseCompact, EmptyHave, BadSignatures, ManyAddresses, ComeAndGo}
