package simnet

import (
	"container/heap"
	"time"
)

// event is what happens at a time. do runs with Net.mu held.
type event struct {
	at     time.Time
	number uint64 // orders events of the same time
	do     func()
}

// eventQueue is a heap of events, the earliest first.
type eventQueue []event

func (q eventQueue) Len() int      { return len(q) }
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].number < q[j].number
	}
	return q[i].at.Before(q[j].at)
}
func (q *eventQueue) Push(x any) { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = event{} // release what do refers to
	*q = old[:len(old)-1]
	return last
}

// lock begins an operation of a user: it runs the events that are due.
func (n *Net) lock() {
	n.mu.Lock()
	n.settle()
}

// unlock ends an operation: it runs the events that the operation made due at once.
func (n *Net) unlock() {
	n.settle()
	n.mu.Unlock()
}

// at schedules do. The caller must hold n.mu.
func (n *Net) at(t time.Time, do func()) {
	n.events++
	heap.Push(&n.queue, event{t, n.events, do})
}

// settle runs the events that are due, and sets the timer to the next one. The
// caller must hold n.mu.
func (n *Net) settle() {
	now := time.Now()
	for len(n.queue) > 0 && !n.queue[0].at.After(now) {
		e := heap.Pop(&n.queue).(event)
		n.now = e.at // not the time by now: delays add up exactly, also if the timer is late
		e.do()
	}
	n.now = now
	if len(n.queue) == 0 || n.queue[0].at.Equal(n.armed) { // the timer has not fired: the event is in the future
		return
	}
	n.armed = n.queue[0].at
	if n.timer == nil {
		n.timer = time.AfterFunc(n.armed.Sub(now), n.tick)
		return
	}
	n.timer.Reset(n.armed.Sub(now))
}

// tick is what the timer calls.
func (n *Net) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settle()
}
