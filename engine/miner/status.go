package miner

import (
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/engine/pow"
)

// Status is everything that is known about a miner at one moment. Counts are since
// the start and only grow. Rates are in hashes per second.
type Status struct {
	Version string // of the program
	Started time.Time
	Now     time.Time

	State   State
	Trouble string // why the state is not Mining, or what else is wrong; "": nothing

	Devices []DeviceStatus
	Sources []SourceStatus // in order of preference
	Work    WorkStatus

	Counted   Rates    // from finished nonces
	Estimated Estimate // from shares
	Shares    Shares

	// JobSwitch is the time from new work until every device searches it, over the
	// last thousand switches.
	JobSwitch Latency
}

// State is what a miner does.
type State string

const (
	Mining  State = "mining"
	Waiting State = "waiting" // for work
	Paused  State = "paused"  // by the user, or by a limit of every device
	Stalled State = "stalled" // there is work, and no device finishes any
)

// DeviceStatus is the status of a device.
type DeviceStatus struct {
	engine.DeviceStatus
	Health  Health
	Reason  string // for the health; "" if it is OK
	Rates   Rates
	Sensors *Sensors // nil: the device has none
	Shares  uint64   // found by the device
}

// Health is the watchdog's view of a device.
type Health = health.State

const (
	OK         = health.OK
	Sick       = health.Sick
	Dead       = health.Dead
	Recovering = health.Recovering
	Resting    = health.Resting
)

// Sensors are the readings of a device's sensors. Nil: the value could not be read. Those
// of the CPU are of all processor packages of the machine, whatever uses them.
type Sensors struct {
	Temperature *float64 // degrees Celsius
	Fan         *float64 // per cent of the highest speed
	Power       *float64 // watts
	Energy      *float64 // joules since the start of the miner, by a counter or from the power
	Throttle    []string // why the clock is lower than it could be, as nvml.Reasons names it; nil: nothing, or not known
}

// Rates are mean rates over several windows, in hashes per second. A window longer
// than the run of the miner is cut to its run. 0: nothing was finished.
type Rates struct {
	Seconds10, Minute1, Minutes15, Hour1 float64
	Mean                                 float64 // of the whole run
}

// Estimate is the hash rate that the found shares imply, in hashes per second,
// with the bounds of its 95 % confidence interval (Poisson).
type Estimate struct {
	Rate, Low, High float64
	Window          time.Duration // of the shares that count
	Shares          uint64        // in the window
	Disagrees       bool          // with the counted rate, which is an alarm
}

// Shares counts shares.
type Shares struct {
	Found, Accepted uint64
	Rejected        map[Cause]uint64 // has all of Causes
	Pending         uint64           // sent, and not answered
	Difficulty      float64          // sum over the accepted shares
	Best            pow.Difficulty   // of the best share's hash
	Blocks          uint64           // accepted shares that were blocks
	Last            time.Time        // when the last one was accepted; zero: none
}

// SourceStatus is the status of a source.
type SourceStatus struct {
	Name      string
	User      string    // who is credited, as the source names it; "": nobody
	Connected bool      // it has a session with work
	Active    bool      // its work is mined
	Since     time.Time // the last change of Connected
	Error     string    // why it is not connected, or suspended because it rejects all shares
	Sessions  uint64    // that had work
	Jobs      uint64
	Shares    Shares
	Latency   Latency // from a share to its answer
}

// WorkStatus is the work that is mined. Source is "" if there is none.
type WorkStatus struct {
	Source, ID string
	Height     uint32
	Share      pow.Difficulty // of a share
	Network    pow.Difficulty // of a block
	Received   time.Time
}

// Latency has the quantiles of a duration.
type Latency struct {
	Count         uint64
	P50, P99, Max time.Duration
}
