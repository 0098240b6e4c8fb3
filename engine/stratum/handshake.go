package stratum

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"stele/engine/pow"
)

// Names of extensions (BIP 310).
const (
	extVersionRolling    = "version-rolling"
	extMinimumDifficulty = "minimum-difficulty"
	extExtranonce        = "subscribe-extranonce"
)

// Configure is a mining.configure: the extensions that a miner requests (BIP 310).
type Configure struct {
	VersionRolling      bool
	VersionMask         uint32          // bits that the miner can roll
	MinBits             int             // the fewest that it accepts
	MinimumDifficulty   *pow.Difficulty // of shares; nil: not requested
	SubscribeExtranonce bool
}

// ParseConfigure reads the parameters of mining.configure. It ignores unknown
// extensions. An error is of the kind [ErrFormat].
func ParseConfigure(params []json.RawMessage) (Configure, error) {
	c, err := parseConfigure(params)
	if err != nil {
		return Configure{}, fmt.Errorf("%s: %w", MethodConfigure, err)
	}
	return c, nil
}

func parseConfigure(params []json.RawMessage) (c Configure, err error) {
	if len(params) < 1 {
		return c, fmt.Errorf("%w: no parameters, want extensions and their parameters", ErrFormat)
	}
	names, err := parseArray(params[0], "extensions", maxParams)
	if err != nil {
		return c, err
	}
	var with map[string]json.RawMessage
	if len(params) > 1 && !isNull(params[1]) {
		if json.Unmarshal(params[1], &with) != nil {
			return c, badField("extension parameters", "an object", params[1])
		}
	}
	for _, raw := range names {
		switch textOf(raw) {
		case extVersionRolling:
			c.VersionRolling = true
			c.VersionMask = ^uint32(0) // BIP 310: all, if there is no mask
			if v, ok := with["version-rolling.mask"]; ok {
				if c.VersionMask, err = parseWord(v, "version-rolling.mask"); err != nil {
					return c, err
				}
			}
			if v, ok := with["version-rolling.min-bit-count"]; ok {
				if c.MinBits, err = parseInt(v, "version-rolling.min-bit-count", 0, 32); err != nil {
					return c, err
				}
			}
		case extMinimumDifficulty:
			v, ok := with["minimum-difficulty.value"]
			if !ok {
				break
			}
			d, err := ParseDifficulty(v)
			if err != nil {
				return c, fmt.Errorf("minimum-difficulty.value: %w", err)
			}
			c.MinimumDifficulty = &d
		case extExtranonce:
			c.SubscribeExtranonce = true
		}
	}
	return c, nil
}

// Message returns the request.
func (c *Configure) Message(id ID) Message {
	names, with := []string{}, map[string]any{}
	if c.VersionRolling {
		names = append(names, extVersionRolling)
		with["version-rolling.mask"] = formatWord(c.VersionMask)
		with["version-rolling.min-bit-count"] = c.MinBits
	}
	if c.MinimumDifficulty != nil {
		names = append(names, extMinimumDifficulty)
		with["minimum-difficulty.value"] = FormatDifficulty(*c.MinimumDifficulty)
	}
	if c.SubscribeExtranonce {
		names = append(names, extExtranonce)
	}
	return Request(id, MethodConfigure, names, with)
}

// Configured is the answer to mining.configure: the extensions that the pool accepts.
type Configured struct {
	VersionRolling      bool
	VersionMask         uint32 // bits that the miner may roll
	MinimumDifficulty   bool
	SubscribeExtranonce bool
}

// ParseConfigured reads the result of mining.configure. An extension that is missing,
// or whose value is anything but true, is not accepted. An error is of the kind
// [ErrFormat].
func ParseConfigured(result json.RawMessage) (Configured, error) {
	var c Configured
	var values map[string]json.RawMessage
	if isNull(result) || json.Unmarshal(result, &values) != nil {
		return c, fmt.Errorf("%s: %w", MethodConfigure, badField("result", "an object", result))
	}
	c.MinimumDifficulty = string(values[extMinimumDifficulty]) == "true"
	c.SubscribeExtranonce = string(values[extExtranonce]) == "true"
	if string(values[extVersionRolling]) != "true" {
		return c, nil
	}
	var err error
	if c.VersionMask, err = parseWord(values["version-rolling.mask"], "version-rolling.mask"); err != nil {
		return Configured{}, fmt.Errorf("%s: %w", MethodConfigure, err)
	}
	c.VersionRolling = true
	return c, nil
}

// Answer returns the answer to the request c.
func (d *Configured) Answer(id ID, c *Configure) Message {
	result := map[string]any{}
	if c.VersionRolling {
		result[extVersionRolling] = d.VersionRolling
		if d.VersionRolling {
			result["version-rolling.mask"] = formatWord(d.VersionMask)
		}
	}
	if c.MinimumDifficulty != nil {
		result[extMinimumDifficulty] = d.MinimumDifficulty
	}
	if c.SubscribeExtranonce {
		result[extExtranonce] = d.SubscribeExtranonce
	}
	return Answer(id, result)
}

// Subscription is the answer to mining.subscribe.
type Subscription struct {
	Session         string // which a later mining.subscribe resumes; "": none
	Extranonce1     []byte
	Extranonce2Size int // in bytes
}

// ParseSubscription reads the result of mining.subscribe: a list of
// subscriptions, the extranonce1 and the size of the extranonce2. The first has
// many shapes: one pair, a list of pairs, null, false. The session is the id of
// the subscription to mining.notify, as in cgminer. An error is of the kind
// [ErrFormat].
func ParseSubscription(result json.RawMessage) (Subscription, error) {
	s, err := parseSubscription(result)
	if err != nil {
		return Subscription{}, fmt.Errorf("%s: %w", MethodSubscribe, err)
	}
	return s, nil
}

func parseSubscription(result json.RawMessage) (Subscription, error) {
	parts, err := parseArray(result, "result", maxParams)
	if err != nil {
		return Subscription{}, err
	}
	if len(parts) < 3 {
		return Subscription{}, badField("result", "subscriptions, extranonce1 and the size of extranonce2", result)
	}
	s, err := parseExtranonce(parts[1:])
	s.Session = sessionOf(parts[0])
	return s, err
}

// sessionOf returns the id of the pair ["mining.notify", id], which is the value or in
// it; "": there is none.
func sessionOf(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '[' {
		return ""
	}
	list, err := parseArray(raw, "subscriptions", maxParams)
	if err != nil {
		return ""
	}
	if len(list) == 2 && textOf(list[0]) == MethodNotify {
		if id, err := parseString(list[1], "session", MaxWorker); err == nil {
			return id
		}
		return ""
	}
	for _, sub := range list {
		if len(sub) > 0 && sub[0] == '[' {
			pair, err := parseArray(sub, "subscription", maxParams)
			if err == nil && len(pair) == 2 && textOf(pair[0]) == MethodNotify {
				return sessionOf(sub)
			}
		}
	}
	return ""
}

func parseExtranonce(params []json.RawMessage) (s Subscription, err error) {
	if len(params) < 2 {
		return s, fmt.Errorf("%w: %d parameters, want extranonce1 and the size of extranonce2", ErrFormat, len(params))
	}
	if s.Extranonce1, err = parseHex(params[0], "extranonce1", 0, maxExtranonce1); err != nil {
		return s, err
	}
	s.Extranonce2Size, err = parseInt(params[1], "extranonce2_size", 0, maxExtranonce2)
	return s, err
}

// Answer returns the answer to mining.subscribe.
func (s *Subscription) Answer(id ID) Message {
	return Answer(id, []any{
		[][]string{{MethodSetDifficulty, s.Session}, {MethodNotify, s.Session}},
		hex.EncodeToString(s.Extranonce1), s.Extranonce2Size,
	})
}
