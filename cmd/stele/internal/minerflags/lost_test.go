package minerflags

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/engine"
)

// A miner whose devices are lost to the process has an exit code of its own, and
// prints the error.
func TestMineExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("%w: cuda:0: gone", engine.ErrLost), 10},
		{engine.ErrNoDevice, 2},
		{errors.New("something else"), 2},
	} {
		var stderr bytes.Buffer
		app := cmdline.NewApp("", strings.NewReader(""), &bytes.Buffer{}, &stderr)
		app.Commands = []*cli.Command{{Name: "mine", Action: func(c *cli.Context) error { return LostDevices(c, tt.err) }}}
		code := cmdline.Run(context.Background(), app, []string{"stele", "mine"})
		if line := fmt.Sprintf("stele: %v\n", tt.err); code != tt.want || stderr.String() != line {
			t.Errorf("%v: code %d, want %d; %q", tt.err, code, tt.want, stderr.String())
		}
	}
}
