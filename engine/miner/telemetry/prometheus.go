package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stele/engine/miner"
)

// Collector returns a collector of the status. Its metrics begin with
// stele_miner_, and have base units: seconds, celsius, watts, joules, ratios.
func Collector(status func() miner.Status) prometheus.Collector { return collector{status} }

type collector struct{ status func() miner.Status }

// metric describes one metric: its name without the prefix, and its labels.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("stele_miner_"+name, help, labels, nil)
}

var (
	info        = metric("info", "The version of the program.", "version")
	started     = metric("start_time_seconds", "When the miner started, in Unix time.")
	state       = metric("state", "1 for the state that the miner is in.", "state")
	hashRate    = metric("hashes_per_second", "The mean rate of finished nonces, over several windows.", "window")
	estimated   = metric("estimated_hashes_per_second", "The hash rate that the shares imply, with the bounds of its 95 % confidence interval.", "bound")
	disagrees   = metric("estimate_disagrees", "1 if the counted rate and the shares cannot both be right.")
	jobSwitch   = metric("job_switch_seconds", "The time from new work until every device searches it.", "stat")
	workHeight  = metric("work_height", "The height of the block that is mined; missing if it is not known.")
	shareDiff   = metric("work_share_difficulty", "The difficulty of a share of the work that is mined.")
	networkDiff = metric("work_network_difficulty", "The difficulty of the block that is mined.")
	bestShare   = metric("best_share_difficulty", "The difficulty of the best hash since the start.")

	deviceHealth = metric("device_health", "1 for the state of health that the device is in.", "device", "health")
	deviceRate   = metric("device_hashes_per_second", "The mean rate of finished nonces, over several windows.", "device", "window")
	deviceHashes = metric("device_hashes_total", "Finished nonces.", "device")
	deviceErrors = metric("device_hardware_errors_total", "Wrong results of the hardware.", "device")
	deviceShares = metric("device_shares_total", "Shares that the device found.", "device")
	temperature  = metric("device_temperature_celsius", "The temperature of the chip.", "device")
	fan          = metric("device_fan_speed_ratio", "The speed of the fan, as a ratio of its maximum.", "device")
	power        = metric("device_power_watts", "The power that the device draws.", "device")
	energy       = metric("device_energy_joules_total", "The energy that the device used.", "device")
	throttled    = metric("device_throttled", "1 for each reason for which the driver holds the clock back; missing without one.", "device", "reason")

	sourceInfo = metric("source_info", "1; the label user has who is credited at the source.", "source", "user")
	connected  = metric("source_connected", "1 if the source has a session with work.", "source")
	active     = metric("source_active", "1 if the source's work is mined.", "source")
	sessions   = metric("source_sessions_total", "Sessions that had work.", "source")
	jobs       = metric("source_jobs_total", "Jobs that the source sent.", "source")
	found      = metric("source_shares_found_total", "Shares found for the source.", "source")
	accepted   = metric("source_shares_accepted_total", "Shares that the source accepted.", "source")
	rejected   = metric("source_shares_rejected_total", "Shares that were not accepted, by cause.", "source", "cause")
	pending    = metric("source_shares_pending", "Shares that are not answered yet.", "source")
	worth      = metric("source_accepted_difficulty_total", "The sum of the difficulties of the accepted shares.", "source")
	blocks     = metric("source_blocks_total", "Accepted shares that were blocks.", "source")
	answer     = metric("source_answer_seconds", "The time from a share to its answer.", "source", "stat")
)

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		info, started, state, hashRate, estimated, disagrees, jobSwitch, workHeight, shareDiff, networkDiff, bestShare,
		deviceHealth, deviceRate, deviceHashes, deviceErrors, deviceShares, temperature, fan, power, energy, throttled,
		sourceInfo, connected, active, sessions, jobs, found, accepted, rejected, pending, worth, blocks, answer,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s, out := c.status(), sink(ch)
	out.gauge(info, 1, s.Version)
	out.gauge(started, float64(s.Started.UnixMilli())/1000)
	for _, one := range []miner.State{miner.Mining, miner.Waiting, miner.Paused, miner.Stalled} {
		out.gauge(state, truth(s.State == one), string(one))
	}
	windows(s.Counted, func(x float64, window string) { out.gauge(hashRate, x, window) })
	out.gauge(estimated, s.Estimated.Rate, "value")
	out.gauge(estimated, s.Estimated.Low, "low")
	out.gauge(estimated, s.Estimated.High, "high")
	out.gauge(disagrees, truth(s.Estimated.Disagrees))
	stats(s.JobSwitch, func(x float64, stat string) { out.gauge(jobSwitch, x, stat) })
	if s.Work.Source != "" {
		if s.Work.Height != 0 {
			out.gauge(workHeight, float64(s.Work.Height))
		}
		out.gauge(shareDiff, s.Work.Share.Float64())
		out.gauge(networkDiff, s.Work.Network.Float64())
	}
	out.gauge(bestShare, s.Shares.Best.Float64())
	for _, d := range s.Devices {
		out.device(d)
	}
	for _, u := range s.Sources {
		out.source(u)
	}
}

// sink receives metrics.
type sink chan<- prometheus.Metric

func (out sink) gauge(d *prometheus.Desc, x float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
}

func (out sink) counter(d *prometheus.Desc, x float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, x, labels...)
}

func (out sink) device(d miner.DeviceStatus) {
	id := d.Info.ID
	for _, h := range []miner.Health{miner.OK, miner.Sick, miner.Dead, miner.Recovering, miner.Resting} {
		out.gauge(deviceHealth, truth(d.Health == h), id, string(h))
	}
	windows(d.Rates, func(x float64, window string) { out.gauge(deviceRate, x, id, window) })
	out.counter(deviceHashes, float64(d.Nonces), id)
	out.counter(deviceErrors, float64(d.HardwareErrors), id)
	out.counter(deviceShares, float64(d.Shares), id)
	m := d.Sensors
	if m == nil {
		return
	}
	if m.Temperature != nil {
		out.gauge(temperature, *m.Temperature, id)
	}
	if m.Fan != nil {
		out.gauge(fan, *m.Fan/100, id)
	}
	if m.Power != nil {
		out.gauge(power, *m.Power, id)
	}
	if m.Energy != nil {
		out.counter(energy, *m.Energy, id)
	}
	for _, reason := range m.Throttle {
		out.gauge(throttled, 1, id, reason)
	}
}

func (out sink) source(u miner.SourceStatus) {
	out.gauge(sourceInfo, 1, u.Name, u.User)
	out.gauge(connected, truth(u.Connected), u.Name)
	out.gauge(active, truth(u.Active), u.Name)
	out.counter(sessions, float64(u.Sessions), u.Name)
	out.counter(jobs, float64(u.Jobs), u.Name)
	out.counter(found, float64(u.Shares.Found), u.Name)
	out.counter(accepted, float64(u.Shares.Accepted), u.Name)
	for _, cause := range miner.Causes {
		out.counter(rejected, float64(u.Shares.Rejected[cause]), u.Name, string(cause))
	}
	out.gauge(pending, float64(u.Shares.Pending), u.Name)
	out.counter(worth, u.Shares.Difficulty, u.Name)
	out.counter(blocks, float64(u.Shares.Blocks), u.Name)
	stats(u.Latency, func(x float64, stat string) { out.gauge(answer, x, u.Name, stat) })
}

func windows(r miner.Rates, add func(x float64, window string)) {
	add(r.Seconds10, "10s")
	add(r.Minute1, "1m")
	add(r.Minutes15, "15m")
	add(r.Hour1, "1h")
	add(r.Mean, "run")
}

func stats(l miner.Latency, add func(seconds float64, stat string)) {
	if l.Count == 0 {
		return
	}
	for stat, d := range map[string]time.Duration{"p50": l.P50, "p99": l.P99, "max": l.Max} {
		add(d.Seconds(), stat)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
