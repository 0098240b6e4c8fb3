package digitallink_test

import (
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"stele/node/digitallink"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// anItem draws a valid item.
func anItem(t *rapid.T) (record.GTIN, record.Serial) {
	n := rapid.Uint64Range(1, 1e13-1).Draw(t, "number")
	sum, weight := uint64(0), uint64(3)
	for rest := n; rest > 0; rest /= 10 {
		sum += rest % 10 * weight
		weight = 4 - weight
	}
	serial := rapid.StringMatching(`[!"%&'()*+,\-./:;<=>?_A-Za-z0-9]{1,20}`).Draw(t, "serial")
	return record.GTIN(10*n + (10-sum%10)%10), record.Serial(serial)
}

// What a link names comes back from it, with any host, query and number of digits.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gtin, serial := anItem(t)
		link := digitallink.URI(rapid.SampledFrom([]string{digitallink.Canonical, "https://stele.example/", "http://127.0.0.1:8690/a"}).Draw(t, "base"), gtin, serial)
		if _, err := url.ParseRequestURI(link); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{link, link + "?linkType=gs1:pip#x", digitallink.Path(gtin, serial)} {
			g, s, err := digitallink.Parse(text)
			if err != nil || g != gtin || s != serial {
				t.Fatalf("%s: %v %q, %v", text, g, s, err)
			}
		}
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]reject.Reason{
		"https://id.gs1.org/01/06291041500213/21/A%2F1":                 "",
		"https://id.gs1.org/01/6291041500213/21/A":                      "", // 13 digits
		"https://id.gs1.org/01/96385074/21/A":                           "", // 8 digits
		"https://id.gs1.org/some/where/01/06291041500213/21/A":          "",
		"https://id.gs1.org/01/06291041500214/21/A":                     reject.BadGTIN, // check digit
		"https://id.gs1.org/01/629104150021/21/A":                       reject.BadGTIN,
		"https://id.gs1.org/01/06291041500213":                          reject.BadGTIN,
		"https://id.gs1.org/01/06291041500213/10/A":                     reject.BadGTIN, // a batch
		"https://id.gs1.org/01/06291041500213/21/A/1":                   reject.BadGTIN,
		"https://id.gs1.org/01/06291041500213/21/%C3%A9":                reject.BadSerial,
		"https://id.gs1.org/01/06291041500213/21/123456789012345678901": reject.BadSerial,
		"https://id.gs1.org/01/06291041500213/21/%0A":                   reject.BadSerial,
		"\x00": reject.BadGTIN,
		"":     reject.BadGTIN,
	} {
		gtin, serial, err := digitallink.Parse(text)
		got, _ := reject.Of(err)
		if got != want || (err == nil) != (want == "") {
			t.Errorf("%q: %v %q, %v; want reason %q", text, gtin, serial, err, want)
		}
	}
	if link := digitallink.URI("https://id.gs1.org", 6291041500213, "A/1"); link != "https://id.gs1.org/01/06291041500213/21/A%2F1" {
		t.Error(link)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("https://id.gs1.org/01/06291041500213/21/A%2F1")
	f.Fuzz(func(t *testing.T, text string) {
		gtin, serial, err := digitallink.Parse(text)
		if err != nil {
			return
		}
		g, s, err := digitallink.Parse(digitallink.Path(gtin, serial))
		if err != nil || g != gtin || s != serial {
			t.Errorf("%q is %v %q, whose link is %v %q, %v", text, gtin, serial, g, s, err)
		}
	})
}
