package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// described is what "git describe --tags --always --dirty" prints: a tag, with the number
// of commits after it and the hash, or only a hash.
var described = regexp.MustCompile(`^(?:v?(\d+(?:\.\d+)+)(?:-([0-9A-Za-z.]+))??(?:-(\d+)-g([0-9a-f]+))?|([0-9a-f]{7,64}))(-dirty)?$`)

// packageVersion returns a version as dpkg and rpm compare them: 1.2.3~rc1 is before
// 1.2.3, and that before 1.2.3+4.gc0ffee, 4 commits later. Versions without a tag are
// before all others and in the order of their commits.
func packageVersion(version string, commit time.Time) (string, error) {
	m := described.FindStringSubmatch(version)
	if m == nil {
		return "", fmt.Errorf("version %q: must be as git describe prints it, such as v1.2.3 or v1.2.3-4-gc0ffee", version)
	}
	number, before, commits, hash, bare, dirty := m[1], m[2], m[3], m[4], m[5], m[6]
	var b strings.Builder
	if bare != "" {
		fmt.Fprintf(&b, "0~%s.%s", commit.UTC().Format("20060102T150405"), bare)
	} else {
		b.WriteString(number)
		if before != "" {
			b.WriteString("~" + before)
		}
		if commits != "" {
			fmt.Fprintf(&b, "+%s.g%s", commits, hash)
		}
	}
	b.WriteString(strings.Replace(dirty, "-", "+", 1))
	return b.String(), nil
}
