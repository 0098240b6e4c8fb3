package node

import (
	"testing"

	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/mine"
)

func TestMain(m *testing.M) { steletest.Main(m, Command(), mine.Command()) }
