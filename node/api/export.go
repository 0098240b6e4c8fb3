package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stele/node/export"
)

// Limits of exports. Each reads all of a table, so there are few at a time.
const (
	maxExports          = 2
	maxExportsOfAddress = 1 // other than loopback
	maxExportTime       = time.Hour
	minExportPace       = 64 << 10 // bytes per second that a client reads at least, but for writeTimeout
	exportRetry         = "10"     // seconds
)

// ManifestTrailer is the HTTP trailer that follows an export: its manifest as JSON. An
// export without it is not whole.
const ManifestTrailer = "Stele-Manifest"

// ExportTable is a table that can be exported.
type ExportTable struct {
	Name    string         `json:"name"`
	Summary string         `json:"summary"`
	OfChain bool           `json:"of_chain" doc:"a row for each record or block up to the height; else a row for each thing as of the height"`
	Filters []string       `json:"filters" doc:"parameters that narrow it down"`
	Columns []ExportColumn `json:"columns"`
}

// ExportColumn is a column of a table.
type ExportColumn struct {
	Name     string `json:"name"`
	Kind     string `json:"kind" enum:"text,word,hex,number,amount,time,flag,json"`
	Optional bool   `json:"optional" doc:"a row may have no value"`
	Doc      string `json:"doc,omitempty"`
}

type exportInput struct {
	Table   string `path:"table" maxLength:"40" doc:"a name of /v1/export"`
	Format  string `query:"format" enum:"csv,jsonl,parquet" default:"csv"`
	At      string `query:"at" maxLength:"10" doc:"height of the block as of which the export is made; the tip if missing"`
	Since   uint32 `query:"since" doc:"first height, for tables of the chain"`
	Seller  string `query:"seller" maxLength:"80" doc:"a key of the seller"`
	Holder  string `query:"holder" maxLength:"80" doc:"a key of the holder"`
	Maker   string `query:"maker" maxLength:"80" doc:"a key of the maker"`
	Carrier string `query:"carrier" maxLength:"80" doc:"a key of the carrier"`
	GTIN    string `query:"gtin" maxLength:"14" doc:"number of the product"`
}

// exportQuery reads the parameters. It fixes the height, so that the answer can be named.
func (a *API) exportQuery(in *exportInput) (q export.Query, err error) {
	q = export.Query{Table: in.Table, Since: in.Since}
	if q.Of, err = (&filter{seller: in.Seller, holder: in.Holder, maker: in.Maker, carrier: in.Carrier, gtin: in.GTIN}).of(); err != nil {
		return q, err
	}
	height := a.chain.Tip().Height
	if in.At != "" {
		n, err := strconv.ParseUint(in.At, 10, 32)
		if err != nil {
			return q, newProblem(http.StatusUnprocessableEntity, "at is not the height of a block")
		}
		height = uint32(n)
	}
	q.At = &height
	return q, nil
}

func (a *API) registerExports(api huma.API) {
	huma.Register(api, get("list-export-tables", "/v1/export", "The tables that can be exported, with their columns"), listExportTables)
	op := get("export-table", "/v1/export/{table}", "A table as a file")
	op.Description = "The same request at the same height gives the same bytes on every node. The manifest of the file follows " +
		"as the HTTP trailer " + ManifestTrailer + "; an answer that was cut short has none, and its chunked encoding does not end. " +
		"At most " + fmt.Sprint(maxExports) + " exports run at a time, and one of an address. A client that reads less than " +
		fmt.Sprint(minExportPace>>10) + " KiB a second for long loses the connection."
	content := map[string]*huma.MediaType{}
	for _, f := range export.Formats() {
		content[f.ContentType()] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: content}}
	huma.Register(api, op, a.streamed(a.writeExport))
	op = get("get-export-manifest", "/v1/export/{table}/manifest", "The manifest that an export has, without its rows")
	op.Description = "Makes the export and discards the rows, to compare a file with what this node exports."
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[export.Manifest](), true, "Manifest")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The manifest", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
	}}
	huma.Register(api, op, a.streamed(a.writeManifest))
}

func listExportTables(context.Context, *struct{}) (*answer[[]ExportTable], error) {
	res := []ExportTable{}
	for _, t := range export.Tables() {
		line := ExportTable{Name: t.Name, Summary: t.Summary, OfChain: t.OfChain, Filters: append([]string{}, t.Filters...)}
		for _, c := range t.Columns {
			line.Columns = append(line.Columns, ExportColumn{c.Name, c.Kind.String(), c.Optional, c.Doc})
		}
		res = append(res, line)
	}
	return &answer[[]ExportTable]{res}, nil
}

func (a *API) exportSource() export.Source {
	return export.Source{Params: a.params, Chain: a.chain, Views: a.views, Credit: a.credit, Program: a.version}
}

// streamed answers with what write writes, if there is room for another export. Write
// may take long.
func (a *API) streamed(write func(context.Context, *slowWriter, export.Format, export.Query)) func(context.Context, *exportInput) (*huma.StreamResponse, error) {
	return func(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
		q, err := a.exportQuery(in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			leave, ok := a.exporters.enter(r.RemoteAddr, maxExportsOfAddress)
			if !ok {
				w.Header().Set("Retry-After", exportRetry)
				writeProblem(w, http.StatusTooManyRequests, "an export for this address is running already; try again later")
				return
			}
			defer leave()
			select {
			case a.exports <- struct{}{}:
				defer func() { <-a.exports }()
			default:
				w.Header().Set("Retry-After", exportRetry)
				writeProblem(w, http.StatusTooManyRequests, fmt.Sprintf("%d exports are running, which is the most at a time; try again later", maxExports))
				return
			}
			ctx, cancel := context.WithTimeout(r.Context(), maxExportTime)
			defer cancel()
			write(ctx, newSlowWriter(w), export.Format(in.Format), q)
		}}, nil
	}
}

// writeExport answers with an export. If it fails after the first bytes, it breaks the
// connection, so that nobody takes the part for the whole.
func (a *API) writeExport(ctx context.Context, out *slowWriter, f export.Format, q export.Query) {
	h := out.w.Header()
	out.begin = func() {
		h.Set("Content-Type", f.ContentType())
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="stele-%s-%d.%s"`, q.Table, *q.At, f))
		h.Set("Trailer", ManifestTrailer)
	}
	m, err := export.Write(ctx, out, f, q, a.exportSource())
	var manifest []byte
	if err == nil {
		manifest, err = json.Marshal(m)
	}
	switch {
	case err == nil:
		out.start()
		h.Set(ManifestTrailer, string(manifest))
	case out.begun:
		a.log.Info("export broken off", "table", q.Table, "height", *q.At, "err", err)
		panic(http.ErrAbortHandler)
	default:
		writeExportProblem(out.w, err)
	}
}

// writeManifest answers with the manifest of an export.
func (a *API) writeManifest(ctx context.Context, out *slowWriter, f export.Format, q export.Query) {
	m, err := export.Write(ctx, io.Discard, f, q, a.exportSource())
	if err != nil {
		writeExportProblem(out.w, err)
		return
	}
	out.begin = func() { out.w.Header().Set("Content-Type", "application/json") }
	_ = json.NewEncoder(out).Encode(m) // to a client that may have gone
}

func writeExportProblem(w http.ResponseWriter, err error) {
	var p *problem
	if errors.As(queryProblem(err), &p) {
		writeProblem(w, p.Status, p.Detail)
	}
}

// slowWriter is an answer that may take as long as its client reads it: the time that
// other answers have in all, and a second more for each minExportPace bytes.
type slowWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begin   func() // called before the first byte
	begun   bool
	written int
	waited  time.Duration // for the client
}

func newSlowWriter(w http.ResponseWriter) *slowWriter {
	control := http.NewResponseController(w)
	// The deadline of the request would end its context. A test without a connection has none.
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	return &slowWriter{w: w, control: control}
}

// start sends the header, if nothing was sent yet: a trailer can follow only then.
func (s *slowWriter) start() {
	if s.begun {
		return
	}
	s.begun = true
	s.begin()
	_ = s.control.Flush()
}

// Write implements io.Writer.
func (s *slowWriter) Write(p []byte) (int, error) {
	s.start()
	now := time.Now()
	_ = s.control.SetWriteDeadline(now.Add(writeTimeout + time.Duration(s.written/minExportPace)*time.Second - s.waited))
	n, err := s.w.Write(p)
	s.written += n
	s.waited += time.Since(now)
	return n, err
}
