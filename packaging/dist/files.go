package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a file or, where data is nil and mode says so, a folder of a package.
type file struct {
	name string // with slashes, relative to where the package is unpacked
	mode fs.FileMode
	data []byte
	// uid owns the file, and a group with the same number. 0 is root.
	uid int
}

// dir returns a folder.
func dir(name string, mode fs.FileMode, uid int) file {
	return file{name: name, mode: fs.ModeDir | mode, uid: uid}
}

// tree is a list of files that functions below add to.
type tree struct {
	root  string // the repository
	files []file
}

// add adds a file of the repository under a new name.
func (t *tree) add(name string, mode fs.FileMode, source string) error {
	data, err := os.ReadFile(filepath.Join(t.root, source))
	if err != nil {
		return err
	}
	t.files = append(t.files, file{name: name, mode: mode, data: data})
	return nil
}

// addAll adds the files of the repository that match a pattern into a folder. Some must.
func (t *tree) addAll(folder, pattern string) error {
	sources, err := filepath.Glob(filepath.Join(t.root, pattern))
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("no file is %s", filepath.Join(t.root, pattern))
	}
	for _, source := range sources {
		data, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		t.files = append(t.files, file{name: path.Join(folder, filepath.Base(source)), mode: 0o644, data: data})
	}
	return nil
}

// addDocs adds licence, documentation and examples.
func (t *tree) addDocs(folder string) error {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		if err := t.add(path.Join(folder, name), 0o644, name); err != nil {
			return err
		}
	}
	for to, pattern := range map[string]string{
		"docs": "docs/*.md", "docs/decisions": "docs/decisions/*.md", "docs/examples": "docs/examples/*.toml",
	} {
		if err := t.addAll(path.Join(folder, to), pattern); err != nil {
			return err
		}
	}
	if err := t.add(path.Join(folder, "docs/mine-status.schema.json"), 0o644, "docs/mine-status.schema.json"); err != nil {
		return err
	}
	return t.addMonitoring(path.Join(folder, "monitoring"))
}

// addMonitoring adds what Prometheus and Grafana read, where the repository has it.
func (t *tree) addMonitoring(folder string) error {
	base := filepath.Join(t.root, "packaging/monitoring")
	return filepath.WalkDir(base, func(name string, d fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err) && name == base:
			return fs.SkipAll
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || !slices.Contains([]string{".json", ".yml", ".yaml", ".rules", ".md"}, path.Ext(name)):
			return nil
		}
		to, err := filepath.Rel(base, name)
		if err != nil {
			return err
		}
		source, err := filepath.Rel(t.root, name)
		if err != nil {
			return err
		}
		return t.add(path.Join(folder, filepath.ToSlash(to)), 0o644, source)
	})
}

// sorted returns the files in the order of their names, after the folders that they are
// in, each once.
func sorted(files []file) []file {
	known := map[string]bool{".": true, "/": true, "": true}
	var all []file
	for _, f := range files {
		f.name = strings.TrimPrefix(path.Clean(f.name), "/")
		known[f.name] = true
		all = append(all, f)
	}
	for _, f := range slices.Clone(all) {
		for d := path.Dir(f.name); !known[d]; d = path.Dir(d) {
			known[d] = true
			all = append(all, dir(d, 0o755, 0))
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return all
}

// compress returns data compressed with gzip, the same for the same data.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is valid, and a buffer takes everything
	}
	return b.Bytes()
}

// writeFile writes a file of the output. Its time is that of the source, so that copies
// that keep times are the same too.
func writeFile(name string, data []byte, mtime time.Time) error {
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return err
	}
	return os.Chtimes(name, mtime, mtime)
}
