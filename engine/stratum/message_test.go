package stratum_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/engine/stratum"

	"pgregory.net/rapid"
)

func TestParseMessage(t *testing.T) {
	tests := []struct {
		line, want string // as it is written
	}{
		{`{"id":1,"method":"mining.subscribe","params":["a/1"]}`, `{"id":1,"method":"mining.subscribe","params":["a/1"]}`},
		{"\t{ \"params\" : [ ] , \"method\" : \"m\" , \"id\" : null , \"jsonrpc\":\"2.0\"}\r\n", `{"id":null,"method":"m","params":[]}`},
		{`{"method":"m"}`, `{"id":null,"method":"m","params":[]}`},
		{`{"method":"m","params":null,"id":"7"}`, `{"id":"7","method":"m","params":[]}`},
		{`{"method":"m","params":{ },"id":"7"}`, `{"id":"7","method":"m","params":[]}`},
		{`{"method":"m","params":[ {"a": [1 ,2]}, "\u00e9\n" ],"id":-7}`, `{"id":-7,"method":"m","params":[{"a":[1,2]},"\u00e9\n"]}`},
		{`{"method":"m","params":["[[[[[[[[[[[[[[[[[[[[\\\""]}`, `{"id":null,"method":"m","params":["[[[[[[[[[[[[[[[[[[[[\\\""]}`},
		{`{"id":1,"result":true,"error":null}`, `{"id":1,"result":true,"error":null}`},
		{`{"id":1,"result":true}`, `{"id":1,"result":true,"error":null}`},
		{`{"id":1,"result":false,"error":false}`, `{"id":1,"result":false,"error":null}`},
		{`{"id":1}`, `{"id":1,"result":null,"error":null}`},
		{`{"id":null,"result":null,"error":[20,"x"]}`, `{"id":null,"result":null,"error":[20,"x",null]}`},
		{`{"id":1,"result":null,"error":[21,"Job not found",null]}`, `{"id":1,"result":null,"error":[21,"Job not found",null]}`},
		{`{"id":1,"result":null,"error":["bad",null]}`, `{"id":1,"result":null,"error":[0,"bad",null]}`},
		{`{"id":1,"result":null,"error":[]}`, `{"id":1,"result":null,"error":[0,"[]",null]}`},
		{`{"id":1,"error":{"code":-32601,"message":"no such method"}}`, `{"id":1,"result":null,"error":[-32601,"no such method",null]}`},
		{`{"id":1,"error":{"code":"x","message":5}}`, `{"id":1,"result":null,"error":[0,"5",null]}`},
		{`{"id":1,"error":23}`, `{"id":1,"result":null,"error":[23,"",null]}`},
		{`{"id":1,"error":"low <diff>"}`, `{"id":1,"result":null,"error":[0,"low <diff>",null]}`},
		{`{"reject-reason":"Above target","result":false,"error":null,"id":4}`, `{"id":4,"result":false,"error":[20,"Above target",null]}`},
	}
	for _, test := range tests {
		m, err := stratum.ParseMessage([]byte(test.line))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if got := string(m.Append(nil)); got != test.want+"\n" {
			t.Errorf("%s\nis  %swant %s", test.line, got, test.want)
		}
	}
	for line, want := range map[string]string{
		"":                         "want a JSON object",
		"[]":                       "want a JSON object",
		"null":                     "want a JSON object",
		"HTTP/1.1 400 Bad Request": `got "HTTP/1.1 400 Bad Request"`,
		`{"id":1`:                  "unexpected end",
		`{"id":1}{"id":2}`:         "after top-level value",
		`{}`:                       "neither a method nor an answer",
		`{"method":7}`:             "method: want a string, got \"7\"",
		`{"method":"m","params":[` + strings.Repeat("[", 20) + `"]"`:  "more than 16 deep",
		`{"method":"m","params":{"a":1}}`:                             "params: want an array",
		`{"method":"m","id":{}}`:                                      "id: want a number, a short string or null",
		`{"id":true,"result":true}`:                                   "id: want a number",
		strings.Repeat("x", 100_000):                                  "...",
		`{"method":"` + long(65) + `"}`:                               "method: 65 bytes long, at most 64",
		`{"method":"m","params":[` + strings.Repeat("1,", 32) + `1]}`: "params: more than 32 values",
	} {
		_, err := stratum.ParseMessage([]byte(line))
		if !errors.Is(err, stratum.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50s: %v, want %q in it", line, err, want)
		} else if len(err.Error()) > 300 {
			t.Errorf("%.50s: the error is %d bytes long", line, len(err.Error()))
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestID(t *testing.T) {
	for id, want := range map[stratum.ID]uint64{"7": 7, `"7"`: 7, "18446744073709551615": 1<<64 - 1} {
		if n, ok := id.Number(); !ok || n != want {
			t.Errorf("%s: %d, %v", id, n, ok)
		}
	}
	for _, id := range []stratum.ID{"", `""`, `"x"`, "-1", "1.5", `"`} {
		if n, ok := id.Number(); ok {
			t.Errorf("%s: %d", id, n)
		}
	}
}

// Pools have codes and words of their own.
func TestRejectCode(t *testing.T) {
	for _, test := range []struct {
		e    stratum.Error
		want int
	}{
		{stratum.Error{Code: 21}, stratum.CodeStale},
		{stratum.Error{Code: 22}, stratum.CodeDuplicate},
		{stratum.Error{Code: 23}, stratum.CodeLowDifficulty},
		{stratum.Error{Code: 24}, stratum.CodeUnauthorized},
		{stratum.Error{Code: 25}, stratum.CodeNotSubscribed},
		{stratum.Error{Code: 20, Text: "Other/Unknown"}, stratum.CodeOther},
		{stratum.Error{}, stratum.CodeOther},
		{stratum.Error{Text: "Stale"}, stratum.CodeStale},
		{stratum.Error{Code: 20, Text: "Invalid JobID"}, stratum.CodeStale},
		{stratum.Error{Code: 20, Text: "Above target"}, stratum.CodeLowDifficulty},
		{stratum.Error{Code: -1, Text: "Duplicate share"}, stratum.CodeDuplicate},
		{stratum.Error{Text: "high-hash"}, stratum.CodeLowDifficulty},
		{stratum.Error{Text: "Unauthorized worker"}, stratum.CodeUnauthorized},
	} {
		if got := test.e.RejectCode(); got != test.want {
			t.Errorf("%v: %d, want %d", &test.e, got, test.want)
		}
	}
}

func TestParseNotify(t *testing.T) {
	good := []string{`"j"`, `"` + strings.Repeat("00112233", 8) + `"`, `"0a"`, `"0b"`, `[]`, `"20000000"`, `"1d00ffff"`, `"504e86ed"`, `true`}
	for _, test := range []struct {
		param int
		value string
		want  string // in the error; "": none
	}{
		{0, `17`, ""}, {0, `null`, "job_id: want a string"}, {0, `"` + long(257) + `"`, "job_id: 257 bytes"},
		{1, `"00"`, "prevhash: 1 bytes, want 32"}, {1, `"` + strings.Repeat("zz", 32) + `"`, "prevhash: want hex digits"},
		{2, `"abc"`, "coinb1: want hex digits"}, {3, `7`, "coinb2: want a string"}, {2, `""`, ""},
		{4, `null`, ""}, {4, `[1]`, "merkle branch[0]: want a string"}, {4, `{}`, "merkle branch: want an array"},
		{4, `[` + strings.Repeat(`"",`, 40) + `""]`, "merkle branch: more than 32"},
		{5, `"1"`, ""}, {5, `"123456789"`, "version: want 8 hex digits"}, {6, `"-1"`, "nbits: want 8 hex digits"}, {7, `5`, "ntime: want a string"},
		{8, `0`, ""}, {8, `"true"`, ""}, {8, `null`, ""}, {8, `"yes"`, "clean_jobs: want true or false"},
	} {
		params := raw(good...)
		params[test.param] = json.RawMessage(test.value)
		_, err := stratum.ParseNotify(params)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, stratum.ErrFormat) || !strings.Contains(err.Error(), "mining.notify: bad Stratum message: "+test.want)) {
			t.Errorf("%d = %.40s: %v, want %q", test.param, test.value, err, test.want)
		}
	}
	if _, err := stratum.ParseNotify(raw(good[:7]...)); err == nil {
		t.Error("7 parameters are enough")
	}
	// The last parameter that is true or false is clean_jobs.
	for rest, want := range map[string]bool{
		"": false, "true": true, "false,true": true, "true,false": false, `"504e86ed",true`: true, `"504e86ed","1"`: true,
		`true,"more"`: true, `true,"more",null`: true, `true,{},[1]`: true, "null,null": false, `"504e86ed",0`: false,
	} {
		params := raw(good[:8]...)
		if rest != "" {
			params = append(params, raw(strings.Split(rest, ",")...)...)
		}
		if n, err := stratum.ParseNotify(params); err != nil || n.Clean != want {
			t.Errorf("%s: %t, %v", rest, n.Clean, err)
		}
	}
	if _, err := stratum.ParseNotify(append(raw(good[:8]...), raw(`"a"`, `"b"`)...)); err == nil {
		t.Error("none of two parameters is clean_jobs")
	}
	n, err := stratum.ParseNotify(raw(append(good, `"more"`)...))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(n.Prev[:]), strings.Repeat("33221100", 8); got != want {
		t.Errorf("parent %s, want %s", got, want)
	}
}

func raw(values ...string) []json.RawMessage {
	all := make([]json.RawMessage, len(values))
	for i, v := range values {
		all[i] = json.RawMessage(v)
	}
	return all
}

// Heights as BIP 34 has them, and coinbases that have none.
func TestHeight(t *testing.T) {
	start := "01000000" + "01" + strings.Repeat("00", 32) + "ffffffff"
	for coinb1, want := range map[string]uint32{
		start + "20" + "03a0bb0d":         900_000,
		start + "03" + "020862":           25_096,
		start + "02" + "01" + "11":        17,
		start + "02" + "51" + "00":        1,
		start + "02" + "60" + "00":        16,
		start + "02" + "61" + "00":        0,
		start + "02" + "03a0bb0d":         0, // the push is longer than the script
		start + "20" + "05a0bb0d0000":     0,
		start + "20" + "03a0bb":           0, // in the extranonce
		start + "20" + "00":               0,
		start:                             0,
		"":                                0,
		"02" + start[2:8] + "02" + "2003": 0,
		strings.Repeat("ab", 60):          0,
	} {
		b, err := hex.DecodeString(coinb1)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&stratum.Notify{Coinbase1: b}).Height(); got != want {
			t.Errorf("%s: %d, want %d", coinb1, got, want)
		}
	}
}

func TestDifficultyText(t *testing.T) {
	for text, want := range map[string]string{"1": "1", "1e-9": "0.000000001", `"0.5"`: "0.5", "1E12": "1000000000000", "16384.0": "16384"} {
		d, err := stratum.ParseDifficulty(json.RawMessage(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := string(stratum.FormatDifficulty(d)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"0", "-1", "null", "true", `""`, "1e1000", "[1]", ""} {
		if _, err := stratum.ParseDifficulty(json.RawMessage(text)); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestConfigure(t *testing.T) {
	for params, want := range map[string]stratum.Configure{
		`[]`:                  {},
		`["version-rolling"]`: {VersionRolling: true, VersionMask: 0xffffffff},
		`["version-rolling","other"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}`: {VersionRolling: true, VersionMask: 0x1fffe000, MinBits: 2},
		`["subscribe-extranonce"],null`: {SubscribeExtranonce: true},
	} {
		m, err := stratum.ParseMessage([]byte(`{"id":1,"method":"mining.configure","params":[` + params + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := stratum.ParseConfigure(m.Params)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", params, got, err)
		}
	}
	d, err := pow.ParseDifficulty("0.25")
	if err != nil {
		t.Fatal(err)
	}
	all := stratum.Configure{VersionRolling: true, VersionMask: 0xe000, MinBits: 1, MinimumDifficulty: &d, SubscribeExtranonce: true}
	m := all.Message("3")
	if got, err := stratum.ParseConfigure(m.Params); err != nil || got.MinimumDifficulty.Cmp(d) != 0 || got.VersionMask != all.VersionMask {
		t.Errorf("%+v, %v", got, err)
	}
	for _, params := range []string{``, `7`, `[],7`, `["version-rolling"],{"version-rolling.mask":5}`, `["version-rolling"],{"version-rolling.min-bit-count":33}`,
		`["minimum-difficulty"],{"minimum-difficulty.value":0}`} {
		m, err := stratum.ParseMessage([]byte(`{"id":1,"method":"mining.configure","params":[` + params + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stratum.ParseConfigure(m.Params); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %+v, %v", params, got, err)
		}
	}

	answer := stratum.Configured{VersionRolling: true, VersionMask: 0xc000, SubscribeExtranonce: true}
	m = answer.Answer("3", &all)
	if got, err := stratum.ParseConfigured(m.Result); err != nil || got != answer {
		t.Errorf("%+v, %v", got, err)
	}
	for _, result := range []string{`null`, `[]`, `true`, `{"version-rolling":true}`, `{"version-rolling":true,"version-rolling.mask":"x"}`} {
		if got, err := stratum.ParseConfigured(json.RawMessage(result)); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %+v, %v", result, got, err)
		}
	}
	if got, err := stratum.ParseConfigured(json.RawMessage(`{"version-rolling":"unknown extension"}`)); err != nil || got.VersionRolling {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseSubscription(t *testing.T) {
	for result, session := range map[string]string{
		`[[["mining.set_difficulty","a"],["mining.notify","b"]],"08000002",4]`: "b",
		`[[["mining.notify","b"]],"08000002",4,"more"]`:                        "b",
		`[["mining.notify","b"],"08000002",4]`:                                 "b",
		`[["mining.notify",7],"08000002","4"]`:                                 "",
		`[[["mining.set_difficulty","a"]],"08000002",4]`:                       "",
		`[null,"08000002",4]`:                                                  "",
		`[false,"08000002",4]`:                                                 "",
		`["x","08000002",4]`:                                                   "",
	} {
		s, err := stratum.ParseSubscription(json.RawMessage(result))
		if err != nil || s.Session != session || hex.EncodeToString(s.Extranonce1) != "08000002" || s.Extranonce2Size != 4 {
			t.Errorf("%s: %+v, %v", result, s, err)
		}
	}
	for _, result := range []string{`null`, `true`, `[]`, `[[],"08000002"]`, `[[],"8",4]`, `[[],8,4]`, `[[],"08",17]`, `[[],"08",-1]`, `[[],"08",1.5]`, `[[],"` + long(0) + strings.Repeat("00", 33) + `",4]`} {
		if s, err := stratum.ParseSubscription(json.RawMessage(result)); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %+v, %v", result, s, err)
		}
	}
}

func TestSubmitText(t *testing.T) {
	s := stratum.Submit{Worker: "w", JobID: "j", Extranonce2: []byte{0, 1}, Time: 0x504e86ed, Nonce: 0xb2957c02}
	if got, want := string(s.Message("4").Append(nil)), `{"id":4,"method":"mining.submit","params":["w","j","0001","504e86ed","b2957c02"]}`+"\n"; got != want {
		t.Errorf("%s", got)
	}
	s.Rolled, s.VersionBits = true, 0xe000
	if got, want := string(s.Message("4").Append(nil)), `{"id":4,"method":"mining.submit","params":["w","j","0001","504e86ed","b2957c02","0000e000"]}`+"\n"; got != want {
		t.Errorf("%s", got)
	}
	for _, params := range []string{`"w","j","00","0"`, `1,"j","00","0","0"`, `"w",null,"00","0","0"`, `"w","j","0","0","0"`,
		`"w","j","` + strings.Repeat("00", 17) + `","0","0"`, `"w","j","00","x","0"`, `"w","j","00","0","123456789"`, `"w","j","00","0","0",7`} {
		m, err := stratum.ParseMessage([]byte(`{"id":1,"method":"mining.submit","params":[` + params + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := stratum.ParseSubmit(m.Params); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %+v, %v", params, got, err)
		}
	}
}

func genBytes(least, most int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.Byte(), least, most)
}

// Parsing reverses formatting, for all values.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := stratum.Notify{
			JobID:     rapid.StringN(0, 60, 200).Draw(t, "job"),
			Prev:      pow.Hash(genBytes(32, 32).Draw(t, "prev")),
			Coinbase1: genBytes(0, 200).Draw(t, "coinb1"),
			Coinbase2: genBytes(0, 200).Draw(t, "coinb2"),
			Version:   rapid.Uint32().Draw(t, "version"),
			Bits:      pow.Bits(rapid.Uint32().Draw(t, "bits")),
			Time:      rapid.Uint32().Draw(t, "time"),
			Clean:     rapid.Bool().Draw(t, "clean"),
		}
		for range rapid.IntRange(0, 20).Draw(t, "branches") {
			n.Branch = append(n.Branch, pow.Hash(genBytes(32, 32).Draw(t, "branch")))
		}
		m, err := stratum.ParseMessage(n.Message().Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := stratum.ParseNotify(m.Params)
		if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", n) {
			t.Fatalf("%#v, %v, want %#v", got, err, n)
		}

		s := stratum.Subscription{
			Session:         rapid.StringN(0, 60, 200).Draw(t, "session"),
			Extranonce1:     genBytes(0, 32).Draw(t, "extranonce1"),
			Extranonce2Size: rapid.IntRange(0, 16).Draw(t, "size"),
		}
		if m, err = stratum.ParseMessage(s.Answer("1").Append(nil)); err != nil {
			t.Fatal(err)
		}
		if got, err := stratum.ParseSubscription(m.Result); err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v, %v, want %+v", got, err, s)
		}
	})
}

// A line that is crafted to take much memory does not.
func TestMemory(t *testing.T) {
	for name, line := range map[string]string{
		"params":   `{"method":"mining.notify","params":[` + strings.Repeat("1,", stratum.MaxLine/2) + `1]}`,
		"branches": `{"method":"mining.notify","params":["","` + strings.Repeat("0", 64) + `","","",[` + strings.Repeat(`"",`, stratum.MaxLine/3) + `""],"1","1","1",true]}`,
		"lists":    `{"method":"m","params":[` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]}`,
		"error":    `{"id":1,"error":[` + strings.Repeat("1,", stratum.MaxLine/2) + `1]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := stratum.ParseMessage([]byte(line))
		if err == nil {
			_, _ = stratum.ParseNotify(m.Params)
		}
		runtime.ReadMemStats(&after)
		used := after.TotalAlloc - before.TotalAlloc
		if used > 2*uint64(len(line))+64<<10 {
			t.Errorf("%s: %d bytes for a line of %d", name, used, len(line))
		}
	}
}

// FuzzParseMessage: every message that can be parsed can be formatted, and parsed again
// to the same.
func FuzzParseMessage(f *testing.F) {
	for _, line := range []string{
		`{"id":1,"method":"mining.submit","params":["w","j","00","504e86ed","b2957c02"]}`,
		`{"id":null,"result":[[["mining.notify","ae68"]],"08000002",4],"error":null}`,
		`{"id":"x","result":null,"error":[21,"Job not found",null]}`,
		`{"reject-reason":"Above target","result":false,"error":null,"id":4}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := stratum.ParseMessage(line)
		if err != nil {
			if !errors.Is(err, stratum.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		one := m.Append(nil)
		if strings.Count(string(one), "\n") != 1 {
			t.Fatalf("not one line: %q", one)
		}
		again, err := stratum.ParseMessage(one)
		if err != nil {
			if m.Method == "" && m.ID == "" && m.Err == nil {
				return
			}
			t.Fatalf("%q: %v", one, err)
		}
		if two := again.Append(nil); !slices.Equal(one, two) {
			t.Fatalf("%q\n%q", one, two)
		}
	})
}

// fuzzParams fuzzes a parser of parameters: what it parses, message formats, and that
// parses to the same.
func fuzzParams[T any](f *testing.F, parse func([]json.RawMessage) (T, error), message func(T) stratum.Message, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, params []byte) {
		m, err := stratum.ParseMessage(slices.Concat([]byte(`{"id":1,"method":"m","params":`), params, []byte("}")))
		if err != nil {
			return
		}
		one, err := parse(m.Params)
		if err != nil {
			if !errors.Is(err, stratum.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		written := message(one)
		two, err := parse(written.Params)
		if err != nil || fmt.Sprintf("%#v", one) != fmt.Sprintf("%#v", two) {
			t.Fatalf("%#v\n%#v, %v", one, two, err)
		}
	})
}

func FuzzNotify(f *testing.F) {
	fuzzParams(f, stratum.ParseNotify, func(n stratum.Notify) stratum.Message {
		_, _ = n.Height(), n.Header(nil, nil, 0, 0)
		return n.Message()
	},
		`["j","`+strings.Repeat("00112233", 8)+`","0a","0b",[],"20000000","1d00ffff","504e86ed",true]`,
		`["j","`+strings.Repeat("00112233", 8)+`","0a","0b",[],"20000000","1d00ffff","504e86ed","504e86ed","1",null]`,
		`[1,"`+strings.Repeat("00112233", 8)+`","01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20020862","0b",["`+strings.Repeat("01", 32)+`"],"1","1","1",0]`)
}

func FuzzSubmit(f *testing.F) {
	fuzzParams(f, stratum.ParseSubmit, func(s stratum.Submit) stratum.Message { return s.Message("1") },
		`["w","j","0001","504e86ed","b2957c02"]`, `["w",7,"","1","0x2","0000e000"]`)
}

func FuzzConfigure(f *testing.F) {
	fuzzParams(f, stratum.ParseConfigure, func(c stratum.Configure) stratum.Message {
		c.MinimumDifficulty = nil // a pointer, compared elsewhere
		return c.Message("1")
	}, `[["version-rolling"],{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2}]`)
}

func FuzzSubscribeResult(f *testing.F) {
	for _, s := range []string{`[[["mining.set_difficulty","a"],["mining.notify","b"]],"08000002",4]`, `[["mining.notify","b"],"",16]`, `[null,"00","2"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		if !json.Valid(result) { // a message holds only what is
			return
		}
		s, err := stratum.ParseSubscription(result)
		if err != nil {
			return
		}
		again, err := stratum.ParseSubscription(s.Answer("1").Result)
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%+v\n%+v, %v", s, again, err)
		}
	})
}
