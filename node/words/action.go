package words

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Action is a record that a party may write, or may not: what [rules.Action] says, in the
// words of the API. Times are seconds of median time since 1970.
type Action struct {
	Type        string // "CLAIM_OPEN"
	Choice      string // "fault repair"
	FaultCode   uint16 // of a claim for a fault that was repaired before
	SameFault   bool   // it is such a claim; else its author chooses the fault
	Missing     []string
	Allowed     bool
	Reason      reject.Reason // why not
	From, Until uint64        // 0: no beginning, no end, or never
	Height      uint32        // first height of a block that can have it, if it is too early
	RepairsLeft uint8         // after how many more repairs of the same fault it is allowed
}

// ActionOf returns an action of the rules in words.
func ActionOf(a *rules.Action) Action {
	res := Action{
		Type: a.Payload.Type().String(), Choice: a.Choice, Missing: a.Missing, Allowed: a.Allowed, Reason: a.Reason,
		From: a.From, Until: a.Until, Height: a.Height, RepairsLeft: a.RepairsLeft,
	}
	if open, ok := a.Payload.(record.ClaimOpen); ok {
		if res.SameFault = open.Ground == record.Fault && !slices.Contains(a.Missing, "fault_code"); res.SameFault {
			res.FaultCode = open.FaultCode
		}
	}
	return res
}

// Clock is what periods are measured by.
type Clock struct {
	Now uint32 // median time, in seconds since 1970
	Day uint32 // seconds of a day of the network; 0: 86,400
}

func (t Clock) day() uint64 {
	if t.Day == 0 {
		return 24 * 60 * 60
	}
	return uint64(t.Day)
}

// Do returns what an action does, as an instruction: "Ask for a repair of fault 3". A
// choice can name several remedies of a ground: "recall refund+repair".
func (c *Catalog) Do(a Action) string {
	ground, remedy, isClaim := strings.Cut(a.Choice, " ")
	switch {
	case a.Type == "CLAIM_OPEN" && isClaim:
		key := "do.CLAIM_OPEN." + ground
		if a.SameFault {
			key += ".same"
		}
		return c.fill(key, "remedy", c.remedies(remedy), "fault", strconv.Itoa(int(a.FaultCode)))
	case a.Choice != "":
		return c.fill("do." + a.Type + "." + a.Choice)
	}
	return c.fill("do." + a.Type)
}

// remedies returns remedies, of which there can be several: "refund+repair".
func (c *Catalog) remedies(names string) string {
	all := strings.Split(names, "+")
	for i, name := range all {
		all[i] = c.word("remedy", name)
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], c.fill("list.and")) + c.fill("list.or") + all[last]
}

// When returns when an action is possible: how long yet, or when it was or will be;
// "" if time has nothing to do with it.
func (c *Catalog) When(a Action, t Clock) string {
	now := uint64(t.Now)
	switch {
	case a.Allowed && endless(a.Until):
		return c.fill("when.always")
	case a.Allowed:
		return c.Left(a.Until, t)
	case a.Height != 0:
		return c.fill("when.height", "height", Grouped(uint64(a.Height)))
	case a.From > now:
		return c.fill("when.from", "time", c.Span(a.From-now, t))
	case a.RepairsLeft != 0:
		return c.count("when.repairs", uint64(a.RepairsLeft))
	case !endless(a.Until) && a.Until < now:
		return c.fill("when.ended", "time", c.Span(now-a.Until, t))
	}
	return ""
}

// Missing returns what the author of an action has to choose: "the carrier, the pick-up
// key"; "" if there is nothing.
func (c *Catalog) Missing(a Action) string {
	var all []string
	for _, name := range a.Missing {
		all = append(all, c.word("field", name))
	}
	return strings.Join(all, c.fill("list.and"))
}

// endless reports whether a time is none that a block can have.
func endless(end uint64) bool { return end == 0 || end >= math.MaxUint32 }

// Span returns a length of time: in days of the network from two of them on, and in
// hours, minutes or seconds below, if its day is one of 24 hours.
func (c *Catalog) Span(seconds uint64, t Clock) string {
	day := t.day()
	switch {
	case seconds >= 2*day:
		return c.Days(seconds / day)
	case day == 24*60*60 && seconds >= 60*60 && seconds < 10*60*60 && seconds/60%60 != 0:
		return c.fill("hours.minutes", "hours", strconv.FormatUint(seconds/3600, 10), "minutes", strconv.FormatUint(seconds/60%60, 10))
	case day == 24*60*60 && seconds >= 60*60:
		return c.count("hours", seconds/3600)
	case day == 24*60*60 && seconds >= 60:
		return c.count("minutes", seconds/60)
	case day == 24*60*60:
		return c.count("seconds", seconds)
	case seconds >= day:
		return c.Days(1)
	}
	return c.fill("days.less")
}

// Left returns how long it is until the end of a period, or since it: "12 days left".
// It is "without end" for a period that has none.
func (c *Catalog) Left(end uint64, t Clock) string {
	now := uint64(t.Now)
	switch {
	case endless(end):
		return c.fill("until.never")
	case end >= now:
		return c.fill("until.left", "time", c.Span(end-now, t))
	}
	return c.fill("until.over", "time", c.Span(now-end, t))
}

// Until returns the end of a period and how far that is: "until 2026-12-01T04:28:30Z, 2
// hours left".
func (c *Catalog) Until(end uint64, t Clock) string {
	switch {
	case endless(end):
		return c.fill("until.never")
	case end >= uint64(t.Now):
		return c.fill("until.moment", "moment", Moment(end), "left", c.Left(end, t))
	}
	return c.fill("until.ended", "moment", Moment(end))
}

// Moment returns a median time as text in UTC. Times that no block can have are "never".
func Moment(seconds uint64) string {
	if seconds >= math.MaxUint32 {
		return "never"
	}
	return record.Time(seconds).String()
}
