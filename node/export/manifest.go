package export

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"github.com/minio/sha256-simd"

	textsafe "stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/query"
)

// Schema is the version of the tables and of how they are written. It changes whenever
// the same query gives other bytes.
const Schema = 1

// MaxManifest is the maximum size of a manifest as JSON, in bytes.
const MaxManifest = 16 << 10

// Manifest describes an exported file: what it was made from, and what it must be.
type Manifest struct {
	Schema     int               `json:"schema" doc:"version of the tables and of how they are written"`
	Table      string            `json:"table"`
	Filters    map[string]string `json:"filters" doc:"what narrowed the table down; parties by the first keys of their accounts"`
	Since      uint32            `json:"since" doc:"first height; 0 for tables of the ledger"`
	Format     Format            `json:"format"`
	Columns    []string          `json:"columns"`
	Network    string            `json:"network"`
	Genesis    string            `json:"genesis" doc:"hash of the genesis block"`
	Height     uint32            `json:"height" doc:"of the block as of which the file was made"`
	Block      string            `json:"block" doc:"its hash"`
	MedianTime uint32            `json:"median_time" doc:"of that block and the ten before it"`
	Rows       uint64            `json:"rows"`
	Bytes      uint64            `json:"bytes"`
	SHA256     string            `json:"sha256" doc:"of the file"`
	Seal       string            `json:"seal" doc:"SHA-256 of this manifest as compact JSON without program and seal"`
	Program    string            `json:"program,omitempty" doc:"version of the program that wrote it; not compared"`
}

// sealed returns the seal that the manifest must have.
func (m Manifest) sealed() (string, error) {
	m.Seal, m.Program = "", ""
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Reseal makes the seal that belongs to the manifest as it is.
func (m *Manifest) Reseal() (err error) {
	m.Seal, err = m.sealed()
	return err
}

// Errors of [ReadManifest], [Manifest.Check] and [Manifest.Compare], to be tested with
// errors.Is. Each says what is wrong with a file or its manifest.
var (
	// ErrManifest means that the manifest is none, or was changed.
	ErrManifest = errors.New("bad manifest")
	// ErrTruncated means that the file has not all of its bytes.
	ErrTruncated = errors.New("truncated file")
	// ErrChanged means that the bytes of the file are not those that were written.
	ErrChanged = errors.New("changed file")
	// ErrNetwork means that the file is of another network.
	ErrNetwork = errors.New("another network")
	// ErrBlock means that the block of the file is not in the chain.
	ErrBlock = errors.New("another chain")
	// ErrRows means that the chain gives other rows.
	ErrRows = errors.New("other rows")
)

// ReadManifest reads a manifest and checks its seal, which shows that it was not changed
// by accident; whoever changes it on purpose can make a new seal. Errors: [ErrManifest].
func ReadManifest(text []byte) (Manifest, error) {
	var m Manifest
	if len(text) > MaxManifest {
		return m, fmt.Errorf("%w: it has %d bytes, must be at most %d", ErrManifest, len(text), MaxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: it is not the JSON of a manifest: %w", ErrManifest, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return m, fmt.Errorf("%w: something follows after it", ErrManifest)
	}
	if err := m.checkTexts(); err != nil {
		return m, err
	}
	if m.Schema != Schema {
		return m, fmt.Errorf("%w: its schema is %d, this program knows %d", ErrManifest, m.Schema, Schema)
	}
	want, err := m.sealed()
	if err != nil {
		return m, err
	}
	if m.Seal != want {
		return m, fmt.Errorf("%w: it was changed: its seal is not that of its content", ErrManifest)
	}
	t := findTable(m.Table)
	if t == nil || !slices.Contains(Formats(), m.Format) {
		return m, fmt.Errorf("%w: this program has no table %.40q in the format %.40q", ErrManifest, m.Table, m.Format)
	}
	if columns := t.describe(); !slices.Equal(m.Columns, columns.columnNames()) {
		return m, fmt.Errorf("%w: its columns are not those of the table %s", ErrManifest, m.Table)
	}
	return m, nil
}

// checkTexts returns an error if a text of the manifest cannot be displayed: it may come
// from anybody, and terminals would run it.
func (m *Manifest) checkTexts() error {
	texts := append([]string{m.Table, string(m.Format), m.Network, m.Genesis, m.Block, m.SHA256, m.Seal, m.Program}, m.Columns...)
	for name, value := range m.Filters {
		texts = append(texts, name, value)
	}
	for _, t := range texts {
		if textsafe.Clean(t, textsafe.Max) != t {
			return fmt.Errorf("%w: the text %.80q has characters that are not printable, or is too long", ErrManifest, t)
		}
	}
	return nil
}

// Check reads a file to its end and compares it with the manifest. Errors:
// [ErrTruncated], [ErrChanged], those of the file.
func (m *Manifest) Check(file io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(hash, file)
	if err != nil {
		return err
	}
	switch size := uint64(n); {
	case size < m.Bytes:
		return fmt.Errorf("%w: it has %d bytes, the manifest says %d", ErrTruncated, size, m.Bytes)
	case size > m.Bytes:
		return fmt.Errorf("%w: it has %d bytes, the manifest says %d", ErrChanged, size, m.Bytes)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != m.SHA256 {
		return fmt.Errorf("%w: its SHA-256 is %s, the manifest says %s", ErrChanged, sum, m.SHA256)
	}
	return nil
}

// Compare compares the manifest with that of the same export by a node. Errors:
// [ErrNetwork], [ErrBlock], [ErrRows].
func (m *Manifest) Compare(node *Manifest) error {
	switch {
	case m.Network != node.Network || m.Genesis != node.Genesis:
		return fmt.Errorf("%w: the file is of %s with the genesis block %s, the node of %s with %s", ErrNetwork, m.Network, m.Genesis, node.Network, node.Genesis)
	case m.Height != node.Height || m.Block != node.Block || m.MedianTime != node.MedianTime:
		return fmt.Errorf("%w: block %d of the file is %s, that of the node %s", ErrBlock, m.Height, m.Block, node.Block)
	case m.Table != node.Table || m.Format != node.Format || m.Since != node.Since || !maps.Equal(m.Filters, node.Filters) || !slices.Equal(m.Columns, node.Columns):
		return fmt.Errorf("%w: the node answers for another query", ErrRows)
	case m.Rows != node.Rows || m.Bytes != node.Bytes || m.SHA256 != node.SHA256:
		return fmt.Errorf("%w: the node gives %d rows with the SHA-256 %s, the file has %d with %s", ErrRows, node.Rows, node.SHA256, m.Rows, m.SHA256)
	}
	return nil
}

// Query returns the query of which the file has the rows. Errors: [ErrManifest].
func (m *Manifest) Query() (Query, error) {
	q := Query{Table: m.Table, Since: m.Since, At: &m.Height}
	for name, text := range m.Filters {
		if err := setFilter(&q.Of, name, text); err != nil {
			return q, fmt.Errorf("%w: %w", ErrManifest, err)
		}
	}
	return q, nil
}

// setFilter sets the filter with a name.
func setFilter(of *query.Of, name, text string) error {
	if name == "gtin" {
		gtin, err := record.ParseGTIN(text)
		of.Product = &gtin
		return err
	}
	for _, f := range partyFilters {
		if f.name == name {
			key, err := record.ParseKey(text)
			*f.of(of) = &key
			return err
		}
	}
	return fmt.Errorf("there is no filter %.40q", name)
}

// ManifestName returns the name of the manifest beside a file.
func ManifestName(file string) string { return file + ".manifest.json" }

// Parameters returns the parameters of the API with which a node makes the same export:
// format, at, since and the filters.
func (m *Manifest) Parameters() url.Values {
	p := url.Values{"format": {string(m.Format)}, "at": {fmt.Sprint(m.Height)}}
	if m.Since > 0 {
		p.Set("since", fmt.Sprint(m.Since))
	}
	for name, text := range m.Filters {
		p.Set(name, text)
	}
	return p
}
