package health

import (
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quick = Rules{
	Pause: 10 * time.Second, LongestPause: 30 * time.Second, Trials: 3,
	Proof: time.Minute, Forget: time.Hour, Rest: time.Minute,
}

// step is an event some time after the one before, and what follows from it.
type step struct {
	after time.Duration
	event Event
	state State
	try   bool
}

var machineSteps = map[string][]step{
	"works": {
		{0, Progress, OK, false},
		{time.Hour, Progress, OK, false},
		{0, Cool, OK, false},
	},
	"sick, and back": {
		{0, Faulty, Sick, false},
		{9 * time.Second, Faulty, Sick, false},
		{time.Second, Faulty, Sick, true},
		{time.Minute, Faulty, Sick, false}, // it is being tried
		{0, TrialPassed, Recovering, false},
		{30 * time.Second, Progress, Recovering, false},
		{30 * time.Second, Progress, OK, false},
	},
	"sick again at once": {
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
		{0, TrialPassed, Recovering, false},
		{time.Second, Faulty, Sick, false},
		{19 * time.Second, Faulty, Sick, false},
		{time.Second, Faulty, Sick, true},
	},
	"given up": {
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
		{0, TrialFailed, Sick, false},
		{20 * time.Second, Faulty, Sick, true},
		{0, TrialFailed, Sick, false},
		{30 * time.Second, Faulty, Sick, true},
		{0, TrialFailed, Dead, false},
		{time.Hour, Faulty, Dead, false},
		{time.Hour, Failed, Dead, false},
	},
	"fails after its last trial": {
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
		{0, TrialFailed, Sick, false},
		{20 * time.Second, Faulty, Sick, true},
		{0, TrialFailed, Sick, false},
		{30 * time.Second, Faulty, Sick, true},
		{0, TrialPassed, Recovering, false},
		{0, Faulty, Dead, false},
		{time.Hour, Faulty, Dead, false},
	},
	"trials are forgotten": {
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
		{0, TrialPassed, Recovering, false},
		{time.Minute, Progress, OK, false},
		{time.Hour, Progress, OK, false},
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
	},
	"dead, and back by itself": {
		{0, Failed, Dead, false},
		{10 * time.Second, Failed, Dead, true},
		{0, TrialDeferred, Dead, false},
		{10 * time.Second, Failed, Dead, true},
		{0, TrialDeferred, Dead, false},
		{time.Second, Progress, Recovering, false},
		{time.Minute, Progress, OK, false},
	},
	"dead becomes no less": {
		{0, Failed, Dead, false},
		{0, Faulty, Dead, false},
	},
	"sick becomes dead": {
		{0, Faulty, Sick, false},
		{0, Failed, Dead, false},
	},
	"hot": {
		{0, Hot, Resting, false},
		{time.Second, Hot, Resting, false},
		{time.Second, Cool, Resting, false}, // too short a rest
		{30 * time.Second, Progress, Resting, false},
		{30 * time.Second, Cool, OK, false},
	},
	"hot again": {
		{0, Hot, Resting, false},
		{10 * time.Second, Cool, Resting, false},
		{10 * time.Second, Hot, Resting, false},
		{time.Hour, Hot, Resting, false},
		{0, Cool, OK, false},
	},
	"hot while it recovers": {
		{0, Faulty, Sick, false},
		{10 * time.Second, Faulty, Sick, true},
		{0, TrialPassed, Recovering, false},
		{0, Hot, Resting, false},
		{time.Minute, Cool, Recovering, false},
		{time.Minute, Progress, OK, false},
	},
	"hot while it is sick": {
		{0, Faulty, Sick, false},
		{0, Hot, Sick, false},
		{time.Hour, Faulty, Sick, false}, // not tried
		{0, Cool, Sick, true},
	},
	"sick while it rests": {
		{0, Hot, Resting, false},
		{0, Faulty, Sick, false},
		{time.Minute, Faulty, Sick, false},
		{0, Cool, Sick, true},
	},
}

func TestMachine(t *testing.T) {
	for name, steps := range machineSteps {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			m := NewMachine(now, quick)
			for i, s := range steps {
				now = now.Add(s.after)
				try := m.Handle(now, s.event, "because")
				state, reason := m.State()
				if state != s.state || try != s.try {
					t.Fatalf("step %d, %s: %s and a trial %v, want %s and %v", i, s.event, state, try, s.state, s.try)
				}
				if (reason == "") != (state == OK || state == Recovering && m.before == Recovering) {
					t.Errorf("step %d: %s with reason %q", i, state, reason)
				}
			}
		})
	}
}

// For events in any order: a trial is requested only for a device that is sick or dead
// and not hot, one at a time, and with pauses; only a device in use rests, and it is
// not used again while it is hot; and a device that always fails is given up after its
// trials.
func TestMachineProperty(t *testing.T) {
	events := []Event{Progress, Faulty, Failed, TrialPassed, TrialFailed, TrialDeferred, Hot, Cool}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		m := NewMachine(now, quick)
		trying, hot := false, false
		var lastTry time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second)
			e := rapid.SampledFrom(events).Draw(t, "event")
			before, _ := m.State()
			try := m.Handle(now, e, "because")
			state, _ := m.State()
			switch e {
			case Hot:
				hot = true
			case Cool:
				hot = false
			case TrialPassed, TrialFailed, TrialDeferred:
				trying = false
			}
			if try {
				if trying || hot || state != Sick && state != Dead {
					t.Fatalf("a trial of a device that is %s; trying %v, hot %v", state, trying, hot)
				}
				if !lastTry.IsZero() && now.Sub(lastTry) < quick.Pause {
					t.Fatalf("two trials within %v", now.Sub(lastTry))
				}
				trying, lastTry = true, now
			}
			used := func(s State) bool { return s == OK || s == Recovering }
			if before != Resting && state == Resting && !used(before) {
				t.Fatalf("rest from %s", before)
			}
			if before == Resting && used(state) && hot {
				t.Fatalf("woken to %s while it is hot", state)
			}
			if state == OK && e != Progress && before != OK && before != Resting {
				t.Fatalf("from %s to ok by %s", before, e)
			}
			if m.IsGivenUp() && (state != Dead || m.trials > quick.Trials) {
				t.Fatalf("given up as %s after %d trials", state, m.trials)
			}
		}
		// Nothing but faults ends in giving up.
		m.Handle(now, TrialFailed, "")
		m.Handle(now, Cool, "")
		for range 100 {
			now = now.Add(time.Minute)
			m.Handle(now, Faulty, "because")
			m.Handle(now, TrialFailed, "because")
		}
		if state, _ := m.State(); !m.IsGivenUp() || state != Dead {
			t.Fatalf("not given up: %s", state)
		}
	})
}

func TestDefaults(t *testing.T) {
	if m := NewMachine(time.Now(), Rules{}); m.rules != Defaults {
		t.Errorf("rules %+v", m.rules)
	}
}
