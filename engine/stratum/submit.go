package stratum

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Submit is a share: what mining.submit tells.
type Submit struct {
	Worker, JobID string
	Extranonce2   []byte
	Time, Nonce   uint32

	// Rolled says that there is a sixth parameter: VersionBits, the bits of the
	// header's version inside the mask (BIP 310). With version rolling it must be
	// there, without it must not.
	Rolled      bool
	VersionBits uint32
}

const (
	MaxWorker      = 256
	maxExtranonce1 = 32
	// maxExtranonce2 is as in cgminer.
	maxExtranonce2 = 16
)

// ParseSubmit reads the parameters of mining.submit.
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
