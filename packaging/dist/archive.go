package main

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"time"
)

// tarOf returns an archive of files and the folders that they are in. It is the same for
// the same files: names are sorted, owners are numbers, and all times are mtime.
func tarOf(files []file, mtime time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range sorted(files) {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.data)),
			Uid: f.uid, Gid: f.uid, ModTime: mtime, Format: tar.FormatUSTAR,
		}
		if f.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		if f.mode.IsDir() {
			h.Typeflag, h.Name = tar.TypeDir, f.name+"/"
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// archive returns the files of a .tar.gz that people unpack by hand, in a folder of
// their own.
func (d *dist) archive(b build) ([]file, error) {
	t := &tree{root: d.root}
	if err := t.addDocs(""); err != nil {
		return nil, err
	}
	for folder, pattern := range map[string]string{"systemd": "packaging/systemd/*.service", "sysusers.d": "packaging/systemd/*.conf"} {
		if err := t.addAll(folder, pattern); err != nil {
			return nil, err
		}
	}
	t.files = append(t.files, d.manual("man", "completions")...)
	t.files = append(t.files, file{name: "stele", mode: 0o755, data: b.binary})
	return t.files, nil
}

// manual returns the manual pages and the completions, in these folders.
func (d *dist) manual(man, completions string) []file {
	var files []file
	for _, f := range d.pages {
		files = append(files, file{name: man + "/" + f.name, mode: 0o644, data: f.data})
	}
	for _, f := range d.completions {
		files = append(files, file{name: completions + "/" + f.name, mode: 0o644, data: f.data})
	}
	return files
}

// within returns the files in a folder.
func within(folder string, files []file) []file {
	var all []file
	for _, f := range files {
		f.name = folder + "/" + f.name
		all = append(all, f)
	}
	return all
}
