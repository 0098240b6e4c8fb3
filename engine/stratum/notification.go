package stratum

import (
	"encoding/json"
	"fmt"
	"time"

	"stele/engine/pow"
)

// ParseSetDifficulty reads the parameters of mining.set_difficulty: the difficulty
// of the shares of the jobs that follow. An error is of the kind [ErrFormat].
func ParseSetDifficulty(params []json.RawMessage) (pow.Difficulty, error) {
	if len(params) < 1 {
		return pow.Difficulty{}, fmt.Errorf("%s: %w: no parameters, want the difficulty", MethodSetDifficulty, ErrFormat)
	}
	d, err := ParseDifficulty(params[0])
	if err != nil {
		return pow.Difficulty{}, fmt.Errorf("%s: %w", MethodSetDifficulty, err)
	}
	return d, nil
}

// ParseSetExtranonce reads the parameters of mining.set_extranonce: the extranonce1
// of the jobs that follow, and the size of their extranonce2 in bytes. An error is
// of the kind [ErrFormat].
func ParseSetExtranonce(params []json.RawMessage) (extranonce1 []byte, size int, err error) {
	s, err := parseExtranonce(params)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", MethodSetExtranonce, err)
	}
	return s.Extranonce1, s.Extranonce2Size, nil
}

// ParseSetVersionMask reads the parameters of mining.set_version_mask: the bits of
// the version that the miner may roll, from now on (BIP 310). An error is of the
// kind [ErrFormat].
func ParseSetVersionMask(params []json.RawMessage) (uint32, error) {
	if len(params) < 1 {
		return 0, fmt.Errorf("%s: %w: no parameters, want the mask", MethodSetVersionMask, ErrFormat)
	}
	mask, err := parseWord(params[0], "mask")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", MethodSetVersionMask, err)
	}
	return mask, nil
}

// Reconnect is where client.reconnect sends a miner. It is only a request: on a
// connection without TLS it may come from anybody.
type Reconnect struct {
	Host string        // "": the same
	Port string        // "": the same; else a number from 1 to 65535
	Wait time.Duration // before the miner reconnects
}

// maxWait bounds Reconnect.Wait, in seconds.
const maxWait = 1 << 30

// ParseReconnect reads the parameters of client.reconnect, of which all may be
// missing. An error is of the kind [ErrFormat].
func ParseReconnect(params []json.RawMessage) (Reconnect, error) {
	param := func(i int) string {
		if i < len(params) && !isNull(params[i]) {
			return textOf(params[i])
		}
		return ""
	}
	r := Reconnect{Host: param(0)}
	if port := param(1); port != "" && port != "0" {
		if _, err := parseInt(params[1], "port", 1, 65535); err != nil {
			return Reconnect{}, fmt.Errorf("%s: %w", MethodReconnect, err)
		}
		r.Port = port
	}
	if param(2) != "" {
		seconds, err := parseInt(params[2], "wait", 0, maxWait)
		if err != nil {
			return Reconnect{}, fmt.Errorf("%s: %w", MethodReconnect, err)
		}
		r.Wait = time.Duration(seconds) * time.Second
	}
	return r, nil
}

// ParseShowMessage reads the parameters of client.show_message. It returns the
// text as the pool sent it, and false if there is none.
func ParseShowMessage(params []json.RawMessage) (text string, ok bool) {
	if len(params) == 0 {
		return "", false
	}
	return textOf(params[0]), true
}
