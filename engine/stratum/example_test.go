package stratum_test

import (
	"encoding/hex"
	"fmt"
	"log"

	"stele/engine/stratum"
)

// A miner reads a job, finds a nonce, and submits the share. The job is a block of
// Bitcoin's third test network.
func Example() {
	line := `{"id":null,"method":"mining.notify","params":["1",` +
		`"4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000",` +
		`"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20020862062f503253482f04b8864e5008",` +
		`"072f736c7573682f000000000100f2052a010000001976a914d23fcdf86f7e756a64a7a9688ef9903327048ed988ac00000000",` +
		`[],"00000002","1c2ac4af","504e86ed",true]}`
	m, err := stratum.ParseMessage([]byte(line))
	if err != nil {
		log.Fatal(err)
	}
	job, err := stratum.ParseNotify(m.Params)
	if err != nil {
		log.Fatal(err)
	}
	extranonce1, _ := hex.DecodeString("08000002") // of the answer to mining.subscribe
	extranonce2 := []byte{0, 0, 0, 1}
	header := job.Header(extranonce1, extranonce2, job.Time, job.Version)
	header.Nonce = 0xb2957c02 // which the miner has found
	fmt.Println("height", job.Height(), "hash", header.Hash())

	share := stratum.Submit{Worker: "worker", JobID: job.JobID, Extranonce2: extranonce2, Time: header.Time, Nonce: header.Nonce}
	fmt.Printf("%s", share.Message("4").Append(nil))
	// Output:
	// height 25096 hash 000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32
	// {"id":4,"method":"mining.submit","params":["worker","1","00000001","504e86ed","b2957c02"]}
}
