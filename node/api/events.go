package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stele/internal/netguard"
	"stele/node/feed"
	"stele/node/ledger/record"
)

// Limits of streams of events. They do not count as connections: see serve.go.
const (
	maxStreams          = 1024
	maxStreamsOfAddress = 16               // other than loopback
	streamWriteTimeout  = 10 * time.Second // of some events; a slower client is disconnected
	heartbeatEvery      = 15 * time.Second
	reconnectAfter      = 2 * time.Second // that clients wait before they connect again
	eventStream         = "text/event-stream"
)

type eventsInput struct {
	Kind     []string `query:"kind,explode" doc:"only these kinds of events; repeated, or with commas" example:"block"`
	Type     []string `query:"type,explode" doc:"only records of these types; repeated, or with commas" example:"CLAIM_OPEN"`
	Party    string   `query:"party" maxLength:"80" doc:"a key: only records that concern its account"`
	Voucher  string   `query:"voucher" maxLength:"64" doc:"only records about it"`
	Claim    string   `query:"claim" maxLength:"64" doc:"only records about it"`
	Shipment string   `query:"shipment" maxLength:"64" doc:"only records about it"`
	After    string   `query:"after" maxLength:"80" doc:"id of the last event that the client has"`
	LastID   string   `header:"Last-Event-ID" doc:"the same, as browsers send it; it goes before after"`
	remote   string   // "host:port" of the client
}

// Resolve implements huma.Resolver.
func (in *eventsInput) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func (a *API) registerEvents(api huma.API) {
	op := get("get-events", "/v1/events", "What happens at the node, while it happens")
	op.Description = "A stream as in the HTML standard, section 9.2 (server-sent events), that ends only with the connection. " +
		"The kinds of events are " + strings.Join(kindNames(), ", ") + ", and gap and dropped, which concern the client itself. " +
		"With a voucher, claim, shipment, party or type, only records in blocks are sent that fit, and other kinds that are asked for."
	op.Responses = map[string]*huma.Response{"200": {Description: "The stream", Content: map[string]*huma.MediaType{
		eventStream: {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	huma.Register(api, op, a.getEvents)
}

func kindNames() (names []string) {
	for _, k := range feed.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func (a *API) getEvents(_ context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	filter, err := a.eventFilter(in)
	if err != nil {
		return nil, err
	}
	if in.After != "" && !feed.IsID(in.After) {
		return nil, newProblem(http.StatusUnprocessableEntity, "invalid after: must be the id of an event")
	}
	leave, err := a.streams.enter(in.remote)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer leave()
		r, w := humago.Unwrap(ctx)
		after := in.LastID
		if after == "" {
			after = in.After
		}
		s := &stream{w: w, to: http.NewResponseController(w)}
		if err := s.run(r, a.feed, filter, after); err != nil {
			a.log.Debug("event stream ended", "remote", in.remote, "err", err)
		}
	}}, nil
}

// eventFilter reads the filter of a request.
func (a *API) eventFilter(in *eventsInput) (f feed.Filter, err error) {
	for _, name := range split(in.Kind) {
		if !slices.Contains(feed.Kinds(), feed.Kind(name)) {
			return f, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("invalid kind %q: must be one of %s", cut(name), strings.Join(kindNames(), ", ")))
		}
		if !slices.Contains(f.Kinds, feed.Kind(name)) { // each event is compared with all
			f.Kinds = append(f.Kinds, feed.Kind(name))
		}
	}
	for _, name := range split(in.Type) {
		t, err := record.ParseType(name)
		if err != nil {
			return f, newProblem(http.StatusUnprocessableEntity, cut(err.Error()))
		}
		if !slices.Contains(f.Types, t) {
			f.Types = append(f.Types, t)
		}
	}
	for _, x := range []struct {
		to   *record.ID
		text string
	}{{&f.Voucher, in.Voucher}, {&f.Claim, in.Claim}, {&f.Shipment, in.Shipment}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = parseID(x.text); err != nil {
			return f, err
		}
	}
	if in.Party == "" {
		return f, nil
	}
	if f.Party, err = parseKey(in.Party); err == nil && a.views != nil {
		if f.Party, err = a.views.Account(f.Party); err != nil {
			err = queryProblem(err)
		}
	}
	return f, err
}

// split returns the parts of texts between commas.
func split(texts []string) (parts []string) {
	for _, t := range texts {
		parts = append(parts, strings.Split(t, ",")...)
	}
	return parts
}

// stream is a stream of events to a client.
type stream struct {
	w  http.ResponseWriter
	to *http.ResponseController
}

// run sends events until the client or the server ends the connection. The error says why
// it ended.
func (s *stream) run(r *http.Request, f *feed.Feed, filter feed.Filter, after string) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if serving, ok := ctx.Value(servingKey{}).(context.Context); ok {
		defer context.AfterFunc(serving, cancel)()
	}
	if conn, ok := ctx.Value(connKey{}).(net.Conn); ok {
		netguard.Release(conn) // it counts as a stream
	}
	h := s.w.Header()
	h.Set("Content-Type", eventStream)
	h.Set("X-Accel-Buffering", "no") // for nginx
	h.Set("Connection", "close")
	_ = s.to.SetReadDeadline(time.Time{}) // a recorder of a test has none
	greeting := fmt.Sprintf(":\nretry: %d\n", reconnectAfter.Milliseconds())
	var reader *feed.Reader
	if after == "" {
		reader = f.Read(filter)
		greeting += "id: " + reader.ID() + "\n"
	} else {
		reader = f.ReadAfter(filter, after)
	}
	defer reader.Close()
	if err := s.write([]byte(greeting + "\n")); err != nil || r.Method == http.MethodHead {
		return err
	}
	for {
		if err := s.next(ctx, reader); err != nil {
			return err
		}
	}
}

// next sends the next events, or a sign of life if there are none for long.
func (s *stream) next(ctx context.Context, reader *feed.Reader) error {
	wait, cancel := context.WithTimeout(ctx, heartbeatEvery)
	defer cancel()
	events, err := reader.Next(wait)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		// The id lets a client whose filter lets little through go on from here.
		return s.write([]byte(":\nid: " + reader.ID() + "\n\n"))
	}
	if err != nil {
		return err
	}
	texts := make([][]byte, len(events))
	for i, e := range events {
		texts[i] = e.Text
	}
	return s.write(texts...)
}

// write sends texts at once.
func (s *stream) write(texts ...[]byte) error {
	_ = s.to.SetWriteDeadline(time.Now().Add(streamWriteTimeout))
	for _, t := range texts {
		if _, err := s.w.Write(t); err != nil {
			return err
		}
	}
	return s.to.Flush()
}

// streams counts the streams. The zero value has none. Safe for concurrent use.
type streams struct {
	places
	mu    sync.Mutex
	total int
}

// enter counts a stream of a client until leave is called. The error is a problem.
func (s *streams) enter(remote string) (leave func(), err error) {
	left, ok := s.places.enter(remote, maxStreamsOfAddress)
	if !ok {
		return nil, newProblem(http.StatusTooManyRequests, fmt.Sprintf("this address has %d streams already", maxStreamsOfAddress))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= maxStreams {
		left()
		return nil, newProblem(http.StatusServiceUnavailable, fmt.Sprintf("the node has %d streams already", maxStreams))
	}
	s.total++
	return func() {
		left()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
	}, nil
}
