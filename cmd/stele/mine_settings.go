package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"

	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/kernels/simd"
)

// mineSettings is all that "stele mine" is told, by flags, variables and the
// file.
type mineSettings struct {
	file        mineFile        // as it was read last
	running     mineFile        // as it was read at the start
	overridden  map[string]bool // the keys that flags or variables come before
	sources     []mineSource
	opened      map[mineSource]miner.Source // by open
	versionMask uint32
	limits      health.Limits
	hooks       health.Hooks
	api         string // "none": none
	token       string
	tokenFile   string // where token is from, "" if from no file
	cgminer     string // "" or "none": none
	duration    time.Duration

	shown mineFile // all settings, without secrets
}

// readMineSettings reads and checks everything, and opens nothing.
func readMineSettings(c *cli.Context) (*mineSettings, error) {
	if err := noArgs(c); err != nil {
		return nil, err
	}
	if algo := c.String("algo"); !slices.Contains([]string{"sha256d", "sha256"}, strings.ToLower(algo)) {
		return nil, fmt.Errorf("--algo: cannot mine %q: must be sha256d", algo)
	}
	s := &mineSettings{}
	var err error
	if name := c.String("config"); name != "" {
		if s.file, err = readMineFile(c, name); err != nil {
			return nil, err
		}
	}
	s.running = s.file
	if s.sources, err = mineSources(c, s.file.Sources); err != nil {
		return nil, err
	}
	if err := s.setFlags(c); err != nil {
		return nil, err
	}
	mask, err := number(c, "version-mask", 0, math.MaxUint32, uint64(miner.DefaultVersionMask))
	if err != nil {
		return nil, err
	}
	s.versionMask = uint32(mask)
	if err := s.readLimits(c); err != nil {
		return nil, err
	}
	if err := s.readHooks(c); err != nil {
		return nil, err
	}
	if err := s.readAPI(c); err != nil {
		return nil, err
	}
	if s.duration, err = parseFor(c); err != nil {
		return nil, err
	}
	threads, err := number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return nil, err
	}
	if err := checkKernel(c); err != nil {
		return nil, err
	}
	s.show(c, int(threads))
	check := *s
	_, err = check.open(nil)
	return s, err
}

// readAgain are the keys that SIGHUP reads again.
var readAgain = map[string]bool{
	"source": true, "api_token": true, "api_token_file": true,
	"temp_limit": true, "temp_resume": true, "power_limit": true, "power_resume": true,
}

// setFlags gives the flags that are not set the values of the file. What is read
// again, and hooks, are no such values.
func (s *mineSettings) setFlags(c *cli.Context) error {
	s.overridden = map[string]bool{}
	v := reflect.ValueOf(s.file)
	for i, key := range tomlKeys(v.Type()) {
		flag := strings.ReplaceAll(key, "_", "-")
		if readAgain[key] {
			continue
		}
		if s.overridden[key] = c.IsSet(flag); s.overridden[key] {
			continue
		}
		value := reflect.Indirect(v.Field(i))
		if !value.IsValid() || value.IsZero() || value.Kind() == reflect.Slice {
			continue
		}
		if err := c.Set(flag, fmt.Sprint(value.Interface())); err != nil {
			return err
		}
	}
	return nil
}

// checkKernel judges --kernel as far as it can be without opening a GPU.
func checkKernel(c *cli.Context) error {
	useCPU, _, err := deviceKinds(c)
	name := c.String("kernel")
	if err != nil || name == "" {
		return err
	}
	if useCPU {
		if _, err := simd.Lookup(name); err != nil {
			return fmt.Errorf("--kernel: %w; those of a GPU are %s", err, strings.Join(gpu.SearchKernels(), ", "))
		}
	} else if !slices.Contains(gpu.SearchKernels(), name) {
		return fmt.Errorf("--kernel: unknown kernel %q: those of a GPU are %s", name, strings.Join(gpu.SearchKernels(), ", "))
	}
	return nil
}

func (s *mineSettings) readLimits(c *cli.Context) error {
	for _, l := range []struct {
		flag string
		file *float64
		to   *float64
	}{
		{"temp-limit", s.file.TempLimit, &s.limits.Temperature},
		{"temp-resume", s.file.TempResume, &s.limits.TemperatureResume},
		{"power-limit", s.file.PowerLimit, &s.limits.Power},
		{"power-resume", s.file.PowerResume, &s.limits.PowerResume},
	} {
		*l.to = 0
		if text := c.String(l.flag); text != "" {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || !goodLimit(x) {
				return fmt.Errorf("--%s: %q is no number above 0", l.flag, text)
			}
			*l.to = x
		} else if l.file != nil {
			*l.to = *l.file
		}
	}
	return s.limits.Check()
}

// readHooks reads the commands. That of a flag has no quotes: its words are the
// program and its arguments.
func (s *mineSettings) readHooks(c *cli.Context) error {
	for _, h := range []struct {
		flag string
		file []string
		to   *[]string
	}{
		{"on-sick", s.file.OnSick, &s.hooks.Sick},
		{"on-dead", s.file.OnDead, &s.hooks.Dead},
		{"on-recovered", s.file.OnRecovered, &s.hooks.Recovered},
		{"on-block", s.file.OnBlock, &s.hooks.Block},
	} {
		*h.to = h.file
		if c.IsSet(h.flag) {
			*h.to = strings.Fields(c.String(h.flag))
		}
		if len(*h.to) == 0 {
			continue
		}
		if _, err := exec.LookPath((*h.to)[0]); err != nil {
			return fmt.Errorf("--%s: no program to run: %w", h.flag, err)
		}
	}
	return nil
}

func (s *mineSettings) readAPI(c *cli.Context) error {
	s.api, s.cgminer = c.String("api"), c.String("cgminer")
	if err := checkAddress("api", s.api); err != nil {
		return err
	}
	if s.cgminer != "" {
		if err := checkAddress("cgminer", s.cgminer); err != nil {
			return err
		}
	}
	if sameAddress(s.api, s.cgminer) {
		return fmt.Errorf("--cgminer: %s is where --api is served; it needs a port of its own", s.cgminer)
	}
	return s.readToken(c)
}

// checkAddress judges where an API shall be served.
func checkAddress(flag, address string) error {
	if address == "none" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--%s: %q is not HOST:PORT", flag, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--%s: the port of %q is no number up to 65535", flag, address)
	}
	return nil
}

// sameAddress reports whether not both can be listened at.
func sameAddress(x, y string) bool {
	hostX, portX, errX := net.SplitHostPort(x)
	hostY, portY, errY := net.SplitHostPort(y)
	if errX != nil || errY != nil || portX != portY || portX == "0" { // 0: any that is free
		return false
	}
	a, b := hostAddress(hostX), hostAddress(hostY)
	return strings.EqualFold(hostX, hostY) || a.IsValid() && a == b || a.IsUnspecified() || b.IsUnspecified()
}

// hostAddress returns the address that a host is, none for a name.
func hostAddress(host string) netip.Addr {
	switch host {
	case "":
		return netip.IPv6Unspecified()
	case "localhost":
		host = "127.0.0.1"
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}

// readToken reads what the API asks for. What a flag says comes before the file.
func (s *mineSettings) readToken(c *cli.Context) (err error) {
	s.token, s.tokenFile = c.String("api-token"), c.String("api-token-file")
	switch {
	case s.token != "" && s.tokenFile != "":
		return errors.New("--api-token or --api-token-file, not both (nor STELE_API_TOKEN or STELE_API_TOKEN_FILE beside them)")
	case s.token == "" && s.tokenFile == "":
		s.token, s.tokenFile = s.file.APIToken, s.file.APITokenFile
	}
	if s.tokenFile != "" {
		if s.token, err = secretOf(c, s.tokenFile); err != nil {
			return fmt.Errorf("--api-token-file: %w", err)
		}
	}
	if s.api != "none" && !loopback(s.api) && s.token == "" {
		return fmt.Errorf("--api: %s can be reached from other machines: it needs --api-token or --api-token-file", s.api)
	}
	return nil
}

// loopback reports whether only this machine can reach an address.
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

// reload reads the file again, and those with secrets, and returns the settings
// with what is read again as it is now. Other keys of the file that are not as
// they run take a new start, and are told.
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
	if err := next.readToken(c); err != nil {
		return nil, err
	}
	running, file := reflect.ValueOf(s.running), reflect.ValueOf(next.file)
	for i, key := range tomlKeys(running.Type()) {
		if readAgain[key] || s.overridden[key] {
			continue
		}
		if !reflect.DeepEqual(running.Field(i).Interface(), file.Field(i).Interface()) {
			log.Warn("a setting has changed that takes a new start", "key", key)
		}
	}
	return &next, nil
}

// show notes all settings without secrets.
func (s *mineSettings) show(c *cli.Context, threads int) {
	s.shown = mineFile{
		API: s.api, APITokenFile: s.tokenFile, Cgminer: s.cgminer,
		Device: c.String("device"), Kernel: c.String("kernel"), Threads: unless0(threads), Cache: c.String("cache"),
		VersionMask: fmt.Sprintf("%#x", s.versionMask),
		TempLimit:   unless0(s.limits.Temperature), TempResume: unless0(s.limits.TemperatureResume),
		PowerLimit: unless0(s.limits.Power), PowerResume: unless0(s.limits.PowerResume),
		OnSick: s.hooks.Sick, OnDead: s.hooks.Dead, OnRecovered: s.hooks.Recovered, OnBlock: s.hooks.Block,
	}
	if s.token != "" && s.tokenFile == "" {
		s.shown.APIToken = mask
	}
	for _, one := range s.sources {
		s.shown.Sources = append(s.shown.Sources, one.masked())
	}
}

// unless0 returns a setting that was made, nil for one that was not.
func unless0[T int | float64](x T) *T {
	if x == 0 {
		return nil
	}
	return &x
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
