package minerflags

import (
	"fmt"

	"stele/engine/miner/health"
)

// File has the limits and hooks of a configuration file. The file of a command embeds
// it.
type File struct {
	TempLimit   *float64 `toml:"temp_limit,omitempty"` // degrees Celsius
	TempResume  *float64 `toml:"temp_resume,omitempty"`
	PowerLimit  *float64 `toml:"power_limit,omitempty"` // watts
	PowerResume *float64 `toml:"power_resume,omitempty"`
	OnSick      []string `toml:"on_sick,omitempty"` // a program and its arguments
	OnDead      []string `toml:"on_dead,omitempty"`
	OnRecovered []string `toml:"on_recovered,omitempty"`
	OnBlock     []string `toml:"on_block,omitempty"`
}

// NewFile returns a file with these limits and hooks. A limit of 0 is not set.
func NewFile(l health.Limits, h health.Hooks) File {
	pointer := func(x float64) *float64 {
		if x == 0 {
			return nil
		}
		return &x
	}
	return File{
		TempLimit: pointer(l.Temperature), TempResume: pointer(l.TemperatureResume),
		PowerLimit: pointer(l.Power), PowerResume: pointer(l.PowerResume),
		OnSick: h.Sick, OnDead: h.Dead, OnRecovered: h.Recovered, OnBlock: h.Block,
	}
}

// CheckLimits checks the limits one by one. With an error it returns the key.
func (f *File) CheckLimits() (key string, err error) {
	for _, l := range []struct {
		key   string
		value *float64
	}{
		{"temp_limit", f.TempLimit}, {"temp_resume", f.TempResume}, {"power_limit", f.PowerLimit}, {"power_resume", f.PowerResume},
	} {
		if l.value != nil && !IsLimit(*l.value) {
			return l.key, fmt.Errorf("invalid limit %v: must be a number above 0", *l.value)
		}
	}
	return "", nil
}

// Limits returns the limits of the file.
func (f *File) Limits() health.Limits {
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

// Hooks returns the commands of the file.
func (f *File) Hooks() health.Hooks {
	return health.Hooks{Sick: f.OnSick, Dead: f.OnDead, Recovered: f.OnRecovered, Block: f.OnBlock}
}
