package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

const (
	maintainer = "The Stele authors <stele@localhost>" // dpkg asks for an address
	summary    = "SHA-256d miner and validator, and a ledger node for after-sales records"
)

// installed returns the files of a package of the system, from the root of the file
// system on.
func (d *dist) installed(b build, format string) ([]file, error) {
	const doc = "usr/share/doc/stele"
	t := &tree{root: d.root}
	if err := t.addDocs(doc); err != nil {
		return nil, err
	}
	for _, f := range []struct{ name, source string }{
		{doc + "/copyright", "LICENSE"},
		{"usr/lib/sysusers.d/stele.conf", "packaging/systemd/stele.sysusers.conf"},
	} {
		if err := t.add(f.name, 0o644, f.source); err != nil {
			return nil, err
		}
	}
	if err := t.addAll("usr/lib/systemd/system", "packaging/systemd/*.service"); err != nil {
		return nil, err
	}
	for _, p := range d.pages {
		t.files = append(t.files, file{name: "usr/share/man/man1/" + p.name + ".gz", mode: 0o644, data: compress(p.data)})
	}
	folders := map[string]string{
		"stele.bash": "usr/share/bash-completion/completions/stele",
		"stele.fish": "usr/share/fish/vendor_completions.d/stele.fish",
		"_stele":     map[string]string{"deb": "usr/share/zsh/vendor-completions/_stele", "rpm": "usr/share/zsh/site-functions/_stele"}[format],
	}
	for _, c := range d.completions {
		t.files = append(t.files, file{name: folders[c.name], mode: 0o644, data: c.data})
	}
	t.files = append(t.files, file{name: "usr/bin/stele", mode: 0o755, data: b.binary}, dir("etc/stele", 0o750, 0))
	return t.files, nil
}

// systemPackage writes a .deb or .rpm of a build, and returns its name.
func (d *dist) systemPackage(b build, format string) (string, error) {
	list, err := d.installed(b, format)
	if err != nil {
		return "", err
	}
	stage, err := os.MkdirTemp("", "stele-dist")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(stage)
	contents, err := d.contents(stage, list)
	if err != nil {
		return "", err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	info := nfpm.WithDefaults(d.info(b, format, contents))
	name := packager.ConventionalFileName(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var out bytes.Buffer
	if err := packager.Package(info, &out); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return name, writeFile(filepath.Join(d.out, name), out.Bytes(), d.time)
}

// contents writes files into a folder, from where the packager reads them, and returns
// what it needs to know of them.
func (d *dist) contents(stage string, list []file) (files.Contents, error) {
	var contents files.Contents
	for _, f := range list {
		c := &files.Content{
			Destination: "/" + f.name,
			FileInfo:    &files.ContentFileInfo{Owner: "root", Group: "root", Mode: f.mode.Perm(), MTime: d.time},
		}
		contents = append(contents, c)
		if f.mode&fs.ModeDir != 0 {
			c.Type = files.TypeDir
			continue
		}
		c.Source = filepath.Join(stage, filepath.FromSlash(f.name))
		if err := os.MkdirAll(path.Dir(c.Source), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(c.Source, f.data, f.mode); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// info returns what the packager needs to know, but for the defaults.
func (d *dist) info(b build, format string, contents files.Contents) *nfpm.Info {
	script := func(name string) string { return filepath.Join(d.root, "packaging/deb", name) }
	info := &nfpm.Info{
		Name: "stele", Arch: b.arch, Platform: "linux", Version: d.packageVersion, VersionSchema: "none", Release: "1",
		Section: "net", Priority: "optional", Maintainer: maintainer, License: "MIT",
		Description: summary + "\n" +
			"Stele searches nonces for Bitcoin's proof of work on CPUs and NVIDIA GPUs, mines to\n" +
			"pools and nodes, validates headers and blocks, and runs a node of a ledger network.",
		MTime: d.time, DisableGlobbing: true,
	}
	info.Contents = contents
	info.Scripts = nfpm.Scripts{
		PostInstall: script("postinstall.sh"), PreRemove: script("preremove.sh"), PostRemove: script("postremove.sh"),
	}
	info.RPM.BuildHost, info.RPM.Summary = "localhost", summary
	if format == "rpm" {
		info.Recommends = []string{"ca-certificates"}
		if b.cuda {
			info.Depends = []string{fmt.Sprintf("libc.so.6(GLIBC_%d.%d)(64bit)", oldestMajor, oldestMinor)}
		}
		return info
	}
	info.Release = ""                                                  // of a package by its makers themselves
	info.Recommends = []string{"ca-certificates", "systemd", "procps"} // the units use kill
	if b.cuda {
		info.Depends = []string{fmt.Sprintf("libc6 (>= %d.%d)", oldestMajor, oldestMinor)}
	}
	return info
}
