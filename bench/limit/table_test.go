package limit

import (
	"reflect"
	"strings"
	"testing"
)

const small = `
# a comment
microarchitecture amd64 First One
source M: measured
front 4 M
add 01 M
msg 0*2 12*0.5 uops=3 M
move - M
microarchitecture amd64 Second
as First One
`

func TestParseCores(t *testing.T) {
	cores, err := parseCores(small)
	first := core{"amd64", 4, map[string]kind{
		"add": {[]need{{"01", 1}}, 1}, "msg": {[]need{{"0", 2}, {"12", 0.5}}, 3}, "move": {nil, 1},
	}}
	if want := map[string]core{"First One": first, "Second": first}; err != nil || !reflect.DeepEqual(cores, want) {
		t.Errorf("%+v, %v; want %+v", cores, err, want)
	}
}

func TestParseCoresErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"front 4 M", "line 1: \"front\" before the first"},
		{small + "microarchitecture amd64 Second", "a second microarchitecture"},
		{small + "microarchitecture amd64", "without a name"},
		{small + "microarchitecture arm64 Third\nas Second", "not an earlier microarchitecture"},
		{small + "microarchitecture amd64 Third\nas Fourth", "not an earlier microarchitecture"},
		{small + "microarchitecture amd64 Third\nsource M measured", "must be a letter"},
		{small + "microarchitecture amd64 Third\nadd 01 M", "has no source"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 01", "has no source"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 01 M\nadd 01 M", "a second \"add\""},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 10 M", "ascending"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 0*x M", "after *"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 0*-1 M", "after *"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 0 uops=0 M", "from 1 on"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 0 - M", "must begin with ports"},
		{small + "microarchitecture amd64 Third\nsource M: a\nfront x M", "invalid syntax"},
		{small + "microarchitecture amd64 Third\nsource M: a\nadd 0 M", "Third has no front end"},
	} {
		if _, err := parseCores(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", strings.TrimPrefix(test.text, small), err, test.want)
		}
	}
}

func TestParseCountsErrors(t *testing.T) {
	for _, text := range []string{"amd64 k search 8 add", "amd64 k search 0 add 1", "amd64 k search 8 add -1", "amd64 k search x add 1"} {
		if _, err := parseCounts(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// Every kind in the table of a microarchitecture is one that some kernel uses: a kind
// with a wrong name would have no effect.
func TestKindsAreUsed(t *testing.T) {
	used := map[string]bool{}
	for _, c := range tables().counts {
		for kind := range c.kinds {
			used[c.set+" "+kind] = true
		}
	}
	for name, c := range tables().cores {
		for kind := range c.kinds {
			if !used[c.set+" "+kind] {
				t.Errorf("%s: no kernel uses %q", name, kind)
			}
		}
	}
}
