// Command write writes the manual pages and the shell completions of stele into a
// folder, for the packages:
//
//	go run ./cmd/stele/internal/manual/write -out FOLDER [-version VERSION] [-epoch SECONDS]
//
// The folder gets man/stele.1 and a page of each command, and completions/stele.bash,
// _stele (for zsh) and stele.fish.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/commands"
	"stele/cmd/stele/internal/manual"
)

func main() {
	out := flag.String("out", "", "the `folder` to write to")
	version := flag.String("version", "", "the version of the program")
	epoch := flag.Int64("epoch", 0, "the time of the version, in `seconds` since 1970")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, manual.About{Version: *version, Date: time.Unix(*epoch, 0)}); err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(2)
	}
}

func write(out string, about manual.About) error {
	program := manual.Read(cmdline.NewApp(about.Version, nil, nil, nil, commands.All()...))
	files := map[string]string{
		"completions/stele.bash": manual.Bash(program),
		"completions/_stele":     manual.Zsh(program),
		"completions/stele.fish": manual.Fish(program),
	}
	for _, p := range manual.Pages(program, about) {
		files["man/"+p.File] = p.Text
	}
	for name, text := range files {
		name = filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
