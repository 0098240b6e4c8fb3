package mine

import (
	"testing"

	"stele/cmd/stele/devices"
	"stele/cmd/stele/internal/steletest"
)

func TestMain(m *testing.M) { steletest.Main(m, Command(), devices.Command()) }
