package stratumtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
)

// Job is a job as in mining.notify: all fields but Clean are text in its form.
type Job struct {
	ID       string
	PrevHash string
	Coinb1   string
	Coinb2   string
	Branch   []string
	Version  string
	NBits    string
	NTime    string
	Clean    bool
}

// Testnet3 is a block of Bitcoin's third test network. With the extranonces
// 08000002 and 00000001 and the nonce b2957c02 its hash is
// 000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32.
var Testnet3 = Job{
	ID:       "testnet3",
	PrevHash: "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000",
	Coinb1:   "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20020862062f503253482f04b8864e5008",
	Coinb2:   "072f736c7573682f000000000100f2052a010000001976a914d23fcdf86f7e756a64a7a9688ef9903327048ed988ac00000000",
	Version:  "00000002",
	NBits:    "1c2ac4af",
	NTime:    "504e86ed",
	Clean:    true,
}

// MakeJob returns a job on top of parent number parent. Jobs with other numbers
// are other jobs.
func MakeJob(parent, number int, clean bool) Job {
	sum := func(kind string, n int) string {
		h := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, n))
		return hex.EncodeToString(h[:])
	}
	script := fmt.Sprintf("03%02x%02x%02x", parent&0xff, parent>>8&0xff, parent>>16&0xff) // the height (BIP 34)
	return Job{
		ID:       fmt.Sprintf("job-%d-%d", parent, number),
		PrevHash: sum("parent", parent),
		Coinb1:   "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20" + script,
		Coinb2:   "ffffffff0100f2052a01000000" + fmt.Sprintf("%02x", 32) + sum("payee", number) + "00000000",
		Branch:   []string{sum("left", number), sum("right", number)},
		Version:  "20000000",
		NBits:    "1d00ffff",
		NTime:    "504e86ed",
		Clean:    clean,
	}
}

func (j Job) params() []any {
	return []any{j.ID, j.PrevHash, j.Coinb1, j.Coinb2, append([]string{}, j.Branch...), j.Version, j.NBits, j.NTime, j.Clean}
}

// issued is a job as it was sent to a connection.
type issued struct {
	Job
	extranonce1 string
	extranonce2 int // size
	difficulty  string
}

// header builds the header of a share from the parameters of a mining.submit.
func (g *issued) header(extranonce2, ntime, nonce string, version uint32) []byte {
	root := dsha(unhex(g.Coinb1 + g.extranonce1 + extranonce2 + g.Coinb2))
	for _, b := range g.Branch {
		root = dsha(append(root, unhex(b)...))
	}
	prev := unhex(g.PrevHash)
	for i := 0; i < len(prev); i += 4 {
		slices.Reverse(prev[i : i+4])
	}
	h := binary.LittleEndian.AppendUint32(nil, version)
	h = append(h, prev...)
	h = append(h, root...)
	for _, word := range []string{ntime, g.NBits, nonce} {
		h = binary.LittleEndian.AppendUint32(h, number(word))
	}
	return h
}

// value returns the hash of a header as the number that targets are compared with.
func value(header []byte) *big.Int {
	h := dsha(header)
	slices.Reverse(h)
	return new(big.Int).SetBytes(h)
}

// target returns the target of a difficulty: 0xffff * 2^208 / difficulty.
func target(difficulty string) *big.Int {
	d, ok := new(big.Rat).SetString(difficulty)
	if !ok || d.Sign() <= 0 {
		panic("stratumtest: difficulty " + difficulty)
	}
	t := new(big.Int).Lsh(big.NewInt(0xffff), 208)
	t.Mul(t, d.Denom())
	return t.Quo(t, d.Num())
}

func dsha(b []byte) []byte {
	one := sha256.Sum256(b)
	two := sha256.Sum256(one[:])
	return two[:]
}

// unhex and number are for text that was checked, or that a test provides.

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("stratumtest: " + err.Error())
	}
	return b
}

func number(s string) uint32 { return binary.BigEndian.Uint32(unhex(s)) }

func toJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("stratumtest: " + err.Error())
	}
	return b
}
