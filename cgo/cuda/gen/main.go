// Command gen writes the files that allow gorgonia.org/cu to be built without a
// CUDA toolkit and started without a driver:
//
//	include/cuda.h   a small cuda.h: only the names that the package uses
//	lib/libcuda.a    an empty archive, for its -lcuda
//	forward.c        every driver function that is used, as a call through a slot
//
// It reads the names from the source of gorgonia.org/cu, as pinned in go.mod, and
// from that of the package in the folder above. Their declarations are in
// api.txt; a name that is missing there is an error. The output depends on nothing
// else. Run it in cgo/cuda:
//
//	go run ./gen
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const library = "gorgonia.org/cu"

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	if err := run(".", "."); err != nil {
		log.Fatal(err)
	}
}

// run reads the package in folder dir and writes its generated files to out.
func run(dir, out string) error {
	cmd := exec.Command("go", "mod", "download", "-json", library)
	cmd.Dir = dir
	answer, err := cmd.Output()
	var module struct{ Dir, Version, Error string }
	if jsonErr := json.Unmarshal(answer, &module); jsonErr != nil || module.Error != "" {
		return fmt.Errorf("go mod download %s: %s", library, cmp.Or(module.Error, fmt.Sprint(err)))
	}

	text, err := os.ReadFile(filepath.Join(dir, "gen", "api.txt"))
	if err != nil {
		return err
	}
	api, err := parseAPI(string(text))
	if err != nil {
		return err
	}
	used, err := usedNames(module.Dir)
	if err != nil {
		return err
	}
	own, err := usedNames(dir)
	if err != nil {
		return err
	}
	maps.Copy(used, own)
	selected, err := api.choose(used)
	if err != nil {
		return err
	}

	origin := library + " " + module.Version
	for name, content := range map[string]string{
		"include/cuda.h": selected.header(origin),
		"forward.c":      selected.forward(origin),
		"lib/libcuda.a":  "!<arch>\n",
	} {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the part of the API that the names need: their declarations and
// the types that these mention.
func (a *api) choose(names map[string]string) (*api, error) {
	need := map[string]bool{}
	for name, where := range names {
		if !a.knows(name) {
			return nil, fmt.Errorf("%s: %s is not in api.txt", where, name)
		}
		need[name] = true
	}
	for grown := true; grown; { // until no declaration brings a new type
		grown = false
		for _, d := range a.decls {
			if !d.wanted(need) {
				continue
			}
			for _, t := range identifiers(d.text()) {
				if a.knows(t) && !need[t] {
					need[t], grown = true, true
				}
			}
		}
	}

	var chosen api
	for _, d := range a.decls {
		if d.kind == "enum" { // of the constants, only those used
			d.lines = slices.DeleteFunc(slices.Clone(d.lines), func(l string) bool {
				name, _, _ := strings.Cut(l, " ")
				return !need[name]
			})
			if len(d.lines) == 0 && !need[d.name] {
				continue
			}
		} else if !d.wanted(need) {
			continue
		}
		chosen.decls = append(chosen.decls, d)
	}
	return &chosen, nil
}
