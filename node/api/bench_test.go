package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkGet measures requests without the network: routing, limits, reading
// and JSON.
func BenchmarkGet(b *testing.B) {
	s := newService(b, func(o *Options) { o.Rate = 1e12 })
	for name, path := range map[string]string{
		"tip": "/v1/tip", "block": "/v1/blocks/12", "12 headers": "/v1/headers", "state": "/v1/state",
		"record": "/v1/records/" + s.tip.Records[1].ID().String(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest("GET", "http://localhost"+path, nil)
				w := httptest.NewRecorder()
				s.api.Handler().ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
