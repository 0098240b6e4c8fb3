package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/feed"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/seen"
)

// endedFeed returns a feed whose streams end at once.
func endedFeed(t *testing.T, o *Options) *feed.Feed {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := feed.New(feed.Options{Chain: o.Chain, Views: o.Views})
	if err := f.Run(ctx); err != nil {
		t.Error(err)
	}
	return f
}

// serveFeed lets the API of a new service listen, with a feed that runs until the test
// ends, or stop is called.
func serveFeed(t *testing.T) (s *service, stop func()) {
	t.Helper()
	s = newService(t, func(o *Options) {
		o.Feed = feed.New(feed.Options{Chain: o.Chain, Status: o.Status})
		o.Seen = seen.New(seen.Options{})
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	f := s.options.Feed
	go func() {
		defer close(done)
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return s.listen(), stop
}

// subscriber is a client of the stream.
type subscriber struct {
	*service
	body  io.ReadCloser
	lines *bufio.Reader
	last  string // id
}

// subscribe opens a stream, after an id if it is not empty.
func (s *service) subscribe(query, last string) *subscriber {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.addr+"/v1/events"+query, nil)
	s.check(err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := s.client.Do(r)
	s.check(err)
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != eventStream {
		s.Fatalf("%d with %s", answer.StatusCode, kind)
	}
	x := &subscriber{service: s, body: answer.Body, lines: bufio.NewReader(answer.Body), last: last}
	s.Cleanup(func() { x.body.Close() })
	return x
}

// next reads the next event, without comments.
func (x *subscriber) next() (kind string, data map[string]any, err error) {
	x.Helper()
	for {
		line, err := x.lines.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			x.last = value
		case "event":
			kind = value
		case "data":
			x.check(json.Unmarshal([]byte(value), &data))
		case "":
			if kind != "" {
				return kind, data, nil
			}
		}
	}
}

// until reads up to an event of a kind, and returns its data and the kinds before.
func (x *subscriber) until(want string) (data map[string]any, before []string) {
	x.Helper()
	for {
		kind, data, err := x.next()
		x.check(err)
		if kind == want {
			return data, before
		}
		before = append(before, kind)
	}
}

// A client sees blocks and records, loses its connection, and gets what it missed: a
// reorganisation too. The end of the server ends the stream.
func TestEventsOverSockets(t *testing.T) {
	s, stop := serveFeed(t)
	x := s.subscribe("?kind=block,block-disconnected&kind=record", "")
	if _, _, err := x.greeting(); err != nil {
		t.Fatal(err)
	}
	next := s.builder.Grow(s.tip, 1, 2)
	s.submit(next)
	data, _ := x.until("block")
	if data["hash"] != next.Hash().String() || data["records"] != 3.0 || data["height"] != float64(next.Height()) {
		t.Errorf("%v", data)
	}
	for i := range 3 {
		data, before := x.until("record")
		if data["id"] != next.Records[i].ID().String() || len(before) > 0 {
			t.Errorf("record %d: %v after %v", i, data, before)
		}
	}
	x.body.Close()

	other := s.builder.Grow(s.tip, 2, 0)
	s.submit(other.Parent)
	s.submit(other)
	x = s.subscribe("?kind=block,block-disconnected", x.last)
	data, before := x.until("block-disconnected")
	if data["hash"] != next.Hash().String() || len(before) > 0 {
		t.Errorf("%v after %v", data, before)
	}
	for _, b := range []*chaintest.Block{other.Parent, other} {
		if data, before := x.until("block"); data["hash"] != b.Hash().String() || len(before) > 0 {
			t.Errorf("%v after %v", data, before)
		}
	}
	all := s.subscribe("", "")
	if data, _ := all.until("status"); data["height"] != float64(other.Height()) {
		t.Errorf("%v", data)
	}
	stop()
	for {
		if _, _, err := all.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// greeting reads the first lines of a stream.
func (x *subscriber) greeting() (retry, id string, err error) {
	for range 4 {
		line, err := x.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		if value, ok := strings.CutPrefix(line, "retry: "); ok {
			retry = strings.TrimSpace(value)
		}
		if value, ok := strings.CutPrefix(line, "id: "); ok {
			x.last = strings.TrimSpace(value)
		}
	}
	return retry, x.last, nil
}

// What is wrong with a filter is a problem, not a stream.
func TestEventsRejectFilters(t *testing.T) {
	s, _ := serveFeed(t)
	for query, want := range map[string]string{
		"kind=x":            `invalid kind "x": must be one of block, `,
		"kind=block,":       `invalid kind "": must be one of block, `,
		"type=PIE":          "",
		"voucher=1":         "invalid id",
		"claim=zz":          "invalid id",
		"party=00":          "",
		"after=abc":         "invalid after",
		"colour=red":        "",
		"kind=gap":          `invalid kind "gap"`,
		"kind=block&type=,": "",
	} {
		p := s.rejected(http.StatusUnprocessableEntity, "GET", "/v1/events?"+query, "", nil)
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q", query, p.Detail)
		}
	}
}

func TestStreamsAreCounted(t *testing.T) {
	var s streams
	var leaves []func()
	for range maxStreamsOfAddress {
		leave, err := s.enter("192.0.2.1:7")
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	status := func(remote string) int {
		leave, err := s.enter(remote)
		var p *problem
		if errors.As(err, &p) {
			return p.Status
		}
		leaves = append(leaves, leave)
		return http.StatusOK
	}
	if got := status("192.0.2.1:8"); got != http.StatusTooManyRequests {
		t.Errorf("%d for one more of the address", got)
	}
	for i := maxStreamsOfAddress; i < maxStreams; i++ {
		if got := status("127.0.0.1:9"); got != http.StatusOK {
			t.Fatalf("%d for stream %d of this machine", got, i)
		}
	}
	if got := status("127.0.0.1:9"); got != http.StatusServiceUnavailable {
		t.Errorf("%d for one more than all", got)
	}
	for _, leave := range leaves {
		leave()
	}
	if s.total != 0 || len(s.byAddress) != 0 {
		t.Errorf("%d streams are left", s.total)
	}
}

// More streams than connections are open at once, and other requests are still answered.
func TestManyStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 600 connections: not with -short")
	}
	s, _ := serveFeed(t)
	const many = maxConnections + 88
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range many {
		c, err := net.Dial("tcp", s.addr)
		s.check(err)
		conns = append(conns, c)
		_, err = io.WriteString(c, "GET /v1/events?kind=block HTTP/1.1\r\nHost: localhost\r\n\r\n")
		s.check(err)
		s.check(c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = c.Read(make([]byte, 1))
		s.check(err)
	}
	if n := s.options.Feed.Stats().Readers; n != many {
		t.Errorf("%d readers", n)
	}
	var h Health
	s.get("/v1/health", &h)
	next := s.builder.Grow(s.tip, 1, 0)
	s.submit(next)
	for _, c := range []net.Conn{conns[0], conns[many-1]} {
		var got []byte
		for buffer := make([]byte, 4096); !strings.Contains(string(got), next.Hash().String()); {
			n, err := c.Read(buffer)
			s.check(err)
			got = append(got, buffer[:n]...)
		}
	}
}

// A record is seen, and its chances fall as blocks come; a rejected one is known too.
func TestSeen(t *testing.T) {
	book := seen.New(seen.Options{})
	s := newService(t, func(o *Options) {
		o.Seen = book
		o.Judged = func(came time.Time, records []*record.Record, verdicts []error) {
			book.Judged(seen.API, came, records, verdicts)
		}
	}).listen()
	records := s.builder.Records(s.tip, 1)
	good := records[0]
	bad := s.builder.Pay(s.tip, good.Key, s.builder.Funded(s.tip, 1), record.MaxAmount)
	path := func(r *record.Record) string { return "/v1/records/" + r.ID().String() }
	s.rejected(http.StatusNotFound, "GET", path(good)+"/seen", "", nil)
	s.do("POST", "/v1/records", octets, good.Encode())
	p := s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", octets, bad.Encode())

	got := readAs[Record](s, path(good))
	if got.Seen == nil || got.Seen.From != "api" || got.Seen.First == 0 || got.Seen.Admitted < got.Seen.First || got.Seen.Confirmed != 0 || got.RevertChances != nil {
		t.Errorf("%+v", got.Seen)
	}
	rejected := readAs[Seen](s, path(bad)+"/seen")
	if rejected.Reason != p.Reason || rejected.Text != p.Detail || rejected.Rejected == 0 || rejected.Admitted != 0 || rejected.Reason == reject.AlreadyPooled {
		t.Errorf("%+v, answered with %+v", rejected, p)
	}
	s.submit(s.builder.Grow(s.builder.Extend(s.tip, good), 4, 0).Parent.Parent.Parent.Parent)
	var depths []float64
	for _, b := range s.builder.All()[int(s.tip.Height())+2:] {
		got = readAs[Record](s, path(good))
		for i, c := range got.RevertChances {
			if c.Share != query.AttackerShares[i] || c.Chance != query.RevertChance(got.Confirmations-1, c.Share) || c.Enough < 6 {
				t.Errorf("%+v with %d confirmations", c, got.Confirmations)
			}
		}
		depths = append(depths, got.RevertChances[0].Chance)
		s.submit(b)
	}
	slices.Reverse(depths)
	if !slices.IsSorted(depths) || depths[len(depths)-1] != 1 {
		t.Errorf("chances %v", depths)
	}
}

// A filter has each kind and type once, however often a client names it: each event is
// compared with all.
func TestEventFilterRepeats(t *testing.T) {
	s := newService(t)
	f, err := s.api.eventFilter(&eventsInput{
		Kind: []string{strings.Repeat("block,", 1000) + "record", "record"}, Type: []string{strings.Repeat("PAY,", 1000) + "PAY"},
	})
	if err != nil || len(f.Kinds) != 2 || len(f.Types) != 1 {
		t.Errorf("%d kinds, %d types, %v", len(f.Kinds), len(f.Types), err)
	}
}
