package node

import (
	"strings"
	"testing"

	"stele/node/ledger/record"
)

// A disagreement about a signature is in the log, with what was signed.
func TestDisagreementIsLogged(t *testing.T) {
	o := testOptions(t)
	o.Engine, o.Traffic = nil, 0
	n := start(t, o)
	n.verifier.OnDisagreement(&record.Disagreement{Key: record.Key{0xab}, Signature: record.Signature{0xcd}, Message: []byte{0xef}})
	n.stop()
	for _, want := range []string{"level=ERROR", `msg="signature kernel disabled"`, "err=", "key ab00", "signature cd00", "message ef"} {
		if !strings.Contains(n.log.String(), want) {
			t.Errorf("no %s in the log:\n%s", want, n.log.String())
		}
	}
}
