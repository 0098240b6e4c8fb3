package wire

import (
	"errors"
	"fmt"

	"stele/engine/pow"
)

// Limits of the lists in messages. Unsolicited means that the receiver has no open
// request for the message.
const (
	MaxLocator            = 64   // hashes of a GetHeaders
	MaxHeaders            = 2000 // headers of a Headers
	MaxUnsolicitedHeaders = 8
	MaxGetBlocks          = 16
	MaxAbsent             = 256
	MaxParts              = 8183 // indices of a GetParts, which is 32 kB; records of a Parts
	MaxHave               = 1000
	MaxWant               = 256
	MaxRecords            = 256 // records of a Records
	MaxUnsolicitedRecords = 8
	MaxAddrs              = 1000
	MaxUnsolicitedAddrs   = 10
)

// Limits of values, in bytes.
const (
	MaxAgent      = 64
	MaxReason     = 32 // the reason of a Bye
	MaxText       = 160
	MaxRecordSize = 16384 // an encoded record
	MaxPrefilled  = 16384 // the prefilled records of a Compact except the coinbase, together
	MaxBlobSize   = 8192  // sealed data of a recipient
	MaxHops       = 3     // how often a GetBlob or a GetNotice is passed on
	MinRecordSize = 61    // no encoded record is shorter; it bounds how many a message can have
)

// Limits of bodies in bytes, for the kinds where the lists above do not give one.
const (
	maxCompactBody = 512 << 10
	maxRecordsBody = 512 << 10
	maxIgnoredBody = 64 << 10
)

// Sizes of parts of messages, in bytes.
const (
	hashSize  = 32
	addrSize  = 16 + 2 + 8 + 2
	helloSize = 2 + 2 + 4 + hashSize + 8 + 4 + hashSize + 32 + 2 + 8 + 8 + 1 // without the agent
)

var (
	// ErrUnknownKind means a kind that this version neither has nor ignores.
	ErrUnknownKind = errors.New("unknown kind of message")
	// ErrLength means a body that is shorter or longer than its kind allows.
	ErrLength = errors.New("invalid length of a message")
	// ErrUnsolicited means a message that is only for answers, without a request.
	ErrUnsolicited = errors.New("unsolicited message")
	// ErrMalformed means a body that is no encoding of its kind, or a message that
	// has no encoding.
	ErrMalformed = errors.New("malformed message")
)

// Limits are the limits of one network. They bound what is encoded and what is
// decoded in the same way, so that a node sends nothing that its peers would reject.
// Safe for concurrent use.
type Limits struct {
	// MaxBlockSize is the maximum size of an encoded block, in bytes.
	MaxBlockSize int
}

// lengths bounds the length of a body, in bytes. answer means that only answers
// have the kind.
type lengths struct {
	min, max, maxUnsolicited int
	answer                   bool
}

// of returns the bounds for a kind, and false if the kind ends the connection.
func (l Limits) of(k Kind) (lengths, bool) {
	exactly := func(n int) lengths { return lengths{n, n, n, false} }
	within := func(low, high int) lengths { return lengths{low, high, high, false} }
	const record = 2 + MinRecordSize
	switch k {
	case KindHello:
		return within(helloSize, helloSize+MaxAgent), true
	case KindPing, KindPong, KindFeeRate:
		return exactly(8), true
	case KindGetHeaders:
		return within(2+2*hashSize, 2+(MaxLocator+1)*hashSize), true
	case KindHeaders:
		return lengths{2, 2 + MaxHeaders*pow.HeaderSize, 2 + MaxUnsolicitedHeaders*pow.HeaderSize, false}, true
	case KindGetBlocks:
		return within(2+hashSize, 2+MaxGetBlocks*hashSize), true
	case KindBlock:
		return lengths{min: pow.HeaderSize + 4, max: l.MaxBlockSize, answer: true}, true
	case KindAbsent:
		return lengths{min: 1 + 1 + 2 + hashSize, max: 1 + 1 + 2 + MaxAbsent*hashSize, answer: true}, true
	case KindCompact:
		return within(pow.HeaderSize+8+4+2+4+record, maxCompactBody), true
	case KindGetCompact:
		return exactly(hashSize), true
	case KindGetParts:
		return within(hashSize+4+4, hashSize+4+MaxParts*4), true
	case KindParts:
		return lengths{min: hashSize + 4 + record, max: l.MaxBlockSize, answer: true}, true
	case KindHave:
		return within(2+hashSize, 2+MaxHave*hashSize), true
	case KindWant:
		return within(2+hashSize, 2+MaxWant*hashSize), true
	case KindRecords:
		return lengths{2 + record, maxRecordsBody, 2 + MaxUnsolicitedRecords*(2+MaxRecordSize), false}, true
	case KindAnnounce:
		return exactly(1), true
	case KindGetAddrs:
		return exactly(0), true
	case KindAddrs:
		return lengths{2, 2 + MaxAddrs*addrSize, 2 + MaxUnsolicitedAddrs*addrSize, false}, true
	case KindBye:
		return within(1+1+1, 1+MaxReason+1+MaxText), true
	case KindGetBlob:
		return exactly(8 + 1 + hashSize + 32 + 8 + 64), true
	case KindBlob:
		return lengths{min: 8, max: 8 + MaxBlobSize, answer: true}, true
	case KindGetNotice:
		return exactly(8 + 1 + 32), true
	case KindNotice:
		return lengths{min: 8 + 1 + 32 + 64, max: 8 + 1 + 32 + 64, answer: true}, true
	}
	return within(0, maxIgnoredBody), k.IsIgnored()
}

// MaxBody returns the maximum length of a body of kind k in bytes, as an answer; 0 if this
// version does not have the kind.
func (l Limits) MaxBody(k Kind) int {
	b, ok := l.of(k)
	if !ok {
		return 0
	}
	return b.max
}

// Check reports whether a body may follow the header: call it before memory is
// allocated for the body. solicited reports whether the receiver has an open request
// that the message can answer.
//
// Errors: [ErrUnknownKind], [ErrUnsolicited], [ErrLength].
func (l Limits) Check(h Header, solicited bool) error {
	b, ok := l.of(h.Kind)
	limit := b.max
	if !solicited {
		limit = b.maxUnsolicited
	}
	switch {
	case !ok:
		return fmt.Errorf("%w: %d, must be 1 to %d, or %d to %d", ErrUnknownKind, h.Kind, len(kinds)-1, minIgnored, maxIgnored)
	case b.answer && !solicited:
		return fmt.Errorf("%w: %s, without an open request", ErrUnsolicited, h.Kind)
	case int64(h.Length) < int64(b.min) || int64(h.Length) > int64(limit):
		return fmt.Errorf("%w: %s of %d bytes, must be %d to %d", ErrLength, h.Kind, h.Length, b.min, limit)
	}
	return nil
}
