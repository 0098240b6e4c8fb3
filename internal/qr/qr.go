// Package qr draws QR codes (ISO/IEC 18004) as SVG.
//
// [SVG] draws the code of a text. [Modules] returns its dark and light squares.
package qr

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// quiet is the width of the quiet zone, in modules.
const quiet = 4

// Modules returns the modules of the QR code of a text, true if dark, by rows from the
// top. There is no quiet zone around them. The code has error correction level M: it can
// be read with 15 % of it damaged. The error is that the text is empty or too long: at
// most 2331 bytes fit.
func Modules(text string) ([][]bool, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("QR code of %d bytes: %w", len(text), err)
	}
	code.DisableBorder = true
	return code.Bitmap(), nil
}

// SVG returns the QR code of a text as an SVG image, black on white, with the quiet zone
// of four modules around it. A module is one unit of the image. Errors: those of
// [Modules].
func SVG(text string) ([]byte, error) {
	modules, err := Modules(text)
	if err != nil {
		return nil, err
	}
	size := len(modules) + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, size, size)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, size, size)
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from { // a run of dark modules
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>` + "\n")
	return []byte(b.String()), nil
}
