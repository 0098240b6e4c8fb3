package web

import (
	"fmt"
	"strings"
	"testing"
)

// examples are the paths of all pages, with what a site has to show on them.
func examplePages(s *site) []string {
	return append([]string{"/", "/nowhere"}, s.allCases().examples()...)
}

// Every page holds in a browser: see [tab.checkPage]. With STELE_LOOK=FOLDER the test
// leaves pictures of all pages.
func TestPagesInBrowser(t *testing.T) {
	s := newSite(t, 70, 30)
	looks := []look{{1280, false, "en"}, {390, true, "zh"}}
	if lookFolder() != "" {
		looks = append(looks, look{1280, true, "zh"}, look{390, false, "en"})
	}
	for _, l := range looks {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			b := s.tab(t, l)
			for _, path := range examplePages(s) {
				sep := "?"
				if strings.Contains(path, "?") {
					sep = "&"
				}
				b.open(path + sep + "lang=" + l.lang)
				b.picture(pictureName(path, l))
				b.checkPage(path)
			}
		})
	}
}

// Without axe-core the tests of accessibility did not run, and this one says so.
func TestAxe(t *testing.T) {
	if _, err := axeSource(); err != nil {
		t.Skipf("NOT RUN: the checks of accessibility: make axe fetches axe-core (%v)", err)
	}
}
