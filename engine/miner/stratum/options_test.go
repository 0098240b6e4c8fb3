package stratum_test

import (
	"strings"
	"testing"

	"stele/engine/miner/stratum"
)

func TestNew(t *testing.T) {
	for url, name := range map[string]string{
		"stratum+tcp://w:p@pool.example:3333":  "stratum+tcp://pool.example:3333",
		"stratum+ssl://w@[2001:db8::1]:443/":   "stratum+ssl://[2001:db8::1]:443",
		"stratum+tls://w:a%40b@127.0.0.1:3334": "stratum+ssl://127.0.0.1:3334",
	} {
		c, err := stratum.New(stratum.Options{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if c.Name() != name {
			t.Errorf("%s: name %s", url, c.Name())
		}
	}
	for _, o := range []stratum.Options{
		{}, {URL: "hunter2"}, {URL: "http://w:hunter2@pool.example:80"}, {URL: "stratum+tcp://w:hunter2@pool.example"},
		{URL: "stratum+tcp://w:hunter2@:3333"}, {URL: "stratum+tcp://w:hunter2@pool.example:0"}, {URL: "stratum+tcp://w:hunter2@pool.example:70000"},
		{URL: "stratum+tcp://w:hun/ter2@pool.example:3333"}, {URL: "stratum+tcp://w:%hunter2@pool.example:3333"},
		{URL: "stratum+tcp://w:hunter2@pool.example:3333/path"}, {URL: "stratum+tcp://w:hunter2@pool.example:3333?hunter2"}, {URL: "stratum+tcp://w:hunter2@pool.example:3333#hunter2"},
		{URL: "stratum+tcp://pool.example:3333"}, // whom to pay?
		{URL: "stratum+ssl://w:hunter2@pool.example:3333", Fingerprint: "00"},
		{URL: "stratum+tcp://w:hunter2@pool.example:3333", Fingerprint: strings.Repeat("00", 32)},
		{URL: "stratum+tcp://pool.example:3333", User: "w", Password: strings.Repeat("hunter2", 100)},
	} {
		_, err := stratum.New(o)
		if err == nil {
			t.Errorf("%+v: no error", o)
		} else if strings.Contains(err.Error(), "hun") {
			t.Errorf("%+v: the error has the password: %v", o, err)
		}
	}
}
