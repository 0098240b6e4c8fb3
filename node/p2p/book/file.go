package book

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"stele/internal/atomicfile"
	"stele/internal/bounded"
)

// ErrDamaged means that a file is not one that this package wrote, or that it was
// changed since. The caller usually renames such a file with [SetAside] and starts
// with an empty book.
var ErrDamaged = errors.New("damaged")

// The files have a header and then rows, a JSON object in each line.
const (
	fileVersion = 1
	maxFile     = 16 << 20 // bytes
	maxRow      = 2 << 10  // bytes
	maxRows     = 1 + bucketSize*(newBuckets+triedBuckets) + maxDiscouraged
	maxUnix     = 1 << 40 // the greatest time in a file, in seconds since 1970
)

// header is the first line of a file.
type header struct {
	Version int       `json:"version"`
	Sum     hexDigits `json:"sha256"` // of all that follows its line
}

// row is one line of a book: the secret, an address, or a discouraged address. Times
// are in seconds since 1970, 0 for never.
type row struct {
	Secret hexDigits `json:"secret,omitzero"`

	Addr     netip.AddrPort `json:"addr,omitzero"`
	Services uint64         `json:"services,omitzero"`
	Seen     int64          `json:"seen,omitzero"`
	Attempt  int64          `json:"attempt,omitzero"`
	Success  int64          `json:"success,omitzero"`
	Failures int            `json:"failures,omitzero"`
	Tried    bool           `json:"tried,omitzero"`
	Sources  []netip.Prefix `json:"sources,omitzero"`

	Discouraged netip.Addr `json:"discouraged,omitzero"`
	Until       int64      `json:"until,omitzero"`
}

// hexDigits are 32 bytes as 64 hex digits.
type hexDigits [32]byte

// MarshalText returns 64 hex digits.
func (h hexDigits) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 hex digits.
func (h *hexDigits) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("%d hex digits, expected %d", len(text), 2*len(h))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Save writes the book to a file, which is whole or the old one even if the machine
// stops. The folder must exist.
func (b *Book) Save(name string) error {
	return atomicfile.WriteFile(name, b.Encode(), 0o600)
}

// Load reads the book that [Book.Save] wrote. Options.Secret is ignored: the file
// has the secret. Addresses that the options do not accept are left out, and times
// after now become now. Errors: [ErrDamaged], and those of the file system, of which
// fs.ErrNotExist means that there is no book yet.
func Load(name string, now time.Time, o Options) (*Book, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	b, err := Decode(data, now, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// SetAside renames a file that cannot be read to NAME.damaged, where it replaces an
// earlier one, and returns that name.
func SetAside(name string) (string, error) {
	to := name + ".damaged"
	return to, os.Rename(name, to)
}

// read reads a file of at most maxFile bytes.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: %w: longer than %d bytes", name, ErrDamaged, maxFile)
	}
	return data, err
}

// Encode returns the book as the content of a file. The same book always encodes to
// the same bytes.
func (b *Book) Encode() []byte {
	rows := []row{{Secret: b.secret}}
	for _, e := range b.sorted() {
		rows = append(rows, row{
			Addr: e.Addr, Services: e.Services,
			Seen: unix(e.Seen), Attempt: unix(e.Attempt), Success: unix(e.Success),
			Failures: e.Failures, Tried: e.tried, Sources: e.sources,
		})
	}
	for _, addr := range slices.SortedFunc(maps.Keys(b.discouraged), netip.Addr.Compare) {
		rows = append(rows, row{Discouraged: addr, Until: unix(b.discouraged[addr])})
	}
	return encodeRows(rows)
}

// Decode reads what [Book.Encode] returned, as [Load] does. Error: [ErrDamaged].
func Decode(data []byte, now time.Time, o Options) (*Book, error) {
	rows, err := decodeRows(data)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || rows[0].Secret == (hexDigits{}) {
		return nil, fmt.Errorf("%w: line 2: no secret", ErrDamaged)
	}
	o.Secret = rows[0].Secret
	b := New(o)
	for i, r := range rows[1:] {
		if err := b.restore(now, r); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, i+3, err)
		}
	}
	return b, nil
}

// restore adds a row to the book. What has no place is left out, which happens only
// if the options have changed.
func (b *Book) restore(now time.Time, r row) error {
	for _, t := range []int64{r.Seen, r.Attempt, r.Success, r.Until} {
		if t < 0 || t > maxUnix {
			return fmt.Errorf("time %d, expected 0 to %d", t, int64(maxUnix))
		}
	}
	isAddr, isDiscouraged := r.Addr.IsValid(), r.Discouraged.IsValid()
	switch {
	case isAddr == isDiscouraged || r.Secret != hexDigits{}:
		return errors.New("expected an address, or a discouraged one")
	case isDiscouraged:
		key, _ := discourageKey(r.Discouraged)
		if until := time.Unix(r.Until, 0); until.After(now) && len(b.discouraged) < maxDiscouraged {
			b.discouraged[key] = earlier(until, second(now.Add(discouragedTime)))
		}
		return nil
	case r.Failures < 0:
		return fmt.Errorf("%d failures", r.Failures)
	case len(r.Sources) == 0 || len(r.Sources) > maxPlaces || r.Tried && len(r.Sources) != 1:
		return fmt.Errorf("%d sources", len(r.Sources))
	}
	for _, s := range r.Sources {
		if !s.IsValid() {
			return errors.New("a source is not a network")
		}
	}
	addr := clean(r.Addr)
	if !b.Accepts(addr) || b.entries[addr] != nil {
		return nil
	}
	e := &entry{Address: Address{
		Addr: addr, Services: r.Services, Failures: r.Failures,
		Seen: fromUnix(r.Seen, now), Attempt: fromUnix(r.Attempt, now), Success: fromUnix(r.Success, now),
	}}
	if p := b.triedPlace(addr); r.Tried && b.tried[p.bucket][p.slot] == nil {
		e.sources = r.Sources
		b.putTried(e, p)
		return nil
	}
	for _, s := range r.Sources {
		if p := b.newPlace(addr, s); b.fresh[p.bucket][p.slot] == nil {
			b.putNew(e, s, p)
		}
	}
	return nil
}

// encodeRows returns the content of a file.
func encodeRows(rows []row) []byte {
	var body bytes.Buffer
	for _, r := range rows {
		body.Write(encodeLine(r))
	}
	return append(encodeLine(header{fileVersion, sha256.Sum256(body.Bytes())}), body.Bytes()...)
}

// encodeLine returns a value as JSON and a line feed.
func encodeLine(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("book: a row is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// decodeRows reads the content of a file. Error: [ErrDamaged].
func decodeRows(data []byte) ([]row, error) {
	first, body, _ := bytes.Cut(data, []byte("\n"))
	var h header
	if err := decodeLine(first, &h); err != nil {
		return nil, fmt.Errorf("%w: line 1: %w", ErrDamaged, err)
	}
	switch {
	case h.Version != fileVersion:
		return nil, fmt.Errorf("%w: version %d, expected %d", ErrDamaged, h.Version, fileVersion)
	case h.Sum != sha256.Sum256(body):
		return nil, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	var rows []row
	for line := range bytes.Lines(body) {
		if len(rows) == maxRows {
			return nil, fmt.Errorf("%w: more than %d lines", ErrDamaged, maxRows+1)
		}
		var r row
		if err := decodeLine(line, &r); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, len(rows)+2, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// decodeLine decodes one line strictly.
func decodeLine(line []byte, v any) error {
	return bounded.Decode(bytes.NewReader(line), v, lineLimits)
}

var lineLimits = bounded.Limits{
	Bytes: maxRow, Token: maxRow,
	Lists: []*jsonv2.Unmarshalers{bounded.List[netip.Prefix](maxPlaces, nil)},
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// fromUnix returns a time of a file, and at most now: a clock that was ahead must
// not protect an address for years.
func fromUnix(t int64, now time.Time) time.Time {
	return earlier(second(time.Unix(t, 0)), second(now))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
