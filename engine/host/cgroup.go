package host

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// quota returns the smallest CPU quota, in CPUs, of the process's cgroup and all
// visible cgroups above it, of both versions of cgroups. From is the file that
// sets it. Without a quota the result is 0.
func quota(root fs.FS) (cpus float64, from string) {
	for _, h := range hierarchies(root) {
		// Within the mount, from the cgroup of the process up to the top.
		for dir := h.path; ; dir = path.Dir(dir) {
			folder := path.Join(h.mount, dir)
			limit, file := h.limit(root, folder)
			if limit > 0 && (cpus == 0 || limit < cpus) {
				cpus, from = limit, file
			}
			if dir == "/" {
				break
			}
		}
	}
	return cpus, from
}

// hierarchy is a mounted tree of cgroups that has the CPU controller.
type hierarchy struct {
	mount string // where it is mounted
	path  string // of the process's cgroup below that, from /
	limit func(root fs.FS, folder string) (cpus float64, file string)
}

// hierarchies returns the hierarchies that the process is in and can see.
func hierarchies(root fs.FS) (all []hierarchy) {
	// ID:controllers:path, where version 2 has the ID 0 and no controllers.
	var own struct{ v1, v2 string }
	for line := range strings.Lines(read(root, "/proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) < 3 || !strings.HasPrefix(fields[2], "/"):
		case fields[0] == "0" && fields[1] == "":
			own.v2 = fields[2]
		case slices.Contains(strings.Split(fields[1], ","), "cpu"):
			own.v1 = fields[2]
		}
	}
	// ID parent device root mountpoint options [optional]... - type source options
	for line := range strings.Lines(read(root, "/proc/self/mountinfo")) {
		front, back, _ := strings.Cut(line, " - ")
		mount, kind := strings.Fields(front), strings.Fields(back)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		top, point := unescape(mount[3]), unescape(mount[4])
		switch {
		case kind[0] == "cgroup2" && own.v2 != "":
			all = append(all, hierarchy{point, below(own.v2, top), limitV2})
		case kind[0] == "cgroup" && own.v1 != "" && slices.Contains(strings.Split(kind[2], ","), "cpu"):
			all = append(all, hierarchy{point, below(own.v1, top), limitV1})
		}
	}
	return all
}

// below returns the path of a cgroup in a mount that shows the tree from top on. For
// a cgroup outside the mount, which cannot be seen, it returns the top of the
// mount.
func below(cgroup, top string) string {
	if strings.HasPrefix(cgroup, "/..") { // outside the namespace
		return "/"
	}
	if top == "/" {
		return path.Clean(cgroup)
	}
	if rest, ok := strings.CutPrefix(cgroup+"/", top+"/"); ok {
		return path.Clean("/" + rest)
	}
	return "/"
}

// limitV2 reads cpu.max: "150000 100000" is 1.5 CPUs, "max 100000" is no limit.
func limitV2(root fs.FS, folder string) (float64, string) {
	file := path.Join(folder, "cpu.max")
	fields := strings.Fields(read(root, file))
	if len(fields) != 2 {
		return 0, file
	}
	return fraction(fields[0], fields[1]), file
}

// limitV1 reads the two files of version 1. A quota of -1 is no limit.
func limitV1(root fs.FS, folder string) (float64, string) {
	file := path.Join(folder, "cpu.cfs_quota_us")
	return fraction(strings.TrimSpace(read(root, file)), strings.TrimSpace(read(root, path.Join(folder, "cpu.cfs_period_us")))), file
}

// fraction returns quota/period, or 0 if they are not both positive numbers.
func fraction(quota, period string) float64 {
	q, err1 := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0
	}
	return float64(q) / float64(p)
}

// unescape decodes the octal escapes of white space and backslashes in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// read returns the content of the file with an absolute name, or "" if it cannot be
// read.
func read(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, strings.TrimPrefix(name, "/"))
	if err != nil {
		return ""
	}
	return string(text)
}

// wholeThreads returns the number of threads that can compute without a pause
// within a quota, at least 1.
func wholeThreads(quota float64) int { return max(1, int(math.Min(math.Floor(quota), math.MaxInt32))) }
