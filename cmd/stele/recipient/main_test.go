package recipient

import (
	"testing"

	"stele/cmd/stele/casefile"
	"stele/cmd/stele/inbox"
	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/key"
	"stele/cmd/stele/node"
	"stele/cmd/stele/record"
)

func TestMain(m *testing.M) {
	steletest.Main(m, Command(), record.Command(), key.Command(), node.Command(), casefile.Command(), inbox.Command())
}
