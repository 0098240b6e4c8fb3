package health

import "time"

// State is the watchdog's view of a device.
type State string

const (
	OK         State = "ok"
	Sick       State = "sick"       // it returns wrong results, or finishes nothing
	Dead       State = "dead"       // it failed, or was sick too often
	Recovering State = "recovering" // it is being tried again
	Resting    State = "resting"    // it is too hot, or draws too much power
)

// Event is something that happens to a device.
type Event string

const (
	Progress      Event = "progress"       // it has finished nonces
	Faulty        Event = "faulty"         // it returns wrong results, or finishes nothing
	Failed        Event = "failed"         // it cannot be used
	TrialPassed   Event = "trial-passed"   // the device is in use again
	TrialFailed   Event = "trial-failed"   // the device cannot be used yet
	TrialDeferred Event = "trial-deferred" // the trial cannot be made yet; it does not count
	Hot           Event = "hot"            // a limit is exceeded
	Cool          Event = "cool"           // no limit is exceeded
)

// Rules are the times of a machine. A zero field has its value of [Defaults].
type Rules struct {
	Pause        time.Duration // from a fault to the first trial; it doubles with each trial
	LongestPause time.Duration // between two trials
	Trials       int           // that may fail before the device is given up
	Proof        time.Duration // of progress before a recovering device is OK
	Forget       time.Duration // of being OK before earlier trials are forgotten
	Rest         time.Duration // the shortest rest
}

// Defaults are the rules for devices that stay up for months.
var Defaults = Rules{
	Pause:        10 * time.Second,
	LongestPause: 10 * time.Minute,
	Trials:       8,
	Proof:        time.Minute,
	Forget:       time.Hour,
	Rest:         time.Minute,
}

// Machine is the state of a device. Its transitions:
//
//	OK          Faulty -> Sick   Failed -> Dead   Hot -> Resting
//	Sick, Dead  after a pause, if not hot: a trial
//	            TrialPassed -> Recovering   TrialFailed: a longer pause
//	            after the last trial -> Dead, for good
//	Recovering  progress for some time -> OK   Faulty -> Sick   Failed -> Dead   Hot -> Resting
//	Resting     Cool, after the shortest rest -> OK, or Recovering if it was that
//	            Faulty -> Sick   Failed -> Dead
//
// Progress of a device that is Sick or Dead, which may come back by itself, counts
// as TrialPassed. Not safe for concurrent use.
type Machine struct {
	rules  Rules
	state  State
	reason string
	since  time.Time // of the state

	trials int
	due    time.Time // of the next trial, while sick or dead
	trying bool      // a trial was requested, and its result is not in
	hot    bool
	before State // the state of a resting device before its rest
}

// NewMachine returns the machine of a device that is OK.
func NewMachine(now time.Time, r Rules) *Machine {
	set := func(value *time.Duration, otherwise time.Duration) {
		if *value == 0 {
			*value = otherwise
		}
	}
	set(&r.Pause, Defaults.Pause)
	set(&r.LongestPause, Defaults.LongestPause)
	set(&r.Proof, Defaults.Proof)
	set(&r.Forget, Defaults.Forget)
	set(&r.Rest, Defaults.Rest)
	if r.Trials == 0 {
		r.Trials = Defaults.Trials
	}
	return &Machine{rules: r, state: OK, since: now}
}

// State returns the state and its reason, which is "" for OK.
func (m *Machine) State() (State, string) { return m.state, m.reason }

// IsGivenUp reports whether the device is dead for good.
func (m *Machine) IsGivenUp() bool {
	return m.state == Dead && m.trials >= m.rules.Trials && !m.trying
}

// Handle handles an event. The reason is for the state that follows. If try is
// true, the caller must test the device, use it again if it passes, and report
// TrialPassed, TrialFailed or TrialDeferred. What else there is to do follows from
// the states before and after: a device that rests is not used. Now must not go
// back.
func (m *Machine) Handle(now time.Time, e Event, reason string) (try bool) {
	switch e {
	case Hot:
		m.hot = true
		if m.state == OK || m.state == Recovering {
			m.before = m.state
			m.enter(now, Resting, reason)
			return false
		}
		if m.state == Resting {
			m.reason = reason
		}
	case Cool:
		m.hot = false
	case Faulty, Failed:
		m.fail(now, e, reason)
	case TrialPassed:
		m.trying = false
		m.restore(now)
	case TrialFailed:
		m.trialFailed(now, reason)
	case TrialDeferred:
		m.trialDeferred(now)
	case Progress:
		m.progress(now)
	}
	return m.next(now)
}

// next makes the transitions that are due, and reports whether a trial is.
func (m *Machine) next(now time.Time) (try bool) {
	switch {
	case m.state == Resting && !m.hot && now.Sub(m.since) >= m.rules.Rest:
		m.enter(now, m.before, "")
	case (m.state == Sick || m.state == Dead) && !m.trying && !m.hot && m.trials < m.rules.Trials && !now.Before(m.due):
		m.trials++
		m.trying = true
		return true
	case m.state == OK && now.Sub(m.since) >= m.rules.Forget:
		m.trials = 0
	}
	return false
}

func (m *Machine) enter(now time.Time, s State, reason string) {
	m.state, m.reason, m.since = s, reason, now
}

// fail handles Faulty and Failed.
func (m *Machine) fail(now time.Time, e Event, reason string) {
	to := Sick
	if e == Failed || m.trials >= m.rules.Trials {
		to = Dead
	}
	switch m.state {
	case Sick, Dead: // known; a trial is due later
		if to == Dead && m.state == Sick {
			m.enter(now, Dead, reason)
		}
		return
	}
	m.enter(now, to, reason)
	m.due = now.Add(m.pause())
}

// trialFailed handles TrialFailed.
func (m *Machine) trialFailed(now time.Time, reason string) {
	if !m.trying {
		return
	}
	m.trying = false
	m.due = now.Add(m.pause())
	if m.trials >= m.rules.Trials {
		m.enter(now, Dead, reason)
		return
	}
	m.reason = reason
}

// trialDeferred handles TrialDeferred.
func (m *Machine) trialDeferred(now time.Time) {
	if m.trying {
		m.trying = false
		m.trials--
		m.due = now.Add(m.pause())
	}
}

// progress handles Progress.
func (m *Machine) progress(now time.Time) {
	switch m.state {
	case Sick, Dead:
		if !m.trying {
			m.restore(now)
		}
	case Recovering:
		if now.Sub(m.since) >= m.rules.Proof {
			m.enter(now, OK, "")
		}
	}
}

// restore handles a device that is in use again.
func (m *Machine) restore(now time.Time) {
	if m.state == Sick || m.state == Dead {
		m.enter(now, Recovering, "recovering from: "+m.reason)
	}
}

// pause returns the pause before the next trial.
func (m *Machine) pause() time.Duration {
	wait := m.rules.Pause
	for range m.trials {
		wait = min(2*wait, m.rules.LongestPause)
	}
	return wait
}
