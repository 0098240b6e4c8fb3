// Package digitallink writes and reads the GS1 Digital Link of an item (GS1 Digital
// Link Standard: URI Syntax, 1.2): https://HOST/01/GTIN/21/SERIAL. It is what the QR
// code on an item holds.
//
// [Path] is the part after the host, [URI] the whole, [Parse] reads both.
package digitallink

import (
	"net/url"
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Canonical is the resolver of GS1, whose links name an item whatever host shows it.
const Canonical = "https://id.gs1.org"

// Path returns the path of an item: /01/GTIN/21/SERIAL, with 14 digits and the
// characters of the serial number percent-encoded that are not unreserved (RFC 3986).
func Path(gtin record.GTIN, serial record.Serial) string {
	return "/01/" + gtin.String() + "/21/" + escape(string(serial))
}

// URI returns the link of an item at a base, such as [Canonical] or the URL of a node.
// A slash at the end of base does not count.
func URI(base string, gtin record.GTIN, serial record.Serial) string {
	return strings.TrimSuffix(base, "/") + Path(gtin, serial)
}

const upperHex = "0123456789ABCDEF"

// escape percent-encodes all but the unreserved characters.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// Parse reads the link of an item: a URI of any host with the path of an item at its
// end, or only the path, escaped as in [Path]. The GTIN may have 8, 12, 13 or 14
// digits, and its check digit must be right. Query and fragment are ignored. Errors
// are of package reject: BadGTIN, BadSerial.
func Parse(link string) (record.GTIN, record.Serial, error) {
	u, err := url.Parse(link)
	if err != nil {
		return 0, "", reject.New(reject.BadGTIN, "%.80q is not a URI", link)
	}
	parts := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	if n := len(parts); n < 4 || parts[n-4] != "01" || parts[n-2] != "21" {
		return 0, "", reject.New(reject.BadGTIN, "%.80q is not the link of an item: must end with /01/GTIN/21/SERIAL", link)
	}
	parts = parts[len(parts)-4:]
	gtin, err := record.ParseGTIN(parts[1])
	if err != nil {
		return 0, "", err
	}
	text, err := url.PathUnescape(parts[3])
	if err != nil {
		return 0, "", reject.New(reject.BadSerial, "invalid escape in the serial number %.40q", parts[3])
	}
	serial, err := record.ParseSerial(text)
	return gtin, serial, err
}
