package interop

import (
	"image"
	"image/color"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"stele/internal/qr"
	"stele/node/chain/chaintest"
	"stele/node/digitallink"
	"stele/node/ledger/record"
)

// A reader of QR codes finds in the image what it was made of.
func TestQRIsRead(t *testing.T) {
	for _, serial := range []record.Serial{"A/1", "87", `!"%&'()*+,-./:;<=>?_`} {
		link := digitallink.URI(digitallink.Canonical, chaintest.GTIN, serial)
		modules, err := qr.Modules(link)
		if err != nil {
			t.Fatal(err)
		}
		const scale, quiet = 4, 4
		side := (len(modules) + 2*quiet) * scale
		img := image.NewGray(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				mx, my := x/scale-quiet, y/scale-quiet
				if mx < 0 || my < 0 || mx >= len(modules) || my >= len(modules) || !modules[my][mx] {
					img.SetGray(x, y, color.Gray{Y: 255})
				}
			}
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		found, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		if err != nil || found.GetText() != link {
			t.Fatalf("%s: %v, %v", link, found, err)
		}
		gtin, got, err := digitallink.Parse(found.GetText())
		if err != nil || gtin != chaintest.GTIN || got != serial {
			t.Errorf("%v %q, %v", gtin, got, err)
		}
	}
}
