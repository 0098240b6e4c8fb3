package stratum

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stele/engine/stratum"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// Whatever a miner sends: nothing panics, each request with an id has one answer,
// all that goes out is lines of JSON, and no block is made that is not solved.
func FuzzRequests(f *testing.F) {
	made, b, tip := newTemplate(f)

	// The first session has this extranonce1, and a share with these extranonces is
	// a block. Any share of difficulty 1e-6 is one.
	const extranonce1, extranonce2 = 1<<31 | 1, 0x01000000
	key := record.PublicOf(network.DevFaucets()[0])
	user := key.String()
	header := made.Marked([]byte{1, 0, 0, 0}).PaidTo(key).Header(extranonce2<<32|extranonce1, made.Version, made.Time)
	for target := difficulty(minDifficulty).Target(); !target.MetBy(header.Hash()); {
		header.Nonce++
	}
	const subscribe = `{"id":1,"method":"mining.subscribe","params":["a"]}`
	submit := `{"id":3,"method":"mining.submit","params":["%s","100","0000000%d","%08x","` + fmt.Sprintf("%08x", header.Nonce) + `"%s]}`
	login := subscribe + "\n" + fmt.Sprintf(`{"id":2,"method":"mining.authorize","params":[%q,"x,d=1e-9"]}`, user)
	f.Add(login)
	withBlock := login + "\n" + fmt.Sprintf(submit, user, 1, made.Time, "") + "\n" + fmt.Sprintf(submit, user, 2, made.Time, "")
	f.Add(withBlock)
	f.Add(`{"id":"x","method":"mining.configure","params":[["version-rolling","minimum-difficulty"],{"version-rolling.mask":"ffffffff","minimum-difficulty.value":1e-3}]}` +
		"\n" + login + "\n" + fmt.Sprintf(submit, user, 1, made.Time, `,"00002000"`))
	f.Add(`{"id":1,"method":"mining.suggest_difficulty","params":[1e99]}` + "\n" + login)
	f.Add(`{"id":1,"method":"mining.suggest_target","params":["0"]}` + "\n" + login)
	f.Add(`{"method":"mining.authorize","params":["node"]}` + "\n" + subscribe)
	blocks := 0
	f.Fuzz(func(t *testing.T, lines string) {
		now := b.Now()
		s := New(Options{Params: b.Params, Payout: record.Key{7}, Now: func() time.Time { return now }, Submit: func(solved *block.Block, _ string) error {
			b.Add(tip, solved) // panics if it is not valid
			blocks++
			return nil
		}})
		s.sessions.next = 0
		s.Take(made)
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		c := newConn(t.Context(), s, ours, netip.Addr{})
		for line := range strings.SplitSeq(lines, "\n") {
			m, err := stratum.ParseMessage([]byte(line))
			if err != nil {
				break
			}
			failed := c.handle(m)
			answers := 0
			for out := range bytes.Lines(c.out.take()) {
				var got struct {
					ID     json.RawMessage
					Method string
				}
				if err := json.Unmarshal(out, &got); err != nil || out[len(out)-1] != '\n' {
					t.Fatalf("%q: sent %q: %v", line, out, err)
				}
				if got.Method == "" {
					answers++
				}
			}
			want := 0
			if m.Method != "" && m.ID != "" {
				want = 1
			}
			if answers != want {
				t.Errorf("%q: %d answers, want %d", line, answers, want)
			}
			if failed != nil {
				break
			}
			now = now.Add(time.Second)
		}
		if lines == withBlock && blocks == 0 {
			t.Error("the seed with a block makes none")
		}
	})
}
