package telemetry

import (
	"encoding/json"
	"math"
	"time"

	"stele/engine/miner"
)

// SchemaVersion is the version of [Document]. It changes when a field is removed or
// changes its meaning, but not when a field is added.
const SchemaVersion = 1

// Document is the status of a miner as [JSON] writes it. Times are RFC 3339 in
// UTC. Difficulties are decimal strings, since they can exceed the range of a JSON
// number in most readers. Null is not known.
type Document struct {
	SchemaVersion int        `json:"schema_version"`
	Program       string     `json:"program" doc:"always stele"`
	Version       string     `json:"version" doc:"of the program"`
	Started       time.Time  `json:"started"`
	Now           time.Time  `json:"now"`
	UptimeSeconds float64    `json:"uptime_seconds"`
	State         string     `json:"state" enum:"mining,waiting,paused,stalled"`
	Trouble       string     `json:"trouble" doc:"why the state is not mining, or what else is wrong; empty if nothing is"`
	Counted       Rates      `json:"counted" doc:"the rate of all devices, from finished nonces"`
	Estimated     Estimate   `json:"estimated" doc:"the rate that the shares let expect"`
	Shares        Shares     `json:"shares"`
	JobSwitch     Latency    `json:"job_switch" doc:"from new work to its first nonces on every device"`
	PowerWatts    *float64   `json:"power_watts" nullable:"true" doc:"of the devices that measure it"`
	HashesPerJ    *float64   `json:"hashes_per_joule" nullable:"true" doc:"of the devices that measure energy or power"`
	Work          *Work      `json:"work,omitempty" doc:"what is mined; missing if there is nothing"`
	Devices       []Device   `json:"devices" nullable:"false"`
	Sources       []Upstream `json:"sources" nullable:"false" doc:"in order of preference"`
}

// Rates are mean rates over several windows, in hashes per second.
type Rates struct {
	Seconds10 float64 `json:"hashes_per_second_10s"`
	Minute1   float64 `json:"hashes_per_second_1m"`
	Minutes15 float64 `json:"hashes_per_second_15m"`
	Hour1     float64 `json:"hashes_per_second_1h"`
	Mean      float64 `json:"hashes_per_second_mean" doc:"of the whole run"`
}

// Estimate is a rate with its 95 % confidence interval.
type Estimate struct {
	Rate          float64 `json:"hashes_per_second"`
	Low           float64 `json:"hashes_per_second_low"`
	High          float64 `json:"hashes_per_second_high"`
	WindowSeconds float64 `json:"window_seconds"`
	Shares        uint64  `json:"shares" doc:"in the window"`
	Disagrees     bool    `json:"disagrees" doc:"with the counted rate"`
}

// Shares counts shares since the start.
type Shares struct {
	Found      uint64            `json:"found"`
	Accepted   uint64            `json:"accepted"`
	Rejected   map[string]uint64 `json:"rejected" doc:"by cause"`
	Pending    uint64            `json:"pending" doc:"sent, and not answered"`
	Difficulty float64           `json:"accepted_difficulty" doc:"sum over the accepted shares"`
	Best       string            `json:"best_difficulty" doc:"of the best hash; 0: none"`
	Blocks     uint64            `json:"blocks" doc:"accepted shares that were blocks"`
	Last       *time.Time        `json:"last_accepted" nullable:"true"`
}

// Latency has the quantiles of a duration.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// Work is what is mined.
type Work struct {
	Source   string    `json:"source"`
	ID       string    `json:"id"`
	Height   uint32    `json:"height" doc:"0: not known"`
	Share    string    `json:"share_difficulty"`
	Network  string    `json:"network_difficulty"`
	Received time.Time `json:"received"`
}

// Device is the status of a device.
type Device struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"`
	Name        string   `json:"name"`
	UUID        string   `json:"uuid"`
	PCI         string   `json:"pci"`
	Kernel      string   `json:"kernel"`
	Health      string   `json:"health" enum:"ok,sick,dead,recovering,resting"`
	Reason      string   `json:"reason" doc:"of the health; empty if it is ok"`
	Rates       Rates    `json:"counted"`
	Hashes      uint64   `json:"hashes" doc:"finished nonces"`
	Shares      uint64   `json:"shares_found"`
	Errors      uint64   `json:"hardware_errors"`
	Temperature *float64 `json:"temperature_celsius" nullable:"true"`
	Fan         *float64 `json:"fan_percent" nullable:"true"`
	Power       *float64 `json:"power_watts" nullable:"true"`
	Energy      *float64 `json:"energy_joules" nullable:"true" doc:"since the start"`
	HashesPerJ  *float64 `json:"hashes_per_joule" nullable:"true"`
}

// Upstream is the status of a source of work.
type Upstream struct {
	Name      string     `json:"name" doc:"its URL without secrets"`
	User      string     `json:"user" doc:"who is credited, as the source names it: a worker, or the address that blocks pay"`
	Connected bool       `json:"connected" doc:"it gives work"`
	Active    bool       `json:"active" doc:"its work is mined"`
	Since     *time.Time `json:"since" nullable:"true" doc:"since when it is, or is not, connected"`
	Error     string     `json:"error" doc:"why it is not connected, or set aside since it refuses every share"`
	Sessions  uint64     `json:"sessions"`
	Jobs      uint64     `json:"jobs"`
	Shares    Shares     `json:"shares"`
	Answer    Latency    `json:"answer" doc:"from a share to its answer"`
}

// JSON returns the status as a [Document], without a line feed at the end.
func JSON(s miner.Status) ([]byte, error) { return json.Marshal(NewDocument(s)) }

// NewDocument returns the document for a status.
func NewDocument(s miner.Status) Document {
	d := Document{
		SchemaVersion: SchemaVersion,
		Program:       "stele",
		Version:       s.Version,
		Started:       utc(s.Started),
		Now:           utc(s.Now),
		UptimeSeconds: s.Now.Sub(s.Started).Seconds(),
		State:         string(s.State),
		Trouble:       s.Trouble,
		Counted:       rates(s.Counted),
		Estimated: Estimate{
			Rate: finite(s.Estimated.Rate), Low: finite(s.Estimated.Low), High: finite(s.Estimated.High),
			WindowSeconds: s.Estimated.Window.Seconds(), Shares: s.Estimated.Shares, Disagrees: s.Estimated.Disagrees,
		},
		Shares:    shares(s.Shares),
		JobSwitch: latency(s.JobSwitch),
		Devices:   []Device{},
		Sources:   []Upstream{},
	}
	if watts, ok := Power(s); ok {
		d.PowerWatts = &watts
	}
	if x, ok := Efficiency(s.Devices...); ok {
		d.HashesPerJ = &x
	}
	if w := s.Work; w.Source != "" {
		d.Work = &Work{w.Source, w.ID, w.Height, w.Share.String(), w.Network.String(), utc(w.Received)}
	}
	for _, dev := range s.Devices {
		d.Devices = append(d.Devices, device(dev))
	}
	for _, u := range s.Sources {
		d.Sources = append(d.Sources, Upstream{
			Name: u.Name, User: u.User, Connected: u.Connected, Active: u.Active, Since: utcOrNil(u.Since), Error: u.Error,
			Sessions: u.Sessions, Jobs: u.Jobs, Shares: shares(u.Shares), Answer: latency(u.Latency),
		})
	}
	return d
}

func device(s miner.DeviceStatus) Device {
	d := Device{
		ID: s.Info.ID, Kind: s.Info.Kind, Name: s.Info.Name, UUID: s.Info.UUID, PCI: s.Info.PCI, Kernel: s.Info.SearchKernel,
		Health: string(s.Health), Reason: s.Reason, Rates: rates(s.Rates),
		Hashes: s.Nonces, Shares: s.Shares, Errors: s.HardwareErrors,
	}
	if s.Sensors != nil {
		d.Temperature, d.Fan, d.Power, d.Energy = s.Sensors.Temperature, s.Sensors.Fan, s.Sensors.Power, s.Sensors.Energy
	}
	if x, ok := Efficiency(s); ok {
		d.HashesPerJ = &x
	}
	return d
}

func rates(r miner.Rates) Rates {
	return Rates{finite(r.Seconds10), finite(r.Minute1), finite(r.Minutes15), finite(r.Hour1), finite(r.Mean)}
}

func shares(s miner.Shares) Shares {
	by := make(map[string]uint64, len(miner.Causes))
	for _, cause := range miner.Causes {
		by[string(cause)] = s.Rejected[cause]
	}
	return Shares{
		Found: s.Found, Accepted: s.Accepted, Rejected: by, Pending: s.Pending,
		Difficulty: finite(s.Difficulty), Best: s.Best.String(), Blocks: s.Blocks, Last: utcOrNil(s.Last),
	}
}

func latency(l miner.Latency) Latency {
	return Latency{l.Count, l.P50.Seconds(), l.P99.Seconds(), l.Max.Seconds()}
}

func utc(t time.Time) time.Time { return t.UTC().Round(time.Microsecond) }

func utcOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = utc(t)
	return &t
}

// finite returns x, or the nearest number that JSON can represent.
func finite(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return 0
	case math.IsInf(x, 0):
		return math.Copysign(math.MaxFloat64, x)
	}
	return x
}

// Power returns the watts of all devices that measure them; false if none does.
func Power(s miner.Status) (watts float64, ok bool) {
	for _, d := range s.Devices {
		if d.Sensors != nil && d.Sensors.Power != nil {
			watts, ok = watts+*d.Sensors.Power, true
		}
	}
	return watts, ok
}

// Efficiency returns the hashes per joule of the devices that measure what they
// use: from the energy since the start, or where that is not measured, from the
// power now and the rate of the last minute. It returns false if none does.
func Efficiency(devices ...miner.DeviceStatus) (hashesPerJoule float64, ok bool) {
	var hashes, joules float64
	for _, d := range devices {
		switch {
		case d.Sensors == nil:
		case d.Sensors.Energy != nil && *d.Sensors.Energy > 0 && d.Rates.Mean > 0:
			seconds := float64(d.Nonces) / d.Rates.Mean
			hashes, joules = hashes+d.Rates.Mean, joules+*d.Sensors.Energy/seconds
		case d.Sensors.Power != nil && *d.Sensors.Power > 0:
			hashes, joules = hashes+d.Rates.Minute1, joules+*d.Sensors.Power
		}
	}
	if joules <= 0 {
		return 0, false
	}
	return finite(hashes / joules), true
}

// rejections returns how many shares the source rejected, for whatever cause, and
// how many it never received.
func rejections(s miner.Shares) (rejected, lost uint64) {
	for cause, n := range s.Rejected {
		if cause == miner.Lost {
			lost += n
		} else {
			rejected += n
		}
	}
	return rejected, lost
}
