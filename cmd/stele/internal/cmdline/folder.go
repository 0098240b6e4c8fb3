package cmdline

import (
	"fmt"
	"os"
	"path/filepath"
)

// UserData returns the folder of this program in the data folder of the user: "stele" in
// $XDG_DATA_HOME or ~/.local/share (XDG Base Directory Specification). Flag names the one
// that an error asks for, when there is neither.
func UserData(flag string) (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no default data folder, pass --%s: %w", flag, err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "stele"), nil
}
