package node

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/configfile"
	"stele/cmd/stele/internal/deviceflags"
	"stele/cmd/stele/internal/minerflags"
	"stele/engine/cpu"
	"stele/internal/netguard"
	"stele/node"
)

// configFile is the content of a configuration file. A key is the name of its flag
// with _ for -.
type configFile struct {
	Network string `toml:"network,omitempty"`
	Dev     *bool  `toml:"dev,omitempty"`
	Day     string `toml:"day,omitempty"`
	Data    string `toml:"data,omitempty"`
	Prune   *bool  `toml:"prune,omitempty"`

	Listen           string   `toml:"listen,omitempty"`
	Peer             []string `toml:"peer,omitempty"`
	Seed             []string `toml:"seed,omitempty"`
	OnlyPeers        *bool    `toml:"only_peers,omitempty"`
	MaxPeers         *int     `toml:"max_peers,omitempty"`
	PrivateAddresses *bool    `toml:"private_addresses,omitempty"`

	API          string   `toml:"api,omitempty"`
	Web          *bool    `toml:"web,omitempty"`
	APIToken     string   `toml:"api_token,omitempty"`
	APITokenFile string   `toml:"api_token_file,omitempty"`
	TrustedProxy []string `toml:"trusted_proxy,omitempty"`

	Stratum           string   `toml:"stratum,omitempty"`
	StratumCert       string   `toml:"stratum_cert,omitempty"`
	StratumKey        string   `toml:"stratum_key,omitempty"`
	StratumDifficulty *float64 `toml:"stratum_difficulty,omitempty"`
	Payout            string   `toml:"payout,omitempty"`
	Keys              string   `toml:"keys,omitempty"`

	Mine            *bool  `toml:"mine,omitempty"`
	Device          string `toml:"device,omitempty"`
	Kernel          string `toml:"kernel,omitempty"`
	Threads         *int   `toml:"threads,omitempty"`
	Cache           string `toml:"cache,omitempty"`
	MineAPI         string `toml:"mine_api,omitempty"`
	Cgminer         string `toml:"cgminer,omitempty"`
	minerflags.File        // limits and hooks

	Traffic *float64 `toml:"traffic,omitempty"`
}

// reloadable are the keys that SIGHUP reloads.
var reloadable = map[string]bool{
	"api_token": true, "api_token_file": true, "trusted_proxy": true,
	"temp_limit": true, "temp_resume": true, "power_limit": true, "power_resume": true,
}

// Check checks the values of the file. With an error it returns the key.
func (f *configFile) Check() (key string, err error) {
	if f.APIToken != "" && f.APITokenFile != "" {
		return "api_token", errors.New("mutually exclusive with api_token_file")
	}
	return f.CheckLimits()
}

// settings are all settings of the command, from flags, variables and the file.
type settings struct {
	document  *configfile.Document
	file      configFile // as last read
	running   configFile // as read at the start
	options   node.Options
	until     bounds
	served    minerflags.ServerOptions // of the miner
	tokenFile string                   // the file with the token, "" if it is from no file
}

// readSettings reads and checks all settings. It opens no store, device or port.
func readSettings(c *cli.Context) (*settings, error) {
	if err := cmdline.NoArgs(c); err != nil {
		return nil, err
	}
	s := &settings{document: new(configfile.Document)}
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
	s.running = s.file
	if err := s.document.SetFlags(c, &s.file, reloadable); err != nil {
		return err
	}
	if s.options, err = readOptions(c); err != nil {
		return err
	}
	if s.until, err = readBounds(c); err != nil {
		return err
	}
	if _, err := cmdline.Number(c, "threads", 1, cpu.MaxThreads, 0); err != nil {
		return err
	}
	if err := deviceflags.CheckKernel(c); err != nil {
		return err
	}
	if s.options.Hooks, err = minerflags.Hooks(c, s.file.Hooks()); err != nil {
		return err
	}
	s.served = minerflags.ServerOptions{API: c.String("mine-api"), APIFlag: "mine-api", Cgminer: c.String("cgminer")}
	return s.readReloadable(c)
}

// readReloadable reads the settings that SIGHUP reloads. Flags override the file.
func (s *settings) readReloadable(c *cli.Context) (err error) {
	if s.options.APIToken, s.tokenFile, err = configfile.Token(c, s.file.APIToken, s.file.APITokenFile); err != nil {
		return err
	}
	if s.options.APIProxies, err = netguard.ParseProxies(s.trustedProxies(c)); err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	if s.options.Limits, err = minerflags.Limits(c, s.file.Limits()); err != nil {
		return err
	}
	s.served.Token = s.options.APIToken
	return s.checkMining(c)
}

// trustedProxies returns the texts of --trusted-proxy, or if there are none, those of
// the file.
func (s *settings) trustedProxies(c *cli.Context) []string {
	if c.IsSet("trusted-proxy") {
		return c.StringSlice("trusted-proxy")
	}
	return s.file.TrustedProxy
}

// reload reads the file and that of the token again, and returns the settings with the
// new values of the reloadable keys. It logs other keys that have changed since the
// start.
func (s *settings) reload(c *cli.Context, log *slog.Logger) (*settings, error) {
	next := *s
	if name := c.String("config"); name != "" {
		var err error
		next.file = configFile{}
		if _, err = configfile.Read(c, name, &next.file); err != nil {
			return nil, err
		}
	}
	if err := next.readReloadable(c); err != nil {
		return nil, err
	}
	for _, key := range s.document.Changed(&s.running, &next.file, reloadable) {
		log.Warn("setting changed: restart required", "key", key)
	}
	return &next, nil
}

// text returns the settings as a configuration file, without secrets.
func (s *settings) text(c *cli.Context) string {
	shown := configFile{File: minerflags.NewFile(s.options.Limits, s.options.Hooks)}
	skip := map[string]bool{"api_token": true, "api_token_file": true, "trusted_proxy": true}
	for _, key := range configfile.Keys(&minerFile{}) {
		skip[key] = true
	}
	configfile.Fill(c, &shown, skip)
	shown.APITokenFile, shown.TrustedProxy = s.tokenFile, s.trustedProxies(c)
	if s.options.APIToken != "" && s.tokenFile == "" {
		shown.APIToken = configfile.Mask
	}
	return configfile.Text(&shown)
}

// minerFile is the part of a file about limits and hooks.
type minerFile struct{ minerflags.File }

func (*minerFile) Check() (key string, err error) { return "", nil }
