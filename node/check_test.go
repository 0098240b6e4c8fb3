package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stele/node/store"
)

// The lock of the views is checked with and without a seal, and views with a damaged
// seal are not said to be compared with it.
func TestCheckBeside(t *testing.T) {
	for name, test := range map[string]struct {
		damaged []string // files of views/ that are links
		sealed  bool
		want    ViewsState
	}{
		"good":                     {nil, true, ViewsSealed},
		"no seal":                  {nil, false, ViewsUnsealed},
		"bad lock":                 {[]string{"LOCK"}, true, ViewsSealed},
		"bad lock and no seal":     {[]string{"LOCK"}, false, ViewsUnsealed},
		"bad seal":                 {[]string{"SEAL"}, true, ViewsUnsealed},
		"bad lock and a bad seal ": {[]string{"LOCK", "SEAL"}, true, ViewsUnsealed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			views := filepath.Join(dir, ViewsFolder)
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(os.Mkdir(views, 0o700))
			check(os.WriteFile(filepath.Join(views, "LOCK"), nil, 0o600))
			check(os.WriteFile(filepath.Join(views, "000001.sst"), []byte("table"), 0o600))
			if test.sealed {
				check(store.SealFolder(t.Context(), views, store.Disk, nil))
			}
			var want []string
			for _, file := range test.damaged {
				if err := os.Remove(filepath.Join(views, file)); err != nil {
					t.Fatal(err)
				}
				check(os.Symlink(filepath.Join(views, "000001.sst"), filepath.Join(views, file)))
				want = append(want, ViewsFolder+"/"+file)
			}
			report, err := CheckBeside(t.Context(), dir, "blobs")
			check(err)
			var got []string
			for _, d := range report.Damage {
				got = append(got, d.File)
			}
			if report.Views != test.want || !slices.Equal(got, want) {
				t.Errorf("views are %s, damage in %q, want %s and %q", report.Views, got, test.want, want)
			}
		})
	}
}
