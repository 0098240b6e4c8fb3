package record

import (
	"time"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// layout is a payload whose fields are listed once for both directions.
type layout interface {
	layout(f *fields.Coder)
}

func appendLayout(b []byte, p layout) []byte {
	f := fields.Append(b)
	p.layout(&f)
	return f.Bytes()
}

// decodeLayout reads a payload of type P.
func decodeLayout[P Payload, L interface {
	*P
	layout
}](f *fields.Coder) Payload {
	var p P
	L(&p).layout(f)
	return p
}

// Time is a time that somebody claims, in seconds since 1970: nothing proves it. Its text form is that of RFC 3339 in UTC. The zero Time is none.
type Time uint32

// earliest is the time of Bitcoin's first block: no record is about something
// that was before.
const earliest Time = 1231006505

// String returns the form of RFC 3339: "2026-11-22T21:00:00Z".
func (t Time) String() string { return time.Unix(int64(t), 0).UTC().Format(time.RFC3339) }

// MarshalText returns String.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a time of RFC 3339, in whole seconds and any zone.
func (t *Time) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339, string(b))
	if err != nil || at.Nanosecond() != 0 || at.Unix() < int64(earliest) || at.Unix() > int64(^uint32(0)) {
		return reject.New(reject.BadTime, "invalid time %.40q: must be as 2026-11-22T21:00:00Z, in whole seconds, from %v on", b, earliest)
	}
	*t = Time(at.Unix())
	return nil
}

// check rejects times before Bitcoin's first block.
func (t Time) check() error {
	if t < earliest {
		return reject.New(reject.BadTime, "the claimed time is %v, before %v", t, earliest)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// named rejects an id that is zero.
func named(what string, id ID) error {
	if id == (ID{}) {
		return reject.New(reject.MissingID, "the %s is not named: its id is zero", what)
	}
	return nil
}
