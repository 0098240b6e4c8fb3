package mine

import (
	"errors"
	"fmt"

	"stele/cmd/stele/internal/minerflags"
	"stele/engine/cpu"
)

// configFile is the content of a configuration file. A key is the name of its flag
// with _ for -.
type configFile struct {
	API             string `toml:"api,omitempty"`
	APIToken        string `toml:"api_token,omitempty"`
	APITokenFile    string `toml:"api_token_file,omitempty"`
	Cgminer         string `toml:"cgminer,omitempty"`
	Device          string `toml:"device,omitempty"`
	Kernel          string `toml:"kernel,omitempty"`
	Threads         *int   `toml:"threads,omitempty"`
	Cache           string `toml:"cache,omitempty"`
	VersionMask     string `toml:"version_mask,omitempty"`
	minerflags.File        // limits and hooks

	Sources []source `toml:"source"` // in order of preference
}

// Check checks the values of the file. With an error it returns the key.
func (f *configFile) Check() (key string, err error) {
	if f.Threads != nil && (*f.Threads < 1 || *f.Threads > cpu.MaxThreads) {
		return "threads", fmt.Errorf("%d is out of range: must be 1 to %d", *f.Threads, cpu.MaxThreads)
	}
	if f.APIToken != "" && f.APITokenFile != "" {
		return "api_token", errors.New("mutually exclusive with api_token_file")
	}
	return f.CheckLimits()
}
