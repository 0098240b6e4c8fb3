package stratum_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stele/engine/stratum"
)

func TestParseReconnect(t *testing.T) {
	for params, want := range map[string]stratum.Reconnect{
		``:                         {},
		`null,null,null`:           {},
		`"",0,0`:                   {},
		`"pool.example"`:           {Host: "pool.example"},
		`"pool.example","3333"`:    {Host: "pool.example", Port: "3333"},
		`"pool.example",3333,"60"`: {Host: "pool.example", Port: "3333", Wait: time.Minute},
		`"",65535,1073741824`:      {Port: "65535", Wait: 1 << 30 * time.Second},
	} {
		var values []string
		if params != "" {
			values = strings.Split(params, ",")
		}
		if got, err := stratum.ParseReconnect(raw(values...)); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", params, got, err, want)
		}
	}
	for _, params := range []string{`"",65536`, `"",-1`, `"","x"`, `"",1,-1`, `"",1,"x"`, `"",1,1073741825`} {
		if got, err := stratum.ParseReconnect(raw(strings.Split(params, ",")...)); !errors.Is(err, stratum.ErrFormat) {
			t.Errorf("%s: %+v, %v", params, got, err)
		}
	}
}

// The settings of a server need parameters, and errors name the method.
func TestParseSettings(t *testing.T) {
	if mask, err := stratum.ParseSetVersionMask(raw(`"1fffe000"`)); err != nil || mask != 0x1fffe000 {
		t.Errorf("%08x, %v", mask, err)
	}
	if d, err := stratum.ParseSetDifficulty(raw(`"0.5"`, `1`)); err != nil || d.String() != "0.5" {
		t.Errorf("%v, %v", d, err)
	}
	for _, params := range [][]string{nil, {`null`}, {`{}`}, {`"x"`}} {
		if _, err := stratum.ParseSetVersionMask(raw(params...)); !errors.Is(err, stratum.ErrFormat) || !strings.Contains(err.Error(), "mining.set_version_mask") {
			t.Errorf("mask %q: %v", params, err)
		}
		if _, err := stratum.ParseSetDifficulty(raw(params...)); !errors.Is(err, stratum.ErrFormat) || !strings.Contains(err.Error(), "mining.set_difficulty") {
			t.Errorf("difficulty %q: %v", params, err)
		}
	}
	if words, ok := stratum.ParseShowMessage(raw(`"hello"`)); !ok || words != "hello" {
		t.Errorf("%q, %t", words, ok)
	}
	if _, ok := stratum.ParseShowMessage(nil); ok {
		t.Error("a message without parameters")
	}
}
