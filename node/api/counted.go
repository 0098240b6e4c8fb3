package api

import (
	"net/http"
	"time"
)

// counted calls answered after each request that next has answered.
func counted(next http.Handler, answered func(route string, status int, took time.Duration)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s := statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { // also after a panic, with which an export is broken off
			took := time.Since(began)
			if s.Header().Get("Content-Type") == eventStream { // it lasts as long as its client wants
				took = s.began.Sub(began)
			}
			answered(r.Pattern, s.status, took) // the guard has set the pattern
		}()
		next.ServeHTTP(&s, r)
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
	began  time.Time // when the answer began
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if !w.sent && status >= http.StatusOK { // those below are not the last
		w.status, w.sent, w.began = status, true, time.Now()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if !w.sent {
		w.sent, w.began = true, time.Now()
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
