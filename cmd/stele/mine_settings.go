package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/engine/miner/stratum"
)

// mineSettings is all that "stele mine" is told, by flags, variables and the
// file.
type mineSettings struct {
	file        mineFile // as it was read
	sources     []mineSource
	opened      map[mineSource]miner.Source // by open
	versionMask uint32
	limits      health.Limits
	hooks       health.Hooks
	api         string // "none": none
	token       string
	cgminer     string // "" or "none": none
	duration    time.Duration

	shown mineFile // all settings, without secrets
}

// readMineSettings reads and checks everything, and opens nothing.
func readMineSettings(c *cli.Context) (*mineSettings, error) {
	if err := noArgs(c); err != nil {
		return nil, err
	}
	s := &mineSettings{}
	var err error
	if name := c.String("config"); name != "" {
		if s.file, err = readMineFile(c, name); err != nil {
			return nil, err
		}
	}
	if s.sources, err = mineSources(c, s.file.Sources); err != nil {
		return nil, err
	}
	if err := s.file.setFlags(c); err != nil {
		return nil, err
	}
	mask, err := number(c, "version-mask", 0, math.MaxUint32, uint64(stratum.DefaultVersionMask))
	if err != nil {
		return nil, err
	}
	s.versionMask = uint32(mask)
	if err := s.readLimits(c); err != nil {
		return nil, err
	}
	s.hooks = health.Hooks{
		Sick: s.hook(c, "on-sick", s.file.OnSick), Dead: s.hook(c, "on-dead", s.file.OnDead),
		Recovered: s.hook(c, "on-recovered", s.file.OnRecovered), Block: s.hook(c, "on-block", s.file.OnBlock),
	}
	if err := s.readAPI(c); err != nil {
		return nil, err
	}
	if s.duration, err = parseFor(c); err != nil {
		return nil, err
	}
	if _, _, err := deviceKinds(c); err != nil {
		return nil, err
	}
	s.show(c)
	check := *s
	_, err = check.open(nil)
	return s, err
}

// setFlags gives the flags that are not set the values of the file. Sources,
// hooks and limits are no such values.
func (f mineFile) setFlags(c *cli.Context) error {
	v := reflect.ValueOf(f)
	for field, value := range v.Fields() {
		if value.IsZero() || value.Kind() == reflect.Slice || value.Kind() == reflect.Float64 {
			continue
		}
		key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		flag := strings.ReplaceAll(key, "_", "-")
		if c.IsSet(flag) {
			continue
		}
		if err := c.Set(flag, fmt.Sprint(value.Interface())); err != nil {
			return err
		}
	}
	return nil
}

func (s *mineSettings) readLimits(c *cli.Context) error {
	for _, l := range []struct {
		flag string
		file float64
		to   *float64
	}{
		{"temp-limit", s.file.TempLimit, &s.limits.Temperature},
		{"temp-resume", s.file.TempResume, &s.limits.TemperatureResume},
		{"power-limit", s.file.PowerLimit, &s.limits.Power},
		{"power-resume", s.file.PowerResume, &s.limits.PowerResume},
	} {
		text := c.String(l.flag)
		if text == "" && l.file != 0 {
			text = fmt.Sprint(l.file)
		}
		if *l.to = 0; text == "" {
			continue
		}
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !(x > 0 && x < 1e6) {
			return fmt.Errorf("--%s: %q is no number above 0", l.flag, text)
		}
		*l.to = x
	}
	return s.limits.Check()
}

// hook returns the command of a flag, which has no quotes: its words are the
// program and its arguments; or else that of the file.
func (s *mineSettings) hook(c *cli.Context, flag string, file []string) []string {
	if c.IsSet(flag) {
		return strings.Fields(c.String(flag))
	}
	return file
}

func (s *mineSettings) readAPI(c *cli.Context) (err error) {
	s.api, s.cgminer, s.token = c.String("api"), c.String("cgminer"), c.String("api-token")
	for flag, address := range map[string]string{"api": s.api, "cgminer": s.cgminer} {
		if address == "" && flag == "cgminer" || address == "none" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("--%s: %q is not HOST:PORT", flag, address)
		}
	}
	if file := c.String("api-token-file"); s.token == "" && file != "" {
		if s.token, err = secretOf(c, file); err != nil {
			return fmt.Errorf("--api-token-file: %w", err)
		}
	}
	if s.api != "none" && !loopback(s.api) && s.token == "" {
		return fmt.Errorf("--api: %s can be reached from other machines: it needs --api-token or --api-token-file", s.api)
	}
	return nil
}

// loopback tells whether only this machine can reach an address.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// open returns the sources. It does not connect them yet. One that is open with
// the same settings is the same one.
func (s *mineSettings) open(log *slog.Logger) ([]miner.Source, error) {
	var all []miner.Source
	names, opened := map[string]bool{}, map[mineSource]miner.Source{}
	for i, one := range s.sources {
		source := s.opened[one]
		if source == nil {
			var err error
			if source, err = one.open(s.versionMask, log); err != nil {
				return nil, fmt.Errorf("source %d: %w", i+1, err)
			}
		}
		opened[one] = source
		name := strings.ToLower(source.Name()) // in a host, a and A are the same (RFC 4343)
		if names[name] {
			return nil, fmt.Errorf("source %d: %s is there twice", i+1, source.Name())
		}
		names[name] = true
		all = append(all, source)
	}
	s.opened = opened
	return all, nil
}

// reload reads the file again, and those with passwords, and returns the settings
// with the sources and limits as they are now. What else has changed takes a new
// start, and is told.
func (s *mineSettings) reload(c *cli.Context, log *slog.Logger) (*mineSettings, error) {
	next := *s
	var err error
	if name := c.String("config"); name != "" {
		if next.file, err = readMineFile(c, name); err != nil {
			return nil, err
		}
	}
	if next.sources, err = mineSources(c, next.file.Sources); err != nil {
		return nil, err
	}
	if err := next.readLimits(c); err != nil {
		return nil, err
	}
	before, after := reflect.ValueOf(s.file), reflect.ValueOf(next.file)
	for i, key := range tomlKeys(before.Type()) {
		if key != "source" && before.Field(i).Kind() != reflect.Float64 && !reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface()) {
			log.Warn("a setting has changed that takes a new start", "key", key)
		}
	}
	return &next, nil
}

// show notes all settings without secrets.
func (s *mineSettings) show(c *cli.Context) {
	threads, _ := number(c, "threads", 0, math.MaxUint32, 0) // openDevices judges it
	s.shown = mineFile{
		API: s.api, APITokenFile: c.String("api-token-file"), Cgminer: s.cgminer,
		Device: c.String("device"), Kernel: c.String("kernel"), Threads: uint(threads),
		VersionMask: fmt.Sprintf("%#x", s.versionMask),
		TempLimit:   s.limits.Temperature, TempResume: s.limits.TemperatureResume,
		PowerLimit: s.limits.Power, PowerResume: s.limits.PowerResume,
		OnSick: s.hooks.Sick, OnDead: s.hooks.Dead, OnRecovered: s.hooks.Recovered, OnBlock: s.hooks.Block,
	}
	if s.token != "" {
		s.shown.APIToken = mask
	}
	for _, one := range s.sources {
		s.shown.Sources = append(s.shown.Sources, one.masked())
	}
}

// text returns the settings as a configuration file, without secrets.
func (s *mineSettings) text() string {
	var b bytes.Buffer
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if err := encoder.Encode(s.shown); err != nil {
		panic(err) // only plain values
	}
	return b.String()
}
