// Command stele searches nonces and checks block headers with everything that
// the machine has. See docs/cli.md for its commands.
//
// Exit codes: 0 good, 1 something checked is wrong, 2 it could not be done.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"stele/engine/host"
)

func main() {
	host.FitProcessors(host.ReadLimits()) // before anything counts threads
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	os.Exit(run(ctx, newApp(os.Stdin, os.Stdout, os.Stderr), os.Args))
}
