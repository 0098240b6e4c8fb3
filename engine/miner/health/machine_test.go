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

func TestMachine(t *testing.T) {
	type step struct {
		after  time.Duration
		event  Event
		state  State
		action Action
	}
	for name, steps := range map[string][]step{
		"works": {
			{0, Works, OK, None},
			{time.Hour, Works, OK, None},
			{0, Cool, OK, None},
		},
		"sick, and back": {
			{0, Faulty, Sick, None},
			{9 * time.Second, Faulty, Sick, None},
			{time.Second, Faulty, Sick, Try},
			{time.Minute, Faulty, Sick, None}, // it is being tried
			{0, Passed, Recovering, None},
			{30 * time.Second, Works, Recovering, None},
			{30 * time.Second, Works, OK, None},
		},
		"sick again at once": {
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
			{0, Passed, Recovering, None},
			{time.Second, Faulty, Sick, None},
			{19 * time.Second, Faulty, Sick, None},
			{time.Second, Faulty, Sick, Try},
		},
		"given up": {
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
			{0, Refused, Sick, None},
			{20 * time.Second, Faulty, Sick, Try},
			{0, Refused, Sick, None},
			{30 * time.Second, Faulty, Sick, Try},
			{0, Refused, Dead, None},
			{time.Hour, Faulty, Dead, None},
			{time.Hour, Failed, Dead, None},
		},
		"fails after its last trial": {
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
			{0, Refused, Sick, None},
			{20 * time.Second, Faulty, Sick, Try},
			{0, Refused, Sick, None},
			{30 * time.Second, Faulty, Sick, Try},
			{0, Passed, Recovering, None},
			{0, Faulty, Dead, None},
			{time.Hour, Faulty, Dead, None},
		},
		"trials are forgotten": {
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
			{0, Passed, Recovering, None},
			{time.Minute, Works, OK, None},
			{time.Hour, Works, OK, None},
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
		},
		"dead, and back by itself": {
			{0, Failed, Dead, None},
			{10 * time.Second, Failed, Dead, Try},
			{0, Later, Dead, None},
			{10 * time.Second, Failed, Dead, Try},
			{0, Later, Dead, None},
			{time.Second, Works, Recovering, None},
			{time.Minute, Works, OK, None},
		},
		"dead becomes no less": {
			{0, Failed, Dead, None},
			{0, Faulty, Dead, None},
		},
		"sick becomes dead": {
			{0, Faulty, Sick, None},
			{0, Failed, Dead, None},
		},
		"hot": {
			{0, Hot, Resting, Rest},
			{time.Second, Hot, Resting, None},
			{time.Second, Cool, Resting, None}, // too short a rest
			{30 * time.Second, Works, Resting, None},
			{30 * time.Second, Cool, OK, Wake},
		},
		"hot again": {
			{0, Hot, Resting, Rest},
			{10 * time.Second, Cool, Resting, None},
			{10 * time.Second, Hot, Resting, None},
			{time.Hour, Hot, Resting, None},
			{0, Cool, OK, Wake},
		},
		"hot while it recovers": {
			{0, Faulty, Sick, None},
			{10 * time.Second, Faulty, Sick, Try},
			{0, Passed, Recovering, None},
			{0, Hot, Resting, Rest},
			{time.Minute, Cool, Recovering, Wake},
			{time.Minute, Works, OK, None},
		},
		"hot while it is sick": {
			{0, Faulty, Sick, None},
			{0, Hot, Sick, None},
			{time.Hour, Faulty, Sick, None}, // not tried
			{0, Cool, Sick, Try},
		},
		"sick while it rests": {
			{0, Hot, Resting, Rest},
			{0, Faulty, Sick, None},
			{time.Minute, Faulty, Sick, None},
			{0, Cool, Sick, Try},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			m := NewMachine(now, quick)
			for i, s := range steps {
				now = now.Add(s.after)
				action := m.Tell(now, s.event, "because")
				state, reason := m.State()
				if state != s.state || action != s.action {
					t.Fatalf("step %d, %s: %s and %q, want %s and %q", i, s.event, state, action, s.state, s.action)
				}
				if (reason == "") != (state == OK || state == Recovering && m.before == Recovering) {
					t.Errorf("step %d: %s with reason %q", i, state, reason)
				}
			}
		})
	}
}

// Whatever happens in whatever order: a trial is asked for only of a device that
// is sick or dead and not hot, one at a time, and with pauses; what rests is told
// to wake before it is used; and a device that fails for good is given up after
// its trials.
func TestMachineProperty(t *testing.T) {
	events := []Event{Works, Faulty, Failed, Passed, Refused, Later, Hot, Cool}
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		m := NewMachine(now, quick)
		trying, hot := false, false
		var lastTry time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second)
			e := rapid.SampledFrom(events).Draw(t, "event")
			before, _ := m.State()
			action := m.Tell(now, e, "because")
			state, _ := m.State()
			switch e {
			case Hot:
				hot = true
			case Cool:
				hot = false
			case Passed, Refused, Later:
				trying = false
			}
			switch action {
			case Try:
				if trying || hot || state != Sick && state != Dead {
					t.Fatalf("a trial of a device that is %s; trying %v, hot %v", state, trying, hot)
				}
				if !lastTry.IsZero() && now.Sub(lastTry) < quick.Pause {
					t.Fatalf("two trials within %v", now.Sub(lastTry))
				}
				trying, lastTry = true, now
			case Rest:
				if before != OK && before != Recovering || state != Resting {
					t.Fatalf("rest from %s to %s", before, state)
				}
			case Wake:
				if before != Resting || hot || state == Resting {
					t.Fatalf("wake from %s to %s, hot %v", before, state, hot)
				}
			}
			if state == OK && e != Works && before != OK && before != Resting {
				t.Fatalf("from %s to ok by %s", before, e)
			}
			if m.GivenUp() && (state != Dead || m.trials > quick.Trials) {
				t.Fatalf("given up as %s after %d trials", state, m.trials)
			}
		}
		// Nothing but faults ends in giving up.
		m.Tell(now, Refused, "")
		m.Tell(now, Cool, "")
		for range 100 {
			now = now.Add(time.Minute)
			m.Tell(now, Faulty, "because")
			m.Tell(now, Refused, "because")
		}
		if state, _ := m.State(); !m.GivenUp() || state != Dead {
			t.Fatalf("not given up: %s", state)
		}
	})
}

func TestDefaults(t *testing.T) {
	if m := NewMachine(time.Now(), Rules{}); m.rules != Defaults {
		t.Errorf("rules %+v", m.rules)
	}
}
