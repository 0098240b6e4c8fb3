package health

import "time"

// State is the watchdog's view of a device.
type State string

const (
	OK         State = "ok"
	Sick       State = "sick"       // it gives wrong answers, or finishes nothing
	Dead       State = "dead"       // it failed, or was sick too often
	Recovering State = "recovering" // it is tried again
	Resting    State = "resting"    // it is too hot, or draws too much power
)

// Event is what can happen to a device.
type Event string

const (
	Works   Event = "works"   // it has finished nonces
	Faulty  Event = "faulty"  // it gives wrong answers, or finishes nothing
	Failed  Event = "failed"  // it cannot be used
	Passed  Event = "passed"  // the trial that was asked for: the device is used again
	Refused Event = "refused" // the trial that was asked for: it did not pass
	Later   Event = "later"   // the trial that was asked for cannot be made yet; it does not count
	Hot     Event = "hot"     // a limit is exceeded
	Cool    Event = "cool"    // no limit is exceeded
)

// Rules are the times of a machine. The zero value takes [Defaults] for each.
type Rules struct {
	Pause        time.Duration // from a fault to the first trial; it doubles with each trial
	LongestPause time.Duration // between two trials
	Trials       int           // that may fail before a device is given up
	Proof        time.Duration // that a device has to work until it is OK
	Forget       time.Duration // that it has to be OK until earlier trials are forgotten
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

// Machine is the state of a device. Its states and what leads from one to the
// other:
//
//	OK          Faulty -> Sick   Failed -> Dead   Hot -> Resting
//	Sick, Dead  after a pause, if not hot: try it
//	            Passed -> Recovering   Refused: a longer pause
//	            after the last trial -> Dead, for good
//	Recovering  works for some time -> OK   Faulty -> Sick   Failed -> Dead   Hot -> Resting
//	Resting     Cool, after the shortest rest -> OK, or Recovering if it was that
//	            Faulty -> Sick   Failed -> Dead
//
// A device that comes back by itself, as a dead one may, tells Works: that is
// Passed.
type Machine struct {
	rules  Rules
	state  State
	reason string
	since  time.Time // of the state

	trials int
	due    time.Time // of the next trial, while sick or dead
	trying bool      // a trial was asked for, and its end is not told
	hot    bool
	before State // what a resting device was
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

// GivenUp reports whether the device is dead for good.
func (m *Machine) GivenUp() bool {
	return m.state == Dead && m.trials >= m.rules.Trials && !m.trying
}

// Tell tells what happened, with the words for it. If try is true, the owner of
// the device tests it, uses it again, and tells Passed, Refused or Later. What
// else there is to do follows from the states before and after: a device that
// rests is not used. Now must not go back.
func (m *Machine) Tell(now time.Time, e Event, reason string) (try bool) {
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
	case Passed:
		m.trying = false
		m.comeBack(now)
	case Refused:
		m.refuse(now, reason)
	case Later:
		m.later(now)
	case Works:
		m.works(now)
	}
	return m.next(now)
}

// next does what is due, and reports whether that is a trial.
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

// fail is for a device that is not used any more.
func (m *Machine) fail(now time.Time, e Event, reason string) {
	to := Sick
	if e == Failed || m.trials >= m.rules.Trials {
		to = Dead
	}
	switch m.state {
	case Sick, Dead: // known, and it is tried again in time
		if to == Dead && m.state == Sick {
			m.enter(now, Dead, reason)
		}
		return
	}
	m.enter(now, to, reason)
	m.due = now.Add(m.pause())
}

// refuse is for a trial that failed.
func (m *Machine) refuse(now time.Time, reason string) {
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

// later is for a trial that was not made.
func (m *Machine) later(now time.Time) {
	if m.trying {
		m.trying = false
		m.trials--
		m.due = now.Add(m.pause())
	}
}

// works is for a device that finishes nonces.
func (m *Machine) works(now time.Time) {
	switch m.state {
	case Sick, Dead:
		if !m.trying {
			m.comeBack(now)
		}
	case Recovering:
		if now.Sub(m.since) >= m.rules.Proof {
			m.enter(now, OK, "")
		}
	}
}

// comeBack is for a device that is used again.
func (m *Machine) comeBack(now time.Time) {
	if m.state == Sick || m.state == Dead {
		m.enter(now, Recovering, "it is tried again after: "+m.reason)
	}
}

// pause doubles with each trial.
func (m *Machine) pause() time.Duration {
	wait := m.rules.Pause
	for range m.trials {
		wait = min(2*wait, m.rules.LongestPause)
	}
	return wait
}
