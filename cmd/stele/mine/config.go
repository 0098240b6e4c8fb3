package mine

import (
	"errors"
	"fmt"

	"stele/cmd/stele/internal/minerflags"
	"stele/engine/cpu"
	"stele/engine/miner/health"
)

// configFile is the content of a configuration file. A key is the name of its flag
// with _ for -.
type configFile struct {
	API          string   `toml:"api,omitempty"`
	APIToken     string   `toml:"api_token,omitempty"`
	APITokenFile string   `toml:"api_token_file,omitempty"`
	Cgminer      string   `toml:"cgminer,omitempty"`
	Device       string   `toml:"device,omitempty"`
	Kernel       string   `toml:"kernel,omitempty"`
	Threads      *int     `toml:"threads,omitempty"`
	Cache        string   `toml:"cache,omitempty"`
	VersionMask  string   `toml:"version_mask,omitempty"`
	TempLimit    *float64 `toml:"temp_limit,omitempty"`
	TempResume   *float64 `toml:"temp_resume,omitempty"`
	PowerLimit   *float64 `toml:"power_limit,omitempty"`
	PowerResume  *float64 `toml:"power_resume,omitempty"`
	OnSick       []string `toml:"on_sick,omitempty"` // a program and its arguments
	OnDead       []string `toml:"on_dead,omitempty"`
	OnRecovered  []string `toml:"on_recovered,omitempty"`
	OnBlock      []string `toml:"on_block,omitempty"`

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
	for key, limit := range map[string]*float64{
		"temp_limit": f.TempLimit, "temp_resume": f.TempResume, "power_limit": f.PowerLimit, "power_resume": f.PowerResume,
	} {
		if limit != nil && !minerflags.IsLimit(*limit) {
			return key, fmt.Errorf("invalid limit %v: must be a number above 0", *limit)
		}
	}
	return "", nil
}

// limits returns the limits of the file.
func (f *configFile) limits() health.Limits {
	value := func(x *float64) float64 {
		if x == nil {
			return 0
		}
		return *x
	}
	return health.Limits{
		Temperature: value(f.TempLimit), TemperatureResume: value(f.TempResume),
		Power: value(f.PowerLimit), PowerResume: value(f.PowerResume),
	}
}

// hooks returns the commands of the file.
func (f *configFile) hooks() health.Hooks {
	return health.Hooks{Sick: f.OnSick, Dead: f.OnDead, Recovered: f.OnRecovered, Block: f.OnBlock}
}
