package mine

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/configfile"
	"stele/cmd/stele/internal/deviceflags"
	"stele/cmd/stele/internal/minerflags"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/miner"
	"stele/engine/miner/health"
	"stele/kernels/simd"
)

// settings are all settings of the command, from flags, variables and the file.
type settings struct {
	document    *configfile.Document
	file        configFile // as last read
	running     configFile // as read at the start
	sources     []source
	opened      map[source]miner.Source // by open
	version     string                  // of the program, for pools
	versionMask uint32
	limits      health.Limits
	hooks       health.Hooks
	api         string // "none": none
	token       string
	tokenFile   string // the file with the token, "" if it is from no file
	cgminer     string // "" or "none": none
	duration    time.Duration

	shown configFile // all settings, without secrets
}

// readSettings reads and checks all settings. It opens nothing.
func readSettings(c *cli.Context) (*settings, error) {
	if err := cmdline.NoArgs(c); err != nil {
		return nil, err
	}
	s := &settings{version: c.App.Version, document: new(configfile.Document)}
	if name := c.String("config"); name != "" {
		var err error
		if s.document, err = configfile.Read(c, name, &s.file); err != nil {
			return nil, err
		}
	}
	return s, s.document.Explain(s.complete(c))
}

// complete completes the settings of the file from flags and variables, and checks them
// all.
func (s *settings) complete(c *cli.Context) (err error) {
	if algo := c.String("algo"); !slices.Contains([]string{"sha256d", "sha256"}, strings.ToLower(algo)) {
		return fmt.Errorf("--algo: unknown algorithm %q: must be sha256d", algo)
	}
	s.running = s.file
	if s.sources, err = readSources(c, s.file.Sources); err != nil {
		return err
	}
	if err := s.document.SetFlags(c, &s.file, reloadable); err != nil {
		return err
	}
	mask, err := cmdline.Number(c, "version-mask", 0, math.MaxUint32, uint64(miner.DefaultVersionMask))
	if err != nil {
		return err
	}
	s.versionMask = uint32(mask)
	if err := s.readLimits(c); err != nil {
		return err
	}
	if s.hooks, err = minerflags.Hooks(c, s.file.hooks()); err != nil {
		return err
	}
	if err := s.readAPI(c); err != nil {
		return err
	}
	if s.duration, err = parseFor(c); err != nil {
		return err
	}
	threads, err := cmdline.Number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return err
	}
	if err := checkKernel(c); err != nil {
		return err
	}
	s.show(c, int(threads))
	check := *s
	_, err = check.open(nil)
	return err
}

// reloadable are the keys that SIGHUP reloads.
var reloadable = map[string]bool{
	"source": true, "api_token": true, "api_token_file": true,
	"temp_limit": true, "temp_resume": true, "power_limit": true, "power_resume": true,
}

// checkKernel checks --kernel as far as this needs no GPU.
func checkKernel(c *cli.Context) error {
	useCPU, _, err := deviceflags.Kinds(c)
	name := c.String("kernel")
	if err != nil || name == "" {
		return err
	}
	if useCPU {
		if _, err := simd.Lookup(name); err != nil {
			return fmt.Errorf("--kernel: %w; GPU kernels: %s", err, strings.Join(gpu.SearchKernels(), ", "))
		}
	} else if !slices.Contains(gpu.SearchKernels(), name) {
		return fmt.Errorf("--kernel: unknown GPU kernel %q: must be one of %s", name, strings.Join(gpu.SearchKernels(), ", "))
	}
	return nil
}

// readLimits reads the limits from the flags and the file.
func (s *settings) readLimits(c *cli.Context) (err error) {
	s.limits, err = minerflags.Limits(c, s.file.limits())
	return err
}

func (s *settings) readAPI(c *cli.Context) error {
	s.api, s.cgminer = c.String("api"), c.String("cgminer")
	if err := minerflags.CheckAddress("api", s.api); err != nil {
		return err
	}
	if s.cgminer != "" {
		if err := minerflags.CheckAddress("cgminer", s.cgminer); err != nil {
			return err
		}
	}
	if sameAddress(s.api, s.cgminer) {
		return fmt.Errorf("--cgminer: %s is the address of --api: must be another port", s.cgminer)
	}
	return s.readToken(c)
}

// sameAddress reports whether a process can listen on only one of two addresses.
func sameAddress(x, y string) bool {
	hostX, portX, errX := net.SplitHostPort(x)
	hostY, portY, errY := net.SplitHostPort(y)
	if errX != nil || errY != nil || portX != portY || portX == "0" { // port 0 is any free port
		return false
	}
	a, b := hostAddress(hostX), hostAddress(hostY)
	return strings.EqualFold(hostX, hostY) || a.IsValid() && a == b || a.IsUnspecified() || b.IsUnspecified()
}

// hostAddress returns the IP address of a host, the zero value for a name.
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

// readToken reads the API token. Flags override the file.
func (s *settings) readToken(c *cli.Context) (err error) {
	if s.token, s.tokenFile, err = configfile.Token(c, s.file.APIToken, s.file.APITokenFile); err != nil {
		return err
	}
	if s.api != "none" && !minerflags.IsLoopback(s.api) && s.token == "" {
		return fmt.Errorf("--api: %s is reachable from other machines and requires --api-token or --api-token-file", s.api)
	}
	return nil
}

// open returns the sources, which do not connect yet. A source with unchanged settings
// is the same as before.
func (s *settings) open(log *slog.Logger) ([]miner.Source, error) {
	var all []miner.Source
	names, opened := map[string]bool{}, map[source]miner.Source{}
	for i, one := range s.sources {
		source := s.opened[one]
		if source == nil {
			var err error
			if source, err = one.open(s.version, s.versionMask, log); err != nil {
				return nil, fmt.Errorf("source %d: %w", i+1, err)
			}
		}
		opened[one] = source
		name := strings.ToLower(source.Name()) // host names are case-insensitive (RFC 4343)
		if names[name] {
			return nil, fmt.Errorf("source %d: duplicate of %s", i+1, source.Name())
		}
		names[name] = true
		all = append(all, source)
	}
	s.opened = opened
	return all, nil
}

// reload reads the file and those with secrets again, and returns the settings with
// the new values of the reloadable keys. It logs other keys that have changed since
// the start.
func (s *settings) reload(c *cli.Context, log *slog.Logger) (*settings, error) {
	next := *s
	var err error
	if name := c.String("config"); name != "" {
		next.file = configFile{}
		if _, err = configfile.Read(c, name, &next.file); err != nil {
			return nil, err
		}
	}
	if next.sources, err = readSources(c, next.file.Sources); err != nil {
		return nil, err
	}
	if err := next.readLimits(c); err != nil {
		return nil, err
	}
	if err := next.readToken(c); err != nil {
		return nil, err
	}
	for _, key := range s.document.Changed(&s.running, &next.file, reloadable) {
		log.Warn("setting changed: restart required", "key", key)
	}
	return &next, nil
}

// show sets s.shown.
func (s *settings) show(c *cli.Context, threads int) {
	s.shown = configFile{
		API: s.api, APITokenFile: s.tokenFile, Cgminer: s.cgminer,
		Device: c.String("device"), Kernel: c.String("kernel"), Threads: ptrIfSet(threads), Cache: c.String("cache"),
		VersionMask: fmt.Sprintf("%#x", s.versionMask),
		TempLimit:   ptrIfSet(s.limits.Temperature), TempResume: ptrIfSet(s.limits.TemperatureResume),
		PowerLimit: ptrIfSet(s.limits.Power), PowerResume: ptrIfSet(s.limits.PowerResume),
		OnSick: s.hooks.Sick, OnDead: s.hooks.Dead, OnRecovered: s.hooks.Recovered, OnBlock: s.hooks.Block,
	}
	if s.token != "" && s.tokenFile == "" {
		s.shown.APIToken = configfile.Mask
	}
	for _, one := range s.sources {
		s.shown.Sources = append(s.shown.Sources, one.masked())
	}
}

// ptrIfSet returns nil for 0, which stands for a setting that is not set.
func ptrIfSet[T int | float64](x T) *T {
	if x == 0 {
		return nil
	}
	return &x
}

// text returns the settings as a configuration file, without secrets.
func (s *settings) text() string { return configfile.Text(&s.shown) }
