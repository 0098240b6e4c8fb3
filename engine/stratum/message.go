package stratum

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"stele/internal/text"
)

// Limits of a line in bytes, without its end.
const (
	// MaxLine limits a line from a pool. Most of it is the coinbase, in which some
	// pools pay hundreds of people.
	MaxLine = 64 << 10
	// MaxRequest limits a line from a miner, which needs a few hundred bytes.
	MaxRequest = 4 << 10
)

// ErrFormat is the kind of all errors about the content of a line.
var ErrFormat = errors.New("bad Stratum message")

// Names of methods: those that a miner sends, and those that a server sends.
const (
	MethodConfigure           = "mining.configure"
	MethodSubscribe           = "mining.subscribe"
	MethodAuthorize           = "mining.authorize"
	MethodExtranonceSubscribe = "mining.extranonce.subscribe"
	MethodSuggestDifficulty   = "mining.suggest_difficulty"
	MethodSuggestTarget       = "mining.suggest_target"
	MethodSubmit              = "mining.submit"
	MethodPing                = "mining.ping" // either side

	MethodNotify         = "mining.notify"
	MethodSetDifficulty  = "mining.set_difficulty"
	MethodSetExtranonce  = "mining.set_extranonce"
	MethodSetVersionMask = "mining.set_version_mask"
	MethodReconnect      = "client.reconnect"
	MethodShowMessage    = "client.show_message"
	MethodGetVersion     = "client.get_version"
)

// ID links an answer to its request: the JSON text of a number or a string, unchanged
// so that the answer can return it. "" is null, or no id.
type ID string

// NumberID returns the ID of a number.
func NumberID(n uint64) ID { return ID(strconv.FormatUint(n, 10)) }

// Number returns the ID as a number, and false if it is none. A string of digits
// counts: some servers return numbers as strings.
func (id ID) Number() (n uint64, ok bool) {
	text := string(id)
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

// Message is one line. It is a request if it has a method and an ID, a
// notification if it has a method only, and otherwise an answer.
type Message struct {
	ID     ID
	Method string
	Params []json.RawMessage

	Result json.RawMessage // of an answer; nil: null
	Err    *Error          // of an answer; nil: none
}

// maxParams bounds the parameters of a message. mining.notify has the most, 9.
const maxParams = 32

// ParseMessage reads a line; its end is optional. It is liberal: it accepts missing
// and unknown members, and errors in many shapes. An error is of the kind
// [ErrFormat]. The caller must limit the length of the line.
func ParseMessage(line []byte) (Message, error) {
	var wire struct {
		ID     json.RawMessage `json:"id"`
		Method json.RawMessage `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
		Reason json.RawMessage `json:"reject-reason"` // ckpool, beside a false result
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return Message{}, fmt.Errorf("%w: want a JSON object, got %s", ErrFormat, clip(line))
	}
	if tooDeep(line) {
		return Message{}, fmt.Errorf("%w: arrays in arrays, more than %d deep", ErrFormat, maxDepth)
	}
	if err := json.Unmarshal(line, &wire); err != nil {
		return Message{}, fmt.Errorf("%w: %v: %s", ErrFormat, err, clip(line))
	}
	var m Message
	var err error
	if m.ID, err = parseID(wire.ID); err != nil {
		return Message{}, err
	}
	if !isNull(wire.Method) {
		if m.Method, err = parseString(wire.Method, "method", 64); err != nil {
			return Message{}, err
		}
	}
	if m.Method != "" {
		if !isEmptyObject(wire.Params) { // in which some send no parameters
			m.Params, err = parseArray(wire.Params, "params", maxParams)
		}
		return m, err
	}
	if !isNull(wire.Result) {
		m.Result = wire.Result
	}
	m.Err = parseError(wire.Error)
	if m.Err == nil && !isNull(wire.Reason) {
		m.Err = &Error{Code: CodeOther, Text: text.Clean(textOf(wire.Reason), maxErrorText)}
	}
	if m.Result == nil && m.Err == nil && m.ID == "" {
		return Message{}, fmt.Errorf("%w: neither a method nor an answer: %s", ErrFormat, clip(line))
	}
	return m, nil
}

// maxDepth bounds how deep arrays and objects may be nested. Real messages have 4.
const maxDepth = 16

// tooDeep reports whether arrays and objects are nested too deep, so that the decoder
// would take much more memory than the line has bytes. For text that is not JSON the
// result has no meaning.
func tooDeep(line []byte) bool {
	for _, depth := range outside(line) {
		if depth > maxDepth {
			return true
		}
	}
	return false
}

// parseID accepts null, numbers and strings. Other values would need a structural
// comparison, and nobody sends them.
func parseID(raw json.RawMessage) (ID, error) {
	if isNull(raw) {
		return "", nil
	}
	if c := raw[0]; len(raw) <= 128 && (c == '"' || c == '-' || '0' <= c && c <= '9') {
		return ID(raw), nil
	}
	return "", fmt.Errorf("%w: id: want a number, a short string or null, got %s", ErrFormat, clip(raw))
}

// Request returns a request, or a notification if the id is "". Params are
// strings, numbers, booleans, json.RawMessage, and slices and maps of them.
func Request(id ID, method string, params ...any) Message {
	m := Message{ID: id, Method: method, Params: make([]json.RawMessage, len(params))}
	for i, p := range params {
		m.Params[i] = marshal(p)
	}
	return m
}

// Answer returns the answer to the request with the id. The result is of the types of
// a parameter of [Request].
func Answer(id ID, result any) Message {
	return Message{ID: id, Result: marshal(result)}
}

// Reject returns the answer to the request with the id that has an error.
func Reject(id ID, code int, text string) Message {
	return Message{ID: id, Err: &Error{Code: code, Text: text}}
}

// Append appends the message to dst as one line, with its line feed.
func (m Message) Append(dst []byte) []byte {
	id := string(m.ID)
	if id == "" {
		id = "null"
	}
	dst = append(dst, `{"id":`...)
	dst = append(dst, id...)
	if m.Method != "" {
		dst = append(dst, `,"method":`...)
		dst = append(dst, marshal(m.Method)...)
		dst = append(dst, `,"params":[`...)
		for i, p := range m.Params {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCompact(dst, p)
		}
		return append(dst, "]}\n"...)
	}
	dst = append(dst, `,"result":`...)
	dst = appendCompact(dst, m.Result)
	dst = append(dst, `,"error":`...)
	if m.Err == nil {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, marshal([]any{m.Err.Code, m.Err.Text, nil})...)
	}
	return append(dst, "}\n"...)
}

// appendCompact appends a JSON value without white space, so that the line has no
// line feed in the middle.
func appendCompact(dst []byte, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	buf := bytes.NewBuffer(dst)
	if err := json.Compact(buf, raw); err != nil {
		panic("stratum: a message with a value that is not JSON: " + err.Error())
	}
	return buf.Bytes()
}

// marshal is json.Marshal for values that are known to have a JSON form.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("stratum: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
