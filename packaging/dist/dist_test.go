package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var commit = time.Unix(1796129121, 0).UTC() // 2026-12-01 12:45:21

func TestPackageVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                 "1.2.3",
		"1.2.3":                  "1.2.3",
		"v1.2.3-rc1":             "1.2.3~rc1",
		"v1.2.3-4-gc0ffee":       "1.2.3+4.gc0ffee",
		"v1.2.3-rc.1-4-gc0ffee":  "1.2.3~rc.1+4.gc0ffee",
		"v1.2.3-4-gc0ffee-dirty": "1.2.3+4.gc0ffee+dirty",
		"e595bfa":                "0~20261201T124521.e595bfa",
		"1234567-dirty":          "0~20261201T124521.1234567+dirty",
	} {
		if got, err := packageVersion(version, commit); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", version, got, err, want)
		}
	}
	for _, version := range []string{"", "v", "v1", "1.2.3/..", "v1.2.3 ", "-dirty", "c0ffee", "v1.2.3\n"} {
		if got, err := packageVersion(version, commit); err == nil {
			t.Errorf("%q: got %q", version, got)
		}
	}
}

// dpkg orders versions as they were made.
func TestPackageVersionOrder(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is missing: the order of versions is not checked")
	}
	before := ""
	for _, version := range []string{"e595bfa", "v0.9.0", "v1.0.0-rc1", "v1.0.0-rc1-2-gc0ffee", "v1.0.0-rc2", "v1.0.0", "v1.0.0-9-gc0ffee", "v1.0.0-10-gc0ffee", "v1.0.1"} {
		got, err := packageVersion(version, commit)
		if err != nil {
			t.Fatal(err)
		}
		if before != "" && exec.Command("dpkg", "--compare-versions", before, "lt", got).Run() != nil {
			t.Errorf("%s is not before %s", before, got)
		}
		before = got
	}
}

func TestNewer(t *testing.T) {
	for version, want := range map[string]bool{
		"": false, "GLIBC_2.2.5": false, "GLIBC_2.28": false, "GLIBC_2.29": true, "GLIBC_2.34": true,
		"GLIBC_3.0": true, "GLIBC_PRIVATE": true, "GLIBC_ABI_DT_RELR": true, "GCC_3.0": true,
	} {
		if newer(version) != want {
			t.Errorf("%q: want %t", version, want)
		}
	}
}

// An archive does not depend on the order of files, and has each folder once, before
// what is in it.
func TestTar(t *testing.T) {
	files := []file{{name: "b/c/d", mode: 0o644, data: []byte("x")}, {name: "a", mode: 0o755}, dir("b", 0o700, 7), {name: "b/c/a", mode: 0o600}}
	data, err := tarOf(files, commit)
	if err != nil {
		t.Fatal(err)
	}
	files[0], files[3] = files[3], files[0]
	if again, err := tarOf(files, commit); err != nil || !bytes.Equal(again, data) {
		t.Errorf("the order of files changes the archive (%v)", err)
	}
	var got []string
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(commit) || h.Uname != "" || (h.Uid != 0) != (h.Name == "b/") {
			t.Errorf("%s: %+v", h.Name, h)
		}
		got = append(got, h.Name)
	}
	if want := "a b/ b/c/ b/c/a b/c/d"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

// release makes a release of a program that is none, which the checks of programs would
// reject, from the files of the repository.
func release(t *testing.T) (dir string) {
	t.Helper()
	d := &dist{version: "v1.2.3", packageVersion: "1.2.3", time: commit, root: "../..", out: t.TempDir()}
	d.builds = []build{{arch: "amd64", binary: []byte("one")}, {arch: "arm64", binary: []byte("two")}, {arch: "amd64", cuda: true, binary: []byte("three")}}
	d.pages = []file{{name: "stele.1", data: []byte(".TH STELE 1\n")}}
	d.completions = []file{{name: "stele.bash"}, {name: "stele.fish"}, {name: "_stele"}}
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	return d.out
}

// Two releases from the same input are the same, byte for byte, and have all that
// SHA256SUMS lists.
func TestReleaseIsReproducible(t *testing.T) {
	a, b := release(t), release(t)
	var names []string
	err := fs.WalkDir(os.DirFS(a), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			return err
		}
		y, err := os.ReadFile(filepath.Join(b, name))
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs", name)
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "SHA256SUMS hiveos/stele-1.2.3.tar.gz stele-1.2.3-1.aarch64.rpm stele-1.2.3-1.x86_64.rpm stele-1.2.3-linux-amd64-cuda.tar.gz stele-1.2.3-linux-amd64.tar.gz " +
		"stele-1.2.3-linux-arm64.tar.gz stele-1.2.3-mmpos.tar.gz stele-1.2.3-oci.tar stele_1.2.3_amd64.deb stele_1.2.3_arm64.deb"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	sums, err := os.ReadFile(filepath.Join(a, sumsName))
	if err != nil || strings.Count(string(sums), "\n") != len(names)-1 {
		t.Errorf("%s of %d files (%v):\n%s", sumsName, len(names)-1, err, sums)
	}
}

// Every part of an image layout has the hash and the size that refer to it.
func TestImageLayout(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(release(t), "stele-1.2.3-oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			files[h.Name], err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	used := map[string]bool{}
	var check func(data []byte)
	check = func(data []byte) {
		var part struct {
			Manifests, Layers []descriptor
			Config            json.RawMessage
		}
		if err := json.Unmarshal(data, &part); err != nil {
			t.Fatal(err)
		}
		refs := append(part.Manifests, part.Layers...)
		var config descriptor
		if json.Unmarshal(part.Config, &config) == nil && config.Digest != "" {
			refs = append(refs, config)
		}
		for _, ref := range refs {
			blob := files["blobs/sha256/"+strings.TrimPrefix(ref.Digest, "sha256:")]
			if sum := sha256.Sum256(blob); "sha256:"+hex.EncodeToString(sum[:]) != ref.Digest || len(blob) != ref.Size {
				t.Errorf("%+v: %d bytes of hash %x", ref, len(blob), sum)
			}
			used[ref.Digest] = true
			if ref.MediaType == typeIndex || ref.MediaType == typeManifest {
				check(blob)
			}
		}
	}
	check(files["index.json"])
	if len(used) != 8 { // an index; of two platforms manifest, configuration and layer; a layer for both
		t.Errorf("%d parts: %v", len(used), used)
	}
	if n := strings.Count(string(certificates()), "BEGIN CERTIFICATE"); n < 50 {
		t.Errorf("%d root certificates", n)
	}
}

// A program that a release must not have is rejected, with the reason.
func TestReadBuild(t *testing.T) {
	bin := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, name, "stele"), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	// The test itself is a program for this machine, and not for the other one.
	other := map[bool]string{true: "linux-arm64", false: "linux-amd64"}[runtime.GOARCH == "amd64"]
	put("linux-amd64", bytes.Repeat([]byte("no program"), 100))
	put("linux-arm64", bytes.Repeat([]byte("no program"), 100))
	put(other, own)
	want := map[string]string{
		"linux-386": "must be linux-amd64", "amd64": "must be linux-amd64",
		"linux-amd64-cuda": "no such file", "linux-arm64": "bad magic number", "linux-amd64": "bad magic number",
	}
	want[other] = "it is made for"
	for name, want := range want {
		if _, err := readBuild(bin, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
