package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/epcis"
)

// The history of an item is a document, with the recalls of its product; the QR code of
// any item can be had.
func TestItemEPCIS(t *testing.T) {
	s := exportService(t)
	item := "/v1/items/" + chaintest.GTIN.String() + "/A%2F1"
	answer, text, err := s.download(item + "/epcis")
	var d epcis.Document
	if err != nil || json.Unmarshal(text, &d) != nil || answer.Header.Get("Content-Type") != epcis.ContentType || len(d.Body.Events) != 2 {
		t.Fatalf("%d %s, %v", answer.StatusCode, text, err)
	}
	answer, text, err = s.download(item + "/qr.svg?base=https://stele.example")
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "<svg ") {
		t.Errorf("%d %s, %v", answer.StatusCode, text, err)
	}
	for path, status := range map[string]int{
		strings.Replace(item, "A%2F1", "other", 1) + "/epcis":  http.StatusNotFound,
		strings.Replace(item, "A%2F1", "%C3%A9", 1) + "/epcis": http.StatusUnprocessableEntity,
		"/v1/items/06291041500214/A/qr.svg":                    http.StatusUnprocessableEntity,
		item + "/qr.svg?base=javascript:x":                     http.StatusUnprocessableEntity,
		item + "/qr.svg?base=https://x/?y":                     http.StatusUnprocessableEntity,
		item + "/qr.svg?base=https://user@x":                   http.StatusUnprocessableEntity,
	} {
		s.rejected(status, http.MethodGet, path, "", nil)
	}
}
