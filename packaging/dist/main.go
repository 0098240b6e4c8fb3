// Command dist makes the packages of a release from programs that are already built. It
// is run by make dist; docs/packages.md describes what it makes.
//
//	go run ./dist -version VERSION -epoch SECONDS -builds LIST -bin FOLDER -manual FOLDER -out FOLDER
//
// The same input gives the same bytes: nothing depends on the clock, the user, the
// machine or the names of folders. Times are those of -epoch, names are sorted, owners
// and modes are set here.
//
// To add an archive for another system, return its files in a function as
// [dist.archive] does, and add it to [dist.archives].
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "the version, as git describe prints it")
	epoch := flag.Int64("epoch", 0, "the time of the commit, in `seconds` since 1970")
	builds := flag.String("builds", "linux-amd64,linux-arm64,linux-amd64-cuda", "what was built, as a `list`")
	bin := flag.String("bin", "", "the `folder` with BUILD/stele of each")
	manual := flag.String("manual", "", "the `folder` with man/ and completions/")
	out := flag.String("out", "", "the `folder` that gets the packages; SHA256SUMS lists all its files")
	root := flag.String("root", "..", "the `folder` of the repository")
	flag.Parse()
	if flag.NArg() > 0 || *bin == "" || *manual == "" || *out == "" || *epoch <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	d := &dist{version: *version, time: time.Unix(*epoch, 0).UTC(), root: *root, out: *out}
	if err := d.run(*bin, *manual, strings.Split(*builds, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// dist is a release.
type dist struct {
	version            string // as git describe prints it
	packageVersion     string // as dpkg and rpm compare it
	time               time.Time
	root, out          string // folders
	builds             []build
	pages, completions []file
}

func (d *dist) run(bin, manual string, builds []string) error {
	if err := d.read(bin, manual, builds); err != nil {
		return err
	}
	return d.make()
}

// make writes all packages.
func (d *dist) make() error {
	if err := d.archives(); err != nil {
		return err
	}
	if err := d.rigArchives(); err != nil {
		return err
	}
	if err := d.systemPackages(); err != nil {
		return err
	}
	static := slices.DeleteFunc(slices.Clone(d.builds), func(b build) bool { return b.cuda })
	layout, err := d.imageLayout(static)
	if err != nil {
		return err
	}
	if err := d.write("stele-"+d.number()+"-oci.tar", layout); err != nil {
		return err
	}
	return d.sums()
}

// number returns the version without the v of its tag.
func (d *dist) number() string { return strings.TrimPrefix(d.version, "v") }

// read reads and checks all input.
func (d *dist) read(bin, manual string, builds []string) (err error) {
	if d.packageVersion, err = packageVersion(d.version, d.time); err != nil {
		return err
	}
	for _, name := range builds {
		b, err := readBuild(bin, name)
		if err != nil {
			return err
		}
		d.builds = append(d.builds, b)
	}
	t := &tree{root: manual}
	if err := t.addAll("", "man/*.1"); err != nil {
		return err
	}
	d.pages, t.files = t.files, nil
	err = t.addAll("", "completions/*")
	d.completions = t.files
	return err
}

// archives writes the archives that people and other systems unpack.
func (d *dist) archives() error {
	for _, b := range d.builds {
		files, err := d.archive(b)
		if err != nil {
			return err
		}
		name := "stele-" + d.number() + "-" + b.name()
		if err := d.tarball(name+".tar.gz", within(name, files)); err != nil {
			return err
		}
	}
	return nil
}

// tarball writes files as a .tar.gz of that name.
func (d *dist) tarball(name string, files []file) error {
	data, err := tarOf(files, d.time)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return d.write(name, compress(data))
}

// best returns a build for each architecture: that with CUDA where there is one, since it
// runs on machines without a GPU too.
func (d *dist) best() map[string]build {
	best := map[string]build{}
	for _, b := range d.builds {
		if b.cuda || best[b.arch].arch == "" {
			best[b.arch] = b
		}
	}
	return best
}

// systemPackages writes a .deb and an .rpm for each architecture.
func (d *dist) systemPackages() error {
	for _, b := range d.best() {
		for _, format := range []string{"deb", "rpm"} {
			name, err := d.systemPackage(b, format)
			if err != nil {
				return err
			}
			fmt.Println(name)
		}
	}
	return nil
}

// write writes a file of the output, in a folder if the name has a slash.
func (d *dist) write(name string, data []byte) error {
	fmt.Println(name)
	name = filepath.Join(d.out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return writeFile(name, data, d.time)
}

// sumsName is the file with the hashes of all others.
const sumsName = "SHA256SUMS"

// sums writes the hashes of all files in the output, as sha256sum does.
func (d *dist) sums() error {
	var b strings.Builder
	err := filepath.WalkDir(d.out, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == sumsName {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(d.out, path)
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return err
	}
	return d.write(sumsName, []byte(b.String()))
}
