package alert

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"stele/node/ledger/record"
	"stele/node/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scene is a book with two sources that say what a test wants.
type scene struct {
	*Book
	mu        sync.Mutex
	height    uint32
	defaults  []Fact
	recalls   []Fact
	err       error // of defaults
	asked     int   // of defaults
	published []string
}

func newScene(file string) *scene {
	s := &scene{height: 1}
	s.Book = NewBook(Options{
		Sources: []Source{
			{"defaults", []Kind{Default}, func(context.Context) (Report, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.asked++
				return Report{Facts: slices.Clone(s.defaults)}, s.err
			}},
			{"recalls", []Kind{Recall}, func(context.Context) (Report, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				return Report{Facts: slices.Clone(s.recalls)}, nil
			}},
		},
		Tip: func() At {
			s.mu.Lock()
			defer s.mu.Unlock()
			return at(s.height)
		},
		File:    file,
		Publish: func(a Alert) { s.published = append(s.published, string(a.Kind)+" "+string(a.State)) },
	})
	return s
}

// An alert is published when it opens, when somebody acknowledges it and when it is over,
// and a source that fails changes nothing.
func TestBook(t *testing.T) {
	s := newScene("")
	ctx := t.Context()
	s.defaults = []Fact{{Kind: Default, Subject: "a", Text: "first", Records: []record.ID{{1}}}}
	s.Round(ctx)
	s.Round(ctx)
	id := IDOf(Default, "a")
	if _, err := s.Acknowledge(id, " \t"); !errors.Is(err, ErrName) {
		t.Errorf("nobody acknowledges: %v", err)
	}
	a, err := s.Acknowledge(id, "me\x1b[31m")
	if err != nil || a.State != Acknowledged || a.By != "me [31m" || a.Acknowledged != at(1) {
		t.Errorf("%+v, %v", a, err)
	}
	s.height, s.err, s.defaults = 2, errors.New("not now"), nil
	s.recalls = []Fact{{Kind: Recall, Subject: "r"}, {Kind: Default, Subject: "of another source"}}
	s.Round(ctx)
	if a, _ := s.Get(id); a.State != Acknowledged {
		t.Errorf("a source that fails: %+v", a)
	}
	s.height, s.err = 3, nil
	s.Round(ctx)
	if _, err := s.Acknowledge(id, "me"); !errors.Is(err, ErrResolved) {
		t.Errorf("a resolved alert: %v", err)
	}
	if _, err := s.Get("0123456789abcdef"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown alert: %v", err)
	}
	s.height, s.defaults = 4, []Fact{{Kind: Default, Subject: "a", Text: "again"}}
	s.Round(ctx)
	a, err = s.Get(id)
	if err != nil || a.State != Open || a.Openings != 2 || a.By != "" || a.Opened != at(4) || a.Text != "again" {
		t.Errorf("%+v, %v", a, err)
	}
	want := []string{"default open", "default acknowledged", "recall open", "default resolved", "default open"}
	if !slices.Equal(s.published, want) {
		t.Errorf("published %q, want %q", s.published, want)
	}
	if counts := s.Counts(); len(counts) != 2 || counts[Default] != 1 || counts[Recall] != 1 {
		t.Errorf("counts %v", counts)
	}
	if counts := s.CountStates(); len(counts) != len(Kinds()) || counts[Default][Open] != 1 || counts[Default][Resolved] != 0 {
		t.Errorf("counts %v", counts)
	}
}

// Pages have all alerts of some states, once.
func TestPages(t *testing.T) {
	s := newScene("")
	for height := range uint32(4) {
		s.height = height
		for _, subject := range []string{"a", "b", "c"} {
			s.defaults = append(s.defaults, Fact{Kind: Default, Subject: subject + string('0'+rune(height))})
		}
		s.Round(t.Context())
	}
	s.defaults = s.defaults[1:]
	s.Round(t.Context())
	for _, c := range []struct {
		states []State
		want   int
	}{{nil, 12}, {[]State{Open}, 11}, {[]State{Resolved}, 1}, {[]State{Acknowledged}, 0}} {
		seen := map[string]bool{}
		for from := query.Cursor(""); ; {
			page, err := s.List(c.states, query.Range{From: from, Limit: 5})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Items {
				seen[a.ID] = true
			}
			if from = page.Next; from == "" {
				break
			}
			if len(page.Items) != 5 {
				t.Fatalf("a page of %d", len(page.Items))
			}
		}
		if len(seen) != c.want {
			t.Errorf("%v: %d alerts, want %d", c.states, len(seen), c.want)
		}
	}
	for _, from := range []query.Cursor{"x", "1", "1.2.3", "01.0123456789abcdef"} {
		if _, err := s.List(nil, query.Range{From: from, Limit: 5}); !errors.Is(err, query.ErrInvalid) {
			t.Errorf("from %q: %v", from, err)
		}
	}
}

// Alerts survive a restart with their acknowledgements; a file that is damaged is set
// aside.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alerts.json")
	s := newScene(file)
	s.defaults = []Fact{{Kind: Default, Subject: "a", Text: "text", Records: []record.ID{{7}}}, {Kind: Default, Subject: "b"}}
	s.Round(t.Context())
	id := IDOf(Default, "a")
	if _, err := s.Acknowledge(id, "me"); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Get(id)
	again := newScene(file)
	again.defaults, again.height = s.defaults[:1], 9
	again.Round(t.Context())
	after, err := again.Get(id)
	if err != nil || after.By != "me" || after.State != Acknowledged || after.Opened != before.Opened || !slices.Equal(after.Records, before.Records) {
		t.Errorf("after a restart %+v, %v; before %+v", after, err, before)
	}
	if b, _ := again.Get(IDOf(Default, "b")); b.State != Resolved || !slices.Equal(again.published, []string{"default resolved"}) {
		t.Errorf("what ended meanwhile: %+v, published %q", b, again.published)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string]string{
		"cut":     string(content[:len(content)/2]),
		"empty":   "",
		"version": strings.Replace(string(content), `"version":1`, `"version":2`, 1),
		"subject": strings.Replace(string(content), `"subject":"a"`, `"subject":"x"`, 1),
		"state":   strings.Replace(string(content), `"state":"acknowledged"`, `"state":"gone"`, 1),
		"twice":   strings.Replace(string(content), `"alerts":[`, `"alerts":[`+alertOf(string(content))+",", 1),
	} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		empty := newScene(file)
		if page, err := empty.List(nil, query.Range{Limit: 9}); err != nil || len(page.Items) > 0 {
			t.Errorf("%s: %d alerts, %v", what, len(page.Items), err)
		}
		if aside, err := os.ReadFile(file + ".damaged"); err != nil || string(aside) != damaged {
			t.Errorf("%s: not set aside: %v", what, err)
		}
	}
}

// alertOf returns the first alert of a file.
func alertOf(content string) string {
	from := strings.Index(content, `{"id"`)
	return content[from : strings.Index(content, `},{"id"`)+1]
}

// A file that cannot be written is tried again.
func TestFileFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	s := newScene(filepath.Join(dir, "alerts.json"))
	s.defaults = []Fact{{Kind: Default, Subject: "a"}}
	s.Round(t.Context())
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Round(t.Context())
	if _, err := os.Stat(filepath.Join(dir, "alerts.json")); err != nil {
		t.Error(err)
	}
}

// Rounds follow changes, at most one a second, and come every ten seconds without one.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene("")
		ctx, cancel := context.WithCancel(t.Context())
		changed, done := make(chan struct{}, 1), make(chan struct{})
		go func() { defer close(done); s.Run(ctx, changed) }()
		asked := func(want int) {
			t.Helper()
			synctest.Wait()
			if s.mu.Lock(); s.asked != want {
				t.Errorf("%d rounds, want %d", s.asked, want)
			}
			s.mu.Unlock()
		}
		asked(1)
		for range 30 { // three seconds of blocks
			select {
			case changed <- struct{}{}:
			default:
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Millisecond)
		asked(4) // at once, and at each second
		time.Sleep(pause)
		asked(5)
		time.Sleep(idle + pause)
		asked(6)
		cancel()
		<-done
	})
}

// Nothing that a file has makes the book panic, and what is read can be written.
func FuzzDecode(f *testing.F) {
	m := newMachine()
	m.round(at(1), Kinds(), Report{Facts: []Fact{{Kind: Default, Subject: "a", Text: "t", Records: []record.ID{{1}}}, {Kind: Recall, Subject: "b"}}})
	content, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"version":1,"alerts":[{}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := decode(content)
		if err != nil {
			return
		}
		text, err := m.encode()
		if err != nil {
			t.Skip("a time that JSON cannot write")
		}
		if again, err := decode(text); err != nil || len(again.alerts) != len(m.alerts) {
			t.Errorf("read again: %v", err)
		}
	})
}
