package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/node/metrics"
	"stele/node/query"
)

// Each request is counted once, by the route that answered it.
func TestAnswered(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := serve(t, func(o *Options) {
		o.Answered = func(route string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if took <= 0 {
				t.Errorf("%s took %v", route, took)
			}
			got = append(got, fmt.Sprintf("%d %s", status, route))
		}
	})
	s.get("/v1/tip", new(Tip))
	s.get("/v1/headers/3", new(Header))
	s.rejected(http.StatusNotFound, "GET", "/v1/headers/999", "", nil)
	s.rejected(http.StatusNotFound, "GET", "/elsewhere/999", "", nil)
	s.rejected(http.StatusForbidden, "GET", "/v1/tip", "", nil, header("Host", "evil.example"))
	s.rejected(http.StatusUnprocessableEntity, "POST", "/v1/records", "application/octet-stream", []byte("x"))
	want := []string{
		"200 GET /v1/tip", "200 GET /v1/headers/{id}", "404 GET /v1/headers/{id}", "404 ", "403 ", "422 POST /v1/records",
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, want) {
		t.Errorf("counted %q, want %q", got, want)
	}
}

// The metrics are served to whoever may read, and to nobody else.
func TestMetrics(t *testing.T) {
	m := metrics.New(metrics.Options{Status: func() query.Status { return query.Status{Height: 12} }})
	s := serve(t, func(o *Options) { o.Metrics, o.Answered, o.Token = m.Handler(), m.Answered, "secret" })
	s.get("/v1/tip", new(Tip))
	w := httptest.NewRecorder()
	s.api.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, want := range []string{"\nstele_chain_height 12\n", `stele_api_requests_total{code="2xx",route="GET /v1/tip"} 1`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	s.rejected(http.StatusForbidden, "GET", "/metrics", "", nil, header("Host", "evil.example"))
	s.rejected(http.StatusUnauthorized, "POST", "/metrics", "", nil)
	s.rejected(http.StatusMethodNotAllowed, "POST", "/metrics", "", nil, header("Authorization", "Bearer secret"))
	serve(t).rejected(http.StatusNotFound, "GET", "/metrics", "", nil)
}
