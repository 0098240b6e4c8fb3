package miner

import (
	"math"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	counted := newCounted()
	now := time.Unix(1_700_000_000, 0)
	if r := ratesOf(&counted, now); r != (Rates{}) {
		t.Errorf("of nothing: %+v", r)
	}
	n := nonces(1000) // finished before
	counted.Add(now, n)
	run := func(d time.Duration, perSecond nonces) {
		for range int(d / time.Second) {
			now = now.Add(time.Second)
			n += perSecond
			counted.Add(now, n)
		}
	}
	run(5*time.Second, 100)
	if r := ratesOf(&counted, now); r != (Rates{100, 100, 100, 100, 100}) {
		t.Errorf("shorter than its time: %+v", r)
	}
	run(2*time.Hour, 100)
	run(30*time.Second, 0)
	r := ratesOf(&counted, now)
	if r.Seconds10 != 0 || r.Minute1 != 50 || r.Minutes15 < 96 || r.Minutes15 > 97 || r.Hour1 < 99 || r.Hour1 > 99.5 {
		t.Errorf("after a halt: %+v", r)
	}
	if math.Abs(r.Mean-100*7205.0/7235) > 1e-9 {
		t.Errorf("mean %v", r.Mean)
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
