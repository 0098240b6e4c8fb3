package miner

import (
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	m := meter{every: time.Second, keep: time.Hour}
	now := time.Unix(1_700_000_000, 0)
	if r := m.rates(now); r != (Rates{}) {
		t.Errorf("of nothing: %+v", r)
	}
	n := uint64(1000) // finished before
	m.note(now, sample{nonces: n})
	run := func(d time.Duration, perSecond uint64) {
		for range int(d / time.Second) {
			now = now.Add(time.Second)
			n += perSecond
			m.note(now, sample{nonces: n})
		}
	}
	run(5*time.Second, 100)
	if r := m.rates(now); r != (Rates{100, 100, 100, 100, 100}) {
		t.Errorf("shorter than its time: %+v", r)
	}
	run(2*time.Hour, 100)
	run(30*time.Second, 0)
	r := m.rates(now)
	if r.Seconds10 != 0 || r.Minute1 != 50 || r.Minutes15 < 96 || r.Minutes15 > 97 || r.Hour1 < 99 || r.Hour1 > 99.5 {
		t.Errorf("after a halt: %+v", r)
	}
	if len(m.samples) > 3602 {
		t.Errorf("%d samples are kept", len(m.samples))
	}
}

func TestLatencies(t *testing.T) {
	var l latencies
	if s := l.status(); s != (Latency{}) {
		t.Errorf("of nothing: %+v", s)
	}
	for i := range 1500 {
		l.add(time.Duration(i))
	}
	if s := l.status(); s != (Latency{1500, 999, 1489, 1499}) {
		t.Errorf("%+v", s)
	}
}
