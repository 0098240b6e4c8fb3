package record

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/reject"
)

const payText = `{
	"network": 1953719668, "type": "PAY", "version": 1, "seq": 3, "valid_until": 1000, "fee": "0.0001",
	"key": "KEY",
	"payload": {"to": "TO", "amount": "1.5", "reference": "0000000000000000000000000000000000000000000000000000000000000005"}
}`

// payJSON returns payText with the keys of the sample PAY.
func payJSON() string {
	return strings.NewReplacer("KEY", PublicOf(testKeys[0]).String(), "TO", PublicOf(testKey(9)).String()).Replace(payText)
}

func TestJSON(t *testing.T) {
	var r Record
	if err := json.Unmarshal([]byte(payJSON()), &r); err != nil {
		t.Fatal(err)
	}
	want := samples(t)[1]
	if !bytes.Equal(r.Body(), want.Body()) {
		t.Fatalf("the text is\n%+v, want\n%+v", r, *want)
	}
	if len(r.Signatures) != 1 || r.Signatures[0] != (Signature{}) {
		t.Errorf("signatures %v, want one that is missing", r.Signatures)
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"type":"PAY"`, `"fee":"0.0001"`, `"amount":"1.5"`, `"id":"` + want.ID().String() + `"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
	text, err = json.Marshal(samples(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"signatures":[]`) {
		t.Errorf("no empty list of signatures in %s", text)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got Record
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		same(t, &got, r)
	})
}

func TestJSONErrors(t *testing.T) {
	good := payJSON()
	replace := func(old, new string) string {
		text := strings.Replace(good, old, new, 1)
		if text == good {
			t.Fatalf("%q is not in the text", old)
		}
		return text
	}
	key := PublicOf(testKeys[0]).String()
	for _, v := range []struct {
		name, text string
		want       reject.Reason
	}{
		{"no object", `[]`, reject.BadRecordEncoding},
		{"an empty object", `{}`, reject.BadRecordEncoding},
		{"null", `null`, reject.BadRecordEncoding},
		{"an unknown field", replace(`"seq"`, `"memo": 1, "seq"`), reject.BadRecordEncoding},
		{"a missing field", replace(`"seq": 3, `, ``), reject.BadRecordEncoding},
		{"a field twice", replace(`"seq": 3`, `"seq": 3, "seq": 4`), reject.BadRecordEncoding},
		{"a field in another case", replace(`"seq"`, `"Seq"`), reject.BadRecordEncoding},
		{"a field that is null", replace(`"seq": 3`, `"seq": null`), reject.BadRecordEncoding},
		{"a field of another kind", replace(`"seq": 3`, `"seq": "3"`), reject.BadRecordEncoding},
		{"a number that is negative", replace(`"seq": 3`, `"seq": -3`), reject.BadRecordEncoding},
		{"a number that is too large", replace(`1000`, `4294967296`), reject.BadRecordEncoding},
		{"an amount as a number", replace(`"0.0001"`, `0.0001`), reject.BadRecordEncoding},
		{"an amount that is too fine", replace(`0.0001`, `0.000000001`), reject.BadRecordEncoding},
		{"an unknown type", replace(`PAY`, `PRAY`), reject.UnknownType},
		{"an unknown version", replace(`"version": 1`, `"version": 2`), reject.UnknownVersion},
		{"a mistyped key", replace(key, "0"+key[1:]), reject.BadRecordEncoding},
		{"a payload that is no object", replace(`"payload": {`, `"payload": [], "p": {`), reject.BadRecordEncoding},
		{"an unknown field of the payload", replace(`"amount"`, `"memo": "", "amount"`), reject.BadRecordEncoding},
		{"a missing field of the payload", replace(`"amount": "1.5", `, ``), reject.BadRecordEncoding},
		{"the payload of another type", replace(`PAY`, `KEY_ROTATE`), reject.BadRecordEncoding},
		{"a wrong id", replace(`"seq"`, `"id": "`+strings.Repeat("0", 64)+`", "seq"`), reject.WrongID},
		{"too many signatures", replace(`"seq"`, `"signatures": ["", ""], "seq"`), reject.SignatureCount},
		{"half a signature", replace(`"seq"`, `"signatures": ["00"], "seq"`), reject.BadRecordEncoding},
		{"a list with null", replace(`"seq"`, `"signatures": [null], "seq"`), reject.BadRecordEncoding},
		{"a name with an escape", replace(`"seq"`, `"s\u0065q"`), reject.BadRecordEncoding},
		{"no JSON", good[:len(good)-1], reject.BadRecordEncoding},
		{"more after the end", good + "{}", reject.BadRecordEncoding},
		{"a text that is too long", replace(`"seq"`, strings.Repeat(" ", MaxTextSize)+`"seq"`), reject.RecordTooLarge},
		{"hundreds of fields", `{` + strings.Repeat(`"x":1,`, 300) + `"y":1}`, reject.BadRecordEncoding},
	} {
		t.Run(v.name, func(t *testing.T) {
			var r Record
			wantReason(t, r.UnmarshalJSON([]byte(v.text)), v.want)
			if r.Payload != nil {
				t.Error("a record and an error")
			}
		})
	}
	// More than a count can hold: the binary form would be another record.
	var r Record
	long := coinbase(Coinbase{Height: 5, Extra: make([]byte, 256+4)})
	text, err := json.Marshal(New(long))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err == nil {
		t.Errorf("extra of 260 bytes is read as %+v", r)
	}
}

// Text takes no more memory than about twice its length either.
func TestJSONMemory(t *testing.T) {
	repeat := func(before, value, after string) string {
		n := (MaxTextSize - len(before) - len(after)) / len(value)
		return before + strings.Repeat(value, n) + after
	}
	pay := strings.TrimSuffix(payJSON(), "}")
	for name, text := range map[string]string{
		"many signatures":  repeat(pay+`,"signatures":[`, `"",`, `""]}`),
		"some signatures":  pay + `,"signatures":[` + strings.Repeat(`"",`, maxValues-20) + `""]}`,
		"many lists":       repeat(`{"payload":[`, `[],`, `[]]}`),
		"deep lists":       repeat(`{"payload":`, `[`, ``),
		"a long string":    repeat(`{"type":"`, `a`, `"}`),
		"a long number":    repeat(strings.Replace(pay, `"seq": 3`, `"seq": `, 1)+` `, ` `, `}`),
		"a long name":      repeat(`{"`, `a`, `":1}`),
		"a number of 20kB": strings.Replace(pay, `"seq": 3`, `"seq": `+strings.Repeat("3", 20000), 1) + `}`,
		"a key of 20kB":    strings.Replace(pay, `"key": "`, `"key": "`+strings.Repeat("3", 20000), 1) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			input := []byte(text)
			var r Record
			var err error
			got := allocated(func() { err = r.UnmarshalJSON(input) })
			if limit := 2*uint64(len(input)) + 64<<10; got > limit {
				t.Errorf("%d bytes allocated for %d", got, len(input))
			}
			if err == nil || len(err.Error()) > 500 {
				t.Errorf("error %.600v", err)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	for _, r := range everySample(f) {
		text, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(payJSON()))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Record
		if err := r.UnmarshalJSON(text); err != nil {
			if _, ok := reject.Of(err); !ok {
				t.Fatal(err)
			}
			return
		}
		decoded, err := Decode(r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		same(t, decoded, &r)
		again, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		var back Record
		if err := back.UnmarshalJSON(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		same(t, &back, &r)
	})
}
