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
		next.ServeHTTP(&s, r)
		answered(r.Pattern, s.status, time.Since(began)) // the guard has set the pattern
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if !w.sent && status >= http.StatusOK { // those below are not the last
		w.status, w.sent = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.sent = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
