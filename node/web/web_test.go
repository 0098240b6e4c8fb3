package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A page shows what the reader of the node says, in both languages.
func TestHome(t *testing.T) {
	s := newSite(t, 20, 20)
	tip := s.chain.Tip()
	text := s.shows("/", fmt.Sprintf("<b>%d</b>", tip.Height), "/blocks/"+tip.Hash.String(), `lang="en"`, "The last 20 blocks")
	if strings.Contains(text, "style=") {
		t.Error("the page has inline styles")
	}
	s.shows("/?lang=zh", `lang="zh-CN"`, "最近 20 个区块")
}

// Errors are pages with a status.
func TestErrorPages(t *testing.T) {
	s := newSite(t, 2, 2)
	for path, status := range map[string]int{
		"/nowhere": 404, "/?at=x": 422, "/?at=99": 404, assetPath + "nothing.css": 404,
	} {
		answer, text := s.get(path)
		if answer.StatusCode != status || len(text) == 0 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	answer, err := http.Post(s.URL+"/", "text/plain", nil)
	s.check(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %s", answer.Status)
	}
}
