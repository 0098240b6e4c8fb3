package main

import (
	"path"
	"strings"
)

// hiveOS returns the files of a custom miner for HiveOS: a folder with the name of the
// miner.
func (d *dist) hiveOS(b build) ([]file, error) {
	return d.rig("stele", "packaging/hiveos", rigVersion(d.number()), b)
}

// mmpOS returns the files of a custom miner for mmpOS.
func (d *dist) mmpOS(b build) ([]file, error) {
	return d.rig("stele", "packaging/mmpos", d.number(), b)
}

// rig returns a program and the scripts through which the system of a mining rig uses it.
// The version replaces @VERSION@ in what is not a script.
func (d *dist) rig(folder, scripts, version string, b build) ([]file, error) {
	t := &tree{root: d.root}
	for _, pattern := range []string{"/*.sh", "/*.conf"} {
		if err := t.addAll("", scripts+pattern); err != nil {
			return nil, err
		}
	}
	for i, f := range t.files {
		if path.Ext(f.name) == ".sh" {
			t.files[i].mode = 0o755
		} else {
			t.files[i].data = []byte(strings.ReplaceAll(string(f.data), "@VERSION@", version))
		}
	}
	if err := t.add("LICENSE", 0o644, "LICENSE"); err != nil {
		return nil, err
	}
	t.files = append(t.files, file{name: "stele", mode: 0o755, data: b.binary})
	return within(folder, t.files), nil
}

// rigVersion returns a version without a hyphen: HiveOS takes what precedes the last
// hyphen in the name of an archive for the name of the miner.
func rigVersion(number string) string { return strings.ReplaceAll(number, "-", "_") }

// rigArchives writes the archives for HiveOS and mmpOS, which run on amd64 only. HiveOS
// requires the name of the first, so it has a folder of its own.
func (d *dist) rigArchives() error {
	b, ok := d.best()["amd64"]
	if !ok {
		return nil
	}
	for _, a := range []struct {
		name  string
		files func(build) ([]file, error)
	}{
		{"hiveos/stele-" + rigVersion(d.number()) + ".tar.gz", d.hiveOS},
		{"stele-" + d.number() + "-mmpos.tar.gz", d.mmpOS},
	} {
		files, err := a.files(b)
		if err != nil {
			return err
		}
		if err := d.tarball(a.name, files); err != nil {
			return err
		}
	}
	return nil
}
