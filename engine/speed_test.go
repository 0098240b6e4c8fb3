package engine

import (
	"testing"
	"time"
)

func TestSpeed(t *testing.T) {
	var s speed
	if got := s.perSecond(7); got != 7 {
		t.Errorf("unknown speed: got %v, want the guess", got)
	}
	const full = 50 * time.Millisecond
	s.add(0, time.Second, full)
	if got := s.perSecond(7); got != 7 {
		t.Errorf("nothing done: got %v, want the guess", got)
	}
	s.add(1000, time.Second, full) // a slow start
	for range 40 {
		s.add(uint64(s.perSecond(0)*full.Seconds()), time.Duration(s.perSecond(0)*full.Seconds()*1000), full) // 1e6 per second
	}
	if got := s.perSecond(0); got < 0.99e6 || got > 1.01e6 {
		t.Errorf("got %v after a slow start, want 1e6", got)
	}
	s.add(50, time.Second, full) // a thousandth of a full piece
	if got := s.perSecond(0); got < 0.99e6 {
		t.Errorf("a short piece changes the speed to %v", got)
	}
	s.add(1, 0, full)
}
