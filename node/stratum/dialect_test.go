package stratum_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The first requests of miners, each in its known order and form, all at once and
// without waiting for answers. The server answers each request under its id, sends
// work, and accepts a share.
func TestDialects(t *testing.T) {
	w := newWorld(t)
	w.take()
	for _, c := range []struct {
		name   string
		lines  []string
		ids    []string // of the answers
		rolled bool
		submit string // of user, job, extranonce2, time, nonce and, if rolled, version bits
	}{
		{"cgminer", []string{
			`{"id": 0, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "ffffffff"}]}`,
			`{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.1"]}`,
			`{"id": 2, "method": "mining.authorize", "params": ["$user", "x"]}`,
		}, []string{"0", "1", "2"}, true, `{"params": ["%s", "%s", "%s", "%s", "%s", "%s"], "id": 3, "method": "mining.submit"}`},
		{"cgminer that comes back with a session of another pool", []string{
			`{"id": 0, "method": "mining.subscribe", "params": ["cgminer/4.9.2", "5d3b2a10"]}`,
			`{"id": 1, "method": "mining.authorize", "params": ["$user", ""]}`,
		}, []string{"0", "1"}, false, `{"params": ["%s", "%s", "%s", "%s", "%s"], "id": 2, "method": "mining.submit"}`},
		{"bfgminer: ids are texts", []string{
			`{"id": 0, "method": "mining.subscribe", "params": ["bfgminer/5.5.0"]}`,
			`{"id": "xnsub", "method": "mining.extranonce.subscribe", "params": []}`,
			`{"id": "auth", "method": "mining.authorize", "params": ["$user", "x"]}`,
		}, []string{`"auth"`, `"xnsub"`, "0"}, false, `{"params": ["%s", "%s", "%s", "%s", "%s"], "id": "5e0", "method": "mining.submit"}`},
		{"cpuminer: suggests nothing, the same id for all shares", []string{
			`{"id": 1, "method": "mining.subscribe", "params": ["cpuminer-opt/24.5"]}`,
			`{"id": 2, "method": "mining.authorize", "params": ["$user", "x"]}`,
			`{"id": 3, "method": "mining.extranonce.subscribe", "params": []}`,
		}, []string{"1", "2", "3"}, false, `{"method": "mining.submit", "params": ["%s", "%s", "%s", "%s", "%s"], "id":4}`},
		{"ESP-Miner: subscribes before it configures", []string{
			`{"id": 1, "method": "mining.subscribe", "params": ["bitaxe/BM1370/v2.9.0"]}`,
			`{"id": 2, "method": "mining.configure", "params": [["version-rolling"], {"version-rolling.mask": "ffffffff"}]}`,
			`{"id": 3, "method": "mining.authorize", "params": ["$user", "x"]}`,
			`{"id": 4, "method": "mining.suggest_difficulty", "params": [0.000001]}`,
			`{"id": 5, "method": "mining.extranonce.subscribe", "params": []}`,
		}, []string{"1", "2", "3", "4", "5"}, true, `{"id": 6, "method": "mining.submit", "params": ["%s", "%s", "%s", "%s", "%s", "%s"]}`},
		{"a proxy: authorizes before it subscribes, lines end with CR LF", []string{
			`{"jsonrpc":"2.0","method":"mining.authorize","params":["$user","x"],"id":7}` + "\r",
			`{"jsonrpc":"2.0","method":"mining.subscribe","params":[],"id":8}` + "\r",
		}, []string{"7", "8"}, false, `{"jsonrpc":"2.0","method":"mining.submit","params":["%s","%s","%s","%s","%s"],"id":9}` + "\r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := dial(t, w.address)
			worker := user + ".1"
			m.write(strings.ReplaceAll(strings.Join(c.lines, "\n"), "$user", worker))
			var ids []string
			for len(ids) < len(c.ids) || len(m.jobs) == 0 {
				got, err := m.receive()
				if err != nil {
					t.Fatalf("after the answers %v: %v", ids, err)
				}
				if got.Method != "" {
					continue
				}
				if got.code() != 0 {
					t.Errorf("the answer to %v is %v", got.ID, got.Error)
				}
				id, _ := json.Marshal(got.ID)
				ids = append(ids, string(id))
				var subscribed []json.RawMessage
				if json.Unmarshal(got.Result, &subscribed) == nil && len(subscribed) == 3 {
					m.must(json.Unmarshal(subscribed[1], &m.extranonce1))
					m.must(json.Unmarshal(subscribed[2], &m.extranonce2Size))
				}
			}
			slices.Sort(ids)
			if !slices.Equal(ids, c.ids) {
				t.Errorf("answers to %v, want %v", ids, c.ids)
			}
			share := m.find(worker, m.job)
			if c.rolled {
				const bits = "00ffe000"
				version := fmt.Sprintf("%08x", number(t, m.job.Version)&^0x1fffe000|number(t, bits))
				share[4] = fmt.Sprintf("%08x", mine(m.header(m.job, share[2].(string), version, m.job.Time), m.job.Difficulty, true, 0))
				share = append(share, bits)
			}
			m.write(fmt.Sprintf(c.submit, share...))
			for {
				got, err := m.receive()
				if err != nil {
					t.Fatal(err)
				}
				if got.Method == "" {
					want(t, "a share", got, 0)
					return
				}
			}
		})
	}
}
