package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static/*
var staticFiles embed.FS

const assetPath = "/assets/"

// assets are files that pages load. The names that they are served under have a part
// of their hashes, so that browsers may keep them forever. Immutable.
type assets struct {
	byPath map[string]*asset
	paths  map[string]string // by file name
}

type asset struct {
	contentType string
	raw, zipped []byte
}

func readAssets() (*assets, error) {
	a := &assets{byPath: map[string]*asset{}, paths: map[string]string{}}
	files, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		raw, err := staticFiles.ReadFile("static/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		ext := path.Ext(f.Name())
		name := assetPath + strings.TrimSuffix(f.Name(), ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		a.byPath[name] = &asset{mime.TypeByExtension(ext), raw, zip(raw, gzip.BestCompression)}
		a.paths[f.Name()] = name
	}
	return a, nil
}

// path returns the path under which a file is served.
func (a *assets) path(file string) string { return a.paths[file] }

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file := a.byPath[r.URL.Path]
	if file == nil {
		http.Error(w, "no such file: the page that names it is older than this version of the node; load it again", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := file.raw
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = file.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// acceptsGzip reports whether the client of a request reads gzip.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

func zip(raw []byte, level int) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		_, _ = z.Write(raw)
		_ = z.Close() // a buffer takes everything
	}
	return b.Bytes()
}

// writeCompressed writes an answer, compressed if the client reads that.
func writeCompressed(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")
	if acceptsGzip(r) {
		var b bytes.Buffer
		z := zippers.Get().(*gzip.Writer)
		z.Reset(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		zippers.Put(z)
		h.Set("Content-Encoding", "gzip")
		body = b.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
