package record

import (
	"testing"

	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/node"
	"stele/cmd/stele/verify"
)

func TestMain(m *testing.M) { steletest.Main(m, Command(), verify.Command(), node.Command()) }
