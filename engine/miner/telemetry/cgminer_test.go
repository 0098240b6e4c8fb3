package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"stele/engine/miner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCgminerText(t *testing.T) {
	for request, want := range map[string]string{
		"summary": "STATUS=S,When=1772597167,Code=11,Msg=Summary,Description=stele v1.2.3|" +
			"SUMMARY,Elapsed=3600,MHS av=1000,MHS 5s=1100,MHS 1m=1200,MHS 15m=1000,Found Blocks=1,Getworks=70,Accepted=120,Rejected=4,Stale=5," +
			"Hardware Errors=2,Utility=2,Total MH=3600000,Work Utility=13.9696254564115,Difficulty Accepted=61440,Best Share=1000000000000," +
			"Device Hardware%=1,Last getwork=1772597158|\x00",
		"version|": "STATUS=S,When=1772597167,Code=22,Msg=stele versions,Description=stele v1.2.3|VERSION,Stele=v1.2.3,API=3.7|\x00",
		"quit|":    "STATUS=E,When=1772597167,Code=45,Msg=Access denied to 'quit' command,Description=stele v1.2.3|\x00",
		"":         "STATUS=E,When=1772597167,Code=14,Msg=Invalid command,Description=stele v1.2.3|\x00",
	} {
		if got := string(answerCgminer(someStatus(), []byte(request))); got != want {
			t.Errorf("%q:\n%q, want\n%q", request, got, want)
		}
	}
	for request, want := range map[string]string{
		"pools":    `,Rejected=4,Stale=5,User=acct.rig\|1,Last Share Time=`,
		"stats":    "|STATS=0,ID=cuda:0,Elapsed=3600,",
		"gpucount": ",Code=20,Msg=GPU count,Description=stele v1.2.3|GPUS,Count=1|\x00",
		"devdetails": ",Code=69,Msg=Device Details,Description=stele v1.2.3|" +
			"DEVDETAILS=0,Name=cuda:0,ID=0,Driver=cuda,Kernel=,Model=Some GPU,Device Path=0000:65:00.0|DEVDETAILS=1,Name=cpu,ID=1,",
		"check|devs":   ",Code=72,Msg=Check command,Description=stele v1.2.3|CHECK,Exists=Y,Access=Y|\x00",
		"check|check":  "|CHECK,Exists=Y,Access=Y|\x00",
		"check|quit\n": "|CHECK,Exists=Y,Access=N|\x00",
		"check|no":     "|CHECK,Exists=N,Access=N|\x00",
		"check":        "STATUS=E,When=1772597167,Code=71,Msg=Missing check cmd,Description=stele v1.2.3|\x00",
		"check+no":     ",Code=71,Msg=Missing check cmd,",
	} {
		if got := string(answerCgminer(someStatus(), []byte(request))); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%q", request, want, got)
		}
	}
	devs := string(answerCgminer(someStatus(), []byte("devs")))
	if edevs := string(answerCgminer(someStatus(), []byte("edevs"))); edevs != devs {
		t.Errorf("edevs: %q", edevs)
	}
	for _, want := range []string{
		"|GPU=0,Name=cuda:0,ID=0,Enabled=Y,Status=Alive,Temperature=65.4,Fan Percent=40,GPU Power=200,MHS av=1000,",
		"|CPU=0,Name=cpu,ID=1,Enabled=R,Status=Alive,MHS av=0,",
		",Hardware Errors=2,Total MH=3600000,Device Hardware%=1,Device Elapsed=3600,", ",Hardware Errors=0,Total MH=0,Device Hardware%=0,",
		`,Model=A\|B\,C\=D\\E "F"|`,
	} {
		if !strings.Contains(devs, want) {
			t.Errorf("no %q in %q", want, devs)
		}
	}
}

// Each of several commands in a text has its name before its answer, and is
// answered once.
func TestCgminerJoinedText(t *testing.T) {
	const (
		version = "CMD=version|STATUS=S,When=1772597167,Code=22,Msg=stele versions,Description=stele v1.2.3|VERSION,Stele=v1.2.3,API=3.7|"
		denied  = "CMD=quit|STATUS=E,When=1772597167,Code=45,Msg=Access denied to 'quit' command,Description=stele v1.2.3|"
		unknown = "STATUS=E,When=1772597167,Code=14,Msg=Invalid command,Description=stele v1.2.3|"
	)
	for request, want := range map[string]string{
		"version+quit":          version + denied,
		"quit+version|":         denied + version,
		"version+version++quit": version + denied,
		"version+":              version,
		"a=b+version+a=b":       `CMD=a\=b|` + unknown + version,
		"+":                     unknown,
	} {
		if got := string(answerCgminer(someStatus(), []byte(request))); got != want+"\x00" {
			t.Errorf("%q:\n%q, want\n%q", request, got, want)
		}
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "+no%d", i)
	}
	if n := strings.Count(string(answerCgminer(someStatus(), []byte(many.String()))), "CMD="); n > 100 {
		t.Errorf("%d names are answered", n)
	}
	both := string(answerCgminer(someStatus(), []byte("summary+devs")))
	if !strings.HasPrefix(both, "CMD=summary|STATUS=S,") || !strings.Contains(both, "|SUMMARY,Elapsed=") || !strings.Contains(both, "|CMD=devs|STATUS=S,") || !strings.Contains(both, "|GPU=0,") {
		t.Errorf("%q", both)
	}
}

func TestCgminerJSON(t *testing.T) {
	var got struct {
		Status []struct {
			Status string `json:"STATUS"`
			Code   int
			Msg    string
		} `json:"STATUS"`
		Pools []map[string]any `json:"POOLS"`
		ID    int              `json:"id"`
	}
	ask(t, `{"command":"pools","parameter":""}`, &got)
	if len(got.Status) != 1 || got.Status[0].Status != "S" || got.Status[0].Code != 7 || got.Status[0].Msg != "2 Pool(s)" || got.ID != 1 {
		t.Errorf("%+v", got)
	}
	if p := got.Pools; len(p) != 2 || p[0]["Status"] != "Alive" || p[0]["Rejected"] != 4.0 || p[0]["Stratum Active"] != true || p[1]["Status"] != "Dead" || p[1]["POOL"] != 1.0 {
		t.Errorf("%v", p)
	}
	var joined struct {
		Summary []struct {
			Summary []map[string]any `json:"SUMMARY"`
		} `json:"summary"`
		Devs []struct {
			Devs []map[string]any `json:"DEVS"`
		} `json:"devs"`
		Addpool []struct {
			Status []map[string]any `json:"STATUS"`
		} `json:"addpool"`
		ID int `json:"id"`
	}
	ask(t, `{"command":"summary+devs+addpool"}`, &joined)
	if len(joined.Summary) != 1 || joined.Summary[0].Summary[0]["Accepted"] != 120.0 || len(joined.Devs[0].Devs) != 2 ||
		joined.Addpool[0].Status[0]["Code"] != 45.0 || joined.ID != 1 {
		t.Errorf("%+v", joined)
	}
	for request, code := range map[string]int{
		`{`: codeBadJSON, `{}`: codeMissing, `{"command":null}`: codeMissing, `{"command":1}`: codeUnknown, `{"command":"no"}`: codeUnknown,
		`{"command":"coin"}`: codeCoin, `{"command":"estats"}`: codeStats,
		`{"command":"check","parameter":"devs"}`: codeCheck, `{"command":"check","parameter":1}`: codeNoCheck,
	} {
		got.Status = nil
		if ask(t, request, &got); got.Status[0].Code != code {
			t.Errorf("%s: code %d, want %d", request, got.Status[0].Code, code)
		}
	}
}

// Fields of cgminer that distinguish a node with getblocktemplate from a Stratum pool.
func TestCgminerTemplates(t *testing.T) {
	s := someStatus()
	for _, c := range []struct{ name, long, stratum, url, lp string }{
		{"stratum+ssl://b.example:3334", "N", "true", "stratum+ssl://b.example:3334", "false"},
		{"http://127.0.0.1:8332", "Y", "false", "", "true"},
		{"https://node.example", "Y", "false", "", "true"},
	} {
		s.Sources = []miner.SourceStatus{{Name: c.name, Connected: true, Active: true}}
		s.Work.Source = c.name
		pools := string(answerCgminer(s, []byte("pools")))
		for _, want := range []string{
			",Long Poll=" + c.long + ",", ",Has Stratum=" + c.stratum + ",Stratum Active=" + c.stratum + ",Stratum URL=" + c.url + ",Has GBT=" + c.lp + ",",
		} {
			if !strings.Contains(pools, want) {
				t.Errorf("no %q in %q", want, pools)
			}
		}
		if coin := string(answerCgminer(s, []byte("coin"))); !strings.Contains(coin, ",LP="+c.lp+",") {
			t.Errorf("no LP=%s in %q", c.lp, coin)
		}
	}
	s.Work.Source = ""
	if coin := string(answerCgminer(s, []byte("coin"))); !strings.Contains(coin, ",LP=false,") {
		t.Errorf("%q", coin)
	}
}

func ask(t *testing.T, request string, v any) {
	t.Helper()
	answer := answerCgminer(someStatus(), []byte(request))
	text, ok := strings.CutSuffix(string(answer), "\x00")
	if !ok {
		t.Errorf("%s: no NUL at the end of %q", request, answer)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Errorf("%s: %v in %s", request, err, text)
	}
}

// Whatever the request, the answer to JSON is JSON, and not large.
func FuzzCgminer(f *testing.F) {
	for _, seed := range []string{"summary", `{"command":"devs+pools"}`, `{"command":"+++"}`, "{\"command\":\"\xff+x\"}", `{"command":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		answer := answerCgminer(someStatus(), request)
		if n := len(answer); n > 64<<10+200*len(request) || answer[n-1] != 0 {
			t.Fatalf("%q: %d bytes", request, n)
		}
		if answer[0] == '{' && !json.Valid(answer[:len(answer)-1]) {
			t.Fatalf("%q: no JSON: %s", request, answer)
		}
	})
}

func TestCgminerServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Cgminer(ctx, l, someStatus, slog.New(slog.DiscardHandler)) }()

	for _, request := range []string{"version", "version\n", "version|\x00", "{\"command\":\x00"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || len(answer) == 0 || answer[len(answer)-1] != 0 {
			t.Errorf("%q: %q %v", request, answer, err)
		}
		conn.Close()
	}
	// The end of what a client sends is the end of its request.
	half, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(half, `{"command":`); err != nil {
		t.Fatal(err)
	}
	if err := half.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(half); err != nil || !bytes.Contains(answer, []byte(`"Msg":"Invalid JSON"`)) {
		t.Errorf("%q %v", answer, err)
	}
	half.Close()

	// One that says nothing does not keep the server from its end.
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// JSON is answered when it is whole, or cannot become valid by what follows;
// else when the time is over.
func TestCgminerEndOfJSON(t *testing.T) {
	const invalid = `"Code":23,"Msg":"Invalid JSON"`
	for _, c := range []struct {
		pieces []string
		after  time.Duration
		want   string
	}{
		{[]string{`{bad`}, 0, invalid},
		{[]string{`{"command":"version"}trailing`}, 0, invalid},
		{[]string{`{"command":"version"}}`}, 0, invalid},
		{[]string{`{`, `"command" "version"`}, 0, invalid},
		{[]string{`{`}, requestTimeout, invalid},
		{[]string{`{"command":"version`, "\n"}, 0, invalid}, // no line feed in a string
		{[]string{strings.Repeat(`{"a":`, maxRequest/5+1)[:maxRequest]}, 0, invalid},
		{[]string{`{"comm`, `and":"version"}`}, 0, `"Code":22`},
		{[]string{"{\n", " \"command\": \"version\"\n", "}\n"}, 0, `"Code":22`},
		{nil, requestTimeout, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				serveCgminer(there, someStatus)
			}()
			start := time.Now()
			for _, piece := range c.pieces {
				if _, err := io.WriteString(here, piece); err != nil {
					t.Errorf("%q: %v", piece, err)
				}
			}
			answer, err := io.ReadAll(here)
			if err != nil || !strings.Contains(string(answer), c.want) || (len(answer) == 0) != (c.want == "") {
				t.Errorf("%q: %q, %v", c.pieces, answer, err)
			}
			if after := time.Since(start); after != c.after {
				t.Errorf("%q is answered after %v, want %v", c.pieces, after, c.after)
			}
		})
	}
}
