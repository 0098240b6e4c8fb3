package qr_test

import (
	"encoding/xml"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"stele/internal/qr"
)

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// The image has exactly the dark modules of the code, in its quiet zone.
func TestSVG(t *testing.T) {
	for _, text := range []string{"https://id.gs1.org/01/06291041500213/21/A%2F1", "x", strings.Repeat("long ", 400)} {
		modules, err := qr.Modules(text)
		if err != nil {
			t.Fatal(err)
		}
		svg, err := qr.SVG(text)
		if err != nil {
			t.Fatal(err)
		}
		drawn := make([][]bool, len(modules))
		for y := range drawn {
			drawn[y] = make([]bool, len(modules))
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for _, m := range run.FindAllStringSubmatch(string(svg), -1) {
			if m[3] != m[4] {
				t.Fatalf("a run that is no rectangle: %s", m[0])
			}
			for x := range number(m[3]) {
				drawn[number(m[2])-4][number(m[1])-4+x] = true
			}
		}
		for y := range modules {
			for x := range modules[y] {
				if modules[y][x] != drawn[y][x] {
					t.Fatalf("module %d, %d", x, y)
				}
			}
		}
		for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		// The three finder patterns, by which a reader finds the code.
		last := len(modules) - 1
		for _, corner := range [][2]int{{0, 0}, {last, 0}, {0, last}} {
			if !modules[corner[1]][corner[0]] {
				t.Errorf("no finder pattern at %v", corner)
			}
		}
	}
	for _, text := range []string{"", strings.Repeat("x", 2332)} {
		if svg, err := qr.SVG(text); err == nil {
			t.Errorf("%d bytes of text: %d of SVG", len(text), len(svg))
		}
	}
}
