package stratum

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Submit is a share, as in mining.submit.
type Submit struct {
	Worker, JobID string
	Extranonce2   []byte
	Time, Nonce   uint32

	// Rolled says that there is a sixth parameter: VersionBits, the bits of the
	// header's version inside the mask (BIP 310). It is present with version rolling,
	// and only then.
	Rolled      bool
	VersionBits uint32
}

// MaxWorker limits the name of a worker, in bytes.
const MaxWorker = 256

const (
	maxExtranonce1 = 32
	// maxExtranonce2 is as in cgminer.
	maxExtranonce2 = 16
)

// ParseSubmit reads the parameters of mining.submit. An error is of the kind
// [ErrFormat].
func ParseSubmit(params []json.RawMessage) (Submit, error) {
	s, err := parseSubmit(params)
	if err != nil {
		return Submit{}, fmt.Errorf("%s: %w", MethodSubmit, err)
	}
	return s, nil
}

func parseSubmit(params []json.RawMessage) (s Submit, err error) {
	if len(params) < 5 {
		return s, fmt.Errorf("%w: %d parameters, want 5 or 6", ErrFormat, len(params))
	}
	if s.Worker, err = parseString(params[0], "worker", MaxWorker); err != nil {
		return s, err
	}
	if s.JobID, err = parseName(params[1], "job_id", maxJobID); err != nil {
		return s, err
	}
	if s.Extranonce2, err = parseHex(params[2], "extranonce2", 0, maxExtranonce2); err != nil {
		return s, err
	}
	if s.Time, err = parseWord(params[3], "ntime"); err != nil {
		return s, err
	}
	if s.Nonce, err = parseWord(params[4], "nonce"); err != nil {
		return s, err
	}
	if len(params) > 5 && !isNull(params[5]) {
		s.Rolled = true
		s.VersionBits, err = parseWord(params[5], "version_bits")
	}
	return s, err
}

// Message returns the request.
func (s *Submit) Message(id ID) Message {
	params := []any{s.Worker, s.JobID, hex.EncodeToString(s.Extranonce2), formatWord(s.Time), formatWord(s.Nonce)}
	if s.Rolled {
		params = append(params, formatWord(s.VersionBits))
	}
	return Request(id, MethodSubmit, params...)
}
