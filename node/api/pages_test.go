package api

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"stele/internal/netguard"
)

// Pages get what the API does not have, and nothing below /v1/. Everybody may have a file
// checked, which can be longer than other bodies; nothing else can be posted to pages.
func TestGuardOfPages(t *testing.T) {
	s := serve(t, func(o *Options) {
		o.Token = "secret"
		o.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if isTrusted(r.Context()) {
				t.Error("pages get the right to write")
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"path": "`+r.URL.Path+`", "body": `+strings.Repeat("1", min(len(body), 1))+`0}`)
		})
	})
	for _, path := range []string{"/", "/nowhere", "/v2/tip", "/blocks/1"} {
		if answer, text := s.do(http.MethodGet, path, "", nil); answer.StatusCode != http.StatusOK || !strings.Contains(string(text), path) {
			t.Errorf("GET %s: %s %s", path, answer.Status, text)
		}
	}
	for _, path := range []string{"/v1/nothing", "/v1"} {
		s.rejected(http.StatusNotFound, http.MethodGet, path, "", nil)
	}
	file := []byte(strings.Repeat("x", 8<<20))
	if answer, text := s.do(http.MethodPost, VerifyPath, "multipart/form-data", file); answer.StatusCode != http.StatusOK {
		t.Errorf("POST %s: %s %s", VerifyPath, answer.Status, text)
	}
	s.rejected(http.StatusRequestEntityTooLarge, http.MethodPost, VerifyPath, "multipart/form-data", append(file, make([]byte, 64<<10+1)...))
	s.rejected(http.StatusUnauthorized, http.MethodPost, "/", "text/plain", []byte("x"))
	s.rejected(http.StatusRequestEntityTooLarge, http.MethodGet, "/blocks/1", "text/plain", []byte("x"))
	foreign := func(r *http.Request) { r.Header.Set("Origin", "http://192.0.2.1") }
	s.rejected(http.StatusForbidden, http.MethodPost, VerifyPath, "multipart/form-data", file[:1], foreign)

	for range maxVerifyingOfAddress {
		s.api.verifiers.enter("192.0.2.1:1", maxVerifyingOfAddress)
	}
	through := func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }
	proxies, _ := netguard.ParseProxies([]string{"127.0.0.1"})
	s.api.SetAccess("", proxies)
	s.rejected(http.StatusTooManyRequests, http.MethodPost, VerifyPath, "multipart/form-data", file[:1], through)
	if answer, _ := s.do(http.MethodPost, VerifyPath, "multipart/form-data", file[:1]); answer.StatusCode != http.StatusOK {
		t.Errorf("another address: %s", answer.Status)
	}
	for range maxVerifying {
		s.api.verifying <- struct{}{}
	}
	s.rejected(http.StatusTooManyRequests, http.MethodPost, VerifyPath, "multipart/form-data", file[:1])
}

// Without pages their paths do not exist.
func TestWithoutPages(t *testing.T) {
	s := serve(t)
	s.rejected(http.StatusNotFound, http.MethodGet, "/", "", nil)
}
