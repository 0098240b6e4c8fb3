package report

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"stele/bench"
)

// The size of a picture in pixels, as pages show that link to it.
const (
	pictureWidth  = 1200
	pictureHeight = 630
)

// The colours of a picture: those of the page in its light scheme.
var (
	paintBG     = color.RGBA{0xfa, 0xf9, 0xf7, 0xff}
	paintSunk   = color.RGBA{0xf1, 0xef, 0xea, 0xff}
	paintInk    = color.RGBA{0x1d, 0x1c, 0x1a, 0xff}
	paintInk2   = color.RGBA{0x4f, 0x4b, 0x44, 0xff}
	paintAccent = color.RGBA{0x2c, 0x4a, 0x99, 0xff}
	paintBar    = color.RGBA{0x8d, 0x87, 0x7b, 0xff}
	paintWait   = color.RGBA{0x8a, 0x4f, 0x00, 0xff}
	paintLine   = color.RGBA{0xe3, 0xdf, 0xd7, 0xff}
)

// picture is what a picture shows.
type picture struct {
	top, headline, answer, machine, doubt, footer string

	bars []pictureBar
}

// pictureBar is a rate with its interval and the rate of its limit, 0 if not known.
type pictureBar struct {
	name, rate string
	stats      bench.Stats
	limit      float64
	plain      bool // in the colour of what others are compared with
}

// maxBars is how many bars a picture has room for.
const maxBars = 7

// PNG draws a picture of 1200 x 630 pixels: the fastest rate with its interval, and a bar
// for each case of its mode; with several machines, the fastest case of each. It has the
// fastest of the bars if there is no room for all. Characters that the Go fonts lack are
// drawn as boxes. Errors: [ErrEmpty], and that of w.
func PNG(w io.Writer, sources []Source) error {
	sources, err := prepare(sources)
	if err != nil {
		return err
	}
	img, err := newPicture(sources).draw()
	if err != nil {
		return err
	}
	return png.Encode(w, img)
}

func newPicture(sources []Source) picture {
	s := sources[0]
	p := picture{
		top:      s.Result.Started.UTC().Format("2006-01-02"),
		headline: s.Name,
		machine:  machine(s.Result),
		footer:   "stele " + s.Result.Environment.Version + "   check it: stele bench check FILE",
	}
	if len(sources) > 1 {
		if c := compare(sources); len(c.modes) > 0 {
			p.ofSeveral(c.modes[0], c.ranked[c.modes[0]])
			return p
		}
	}
	for _, mode := range modesOf(sources) {
		if c := headline(s.Result, mode); c != nil {
			p.ofCase(s.Result, c)
			return p
		}
	}
	return p
}

// ofCase shows the fastest case of a mode among the others.
func (p *picture) ofCase(r *bench.Result, c *bench.CaseResult) {
	t := c.Mode.RateText(c.Rate)
	p.headline = t.Rate + " " + t.Unit
	p.answer = fmt.Sprintf("%s, %s. 95 %% %s to %s", title(c.Mode), c.Words(), t.Low, t.High)
	if c.Limit != nil {
		p.answer += ". " + percent(c.Limit.Share) + " of the limit"
	}
	if len(c.Flags) > 0 {
		p.doubt = "doubtful: " + strings.ReplaceAll(flagList(c.Flags), " ", ", ")
	}
	for _, k := range r.Sorted(c.Mode) {
		p.bars = append(p.bars, pictureBar{k.Words(), rateWords(k.Mode, k.Rate), k.Rate, limitRate(&k), k.Kernel == bench.Reference})
	}
}

// ofSeveral shows the fastest case of each machine.
func (p *picture) ofSeveral(mode bench.Mode, ranked []best) {
	first := ranked[0]
	t := mode.RateText(first.Case.Rate)
	p.top = bench.Count(len(ranked), "machine")
	p.headline = t.Rate + " " + t.Unit
	p.answer = fmt.Sprintf("%s, the fastest: %s. 95 %% %s to %s", title(mode), first.Name, t.Low, t.High)
	p.machine = first.what()
	var doubtful []string
	for _, b := range ranked {
		if len(b.Case.Flags) > 0 {
			doubtful = append(doubtful, b.Name)
		}
		p.bars = append(p.bars, pictureBar{b.Name, rateWords(mode, b.Case.Rate), b.Case.Rate, limitRate(&b.Case), false})
	}
	if len(doubtful) > 0 {
		p.doubt = "doubtful: " + strings.Join(doubtful, ", ")
	}
}

// canvas is a picture being drawn. The first error of a font stays.
type canvas struct {
	*image.RGBA
	err error
}

// draw draws the picture.
func (p picture) draw() (image.Image, error) {
	const left, right = 64, pictureWidth - 64
	c := &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))}
	c.fill(0, 0, pictureWidth, pictureHeight, paintBG)
	big, middle, small, strong := c.face(gobold.TTF, 76), c.face(goregular.TTF, 28), c.face(goregular.TTF, 22), c.face(gobold.TTF, 22)
	if c.err != nil {
		return nil, c.err
	}
	c.text(strong, "stele bench", left, 54, 400, paintInk)
	c.textRight(small, p.top, right, 54, 600, paintInk2)
	c.fill(left, 72, right, 73, paintLine)
	c.text(big, p.headline, left, 150, right-left, paintInk)
	c.text(middle, p.answer, left, 196, right-left, paintInk)
	c.text(small, p.machine, left, 230, right-left, paintInk2)
	if p.doubt != "" {
		c.triangle(left, 262, 16, paintWait)
		c.text(strong, p.doubt, left+26, 262, right-left-26, paintWait)
	}
	bars := p.bars[:min(len(p.bars), maxBars)]
	longest := 0.0
	for _, b := range bars {
		longest = max(longest, b.stats.High, b.limit)
	}
	const top, step = 286, 40
	for i, b := range bars {
		c.bar(b, strong, small, image.Rect(left, top+i*step, right, top+(i+1)*step), longest*1.02)
	}
	footer := p.footer
	if n := len(p.bars) - len(bars); n > 0 {
		footer = fmt.Sprintf("%d slower ones not shown   %s", n, footer)
	}
	c.text(small, footer, left, pictureHeight-28, right-left, paintInk2)
	return c.RGBA, nil
}

// bar draws a row: a name, a bar with an interval and a limit, and a rate.
func (c *canvas) bar(b pictureBar, strong, plain font.Face, row image.Rectangle, longest float64) {
	const nameWidth, rateWidth, height = 330, 190, 20
	x0, x1 := row.Min.X+nameWidth, row.Max.X-rateWidth
	middle := (row.Min.Y + row.Max.Y) / 2
	at := func(v float64) int {
		if !(longest > 0) {
			return x0
		}
		return x0 + int(min(max(v/longest, 0), 1)*float64(x1-x0))
	}
	c.text(plain, b.name, row.Min.X, middle+8, nameWidth-16, paintInk)
	c.textRight(strong, b.rate, row.Max.X, middle+8, rateWidth-16, paintInk)
	c.fill(x0, middle-height/2, x1, middle+height/2, paintSunk)
	paint := paintAccent
	if b.plain {
		paint = paintBar
	}
	c.fill(x0, middle-height/2, at(b.stats.Median), middle+height/2, paint)
	low, high := at(b.stats.Low), at(b.stats.High)
	for _, part := range []struct {
		grow  int
		paint color.RGBA
	}{{1, paintBG}, {0, paintInk}} { // light around dark, so that it shows on the bar
		g := part.grow
		c.fill(low-g, middle-1-g, high+g, middle+1+g, part.paint)
		c.fill(low-1-g, middle-6-g, low+1+g, middle+6+g, part.paint)
		c.fill(high-1-g, middle-6-g, high+1+g, middle+6+g, part.paint)
	}
	if b.limit > 0 {
		c.fill(at(b.limit)-1, middle-16, at(b.limit)+2, middle+16, paintInk)
	}
}

func (c *canvas) fill(x0, y0, x1, y1 int, paint color.RGBA) {
	draw.Draw(c.RGBA, image.Rect(x0, y0, x1, y1), image.NewUniform(paint), image.Point{}, draw.Src)
}

// triangle draws one that stands on its base, at the baseline of a text.
func (c *canvas) triangle(x, y, size int, paint color.RGBA) {
	for i := range size {
		c.fill(x+(size-i)/2, y-size+i, x+size-(size-i)/2, y-size+i+1, paint)
	}
}

// face returns a font in a size in pixels.
func (c *canvas) face(ttf []byte, size float64) font.Face {
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		c.err = err
		return nil
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		c.err = err
	}
	return face
}

// text writes at a baseline, cut to a width.
func (c *canvas) text(face font.Face, text string, x, y, width int, paint color.RGBA) {
	d := font.Drawer{Dst: c.RGBA, Src: image.NewUniform(paint), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(fit(face, text, width))
}

func (c *canvas) textRight(face font.Face, text string, x, y, width int, paint color.RGBA) {
	text = fit(face, text, width)
	c.text(face, text, x-font.MeasureString(face, text).Ceil(), y, width, paint)
}

// fit cuts a text to a width.
func fit(face font.Face, text string, width int) string {
	if font.MeasureString(face, text).Ceil() <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && font.MeasureString(face, string(runes)+"...").Ceil() > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "..."
}
