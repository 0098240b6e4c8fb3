package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
)

// Where a record is.
const (
	pooled    = "pooled"    // it waits for a block and is on disk
	confirmed = "confirmed" // it is in the chain
)

// Record is a record and where it is.
type Record struct {
	ID            string       `json:"id"`
	State         string       `json:"state" enum:"pooled,confirmed" doc:"pooled: the record waits for a block; confirmed: the chain has it"`
	Block         string       `json:"block,omitempty" doc:"hash of the block that has it"`
	Height        uint32       `json:"height,omitempty" doc:"of the block"`
	Index         uint32       `json:"index,omitempty" doc:"in the block"`
	Confirmations uint32       `json:"confirmations" doc:"1: the tip has it; 0: no block"`
	Record        SignedRecord `json:"record"`
	Type          string       `json:"type" example:"CLAIM_OPEN"`
	Size          int          `json:"size" doc:"of the encoding with signatures, in bytes"`
	FeeRate       uint64       `json:"fee_rate" doc:"units of 1e-8 per 1000 bytes"`
	Signers       []Signer     `json:"signers"`
	ClaimedTime   uint32       `json:"claimed_time,omitempty" doc:"as the author says; nothing proves it"`
	BlockTime     uint32       `json:"block_time,omitempty" doc:"as the miner says; missing while it waits"`
	MedianTime    uint32       `json:"median_time,omitempty" doc:"of the eleven blocks before: what the rules go by; missing while it waits"`
	Voucher       string       `json:"voucher,omitempty" doc:"that it is about"`
	Claim         string       `json:"claim,omitempty" doc:"that it is about"`
	Shipment      string       `json:"shipment,omitempty" doc:"that it is about"`
	Seen          *Seen        `json:"seen,omitempty" doc:"what this node remembers of it; missing if nothing"`

	RevertChances []RevertChance `json:"revert_chances,omitempty" doc:"of attackers with some shares of all work; missing while it waits"`
}

// RecordLine is a record in a list.
type RecordLine struct {
	ID      string        `json:"id"`
	Type    string        `json:"type" example:"CLAIM_OPEN"`
	Size    int           `json:"size" doc:"of the encoding with signatures, in bytes"`
	Fee     record.Amount `json:"fee"`
	FeeRate uint64        `json:"fee_rate" doc:"units of 1e-8 per 1000 bytes"`
}

// PooledRecord is a record that waits for a block.
type PooledRecord struct {
	RecordLine
	Author record.Key `json:"author"`
}

// ComingBlock is a block that the pool would fill.
type ComingBlock struct {
	Records int           `json:"record_count"`
	Size    int           `json:"size" doc:"of the records, in bytes"`
	Fees    record.Amount `json:"fees" doc:"of the records"`
	MaxRate uint64        `json:"max_fee_rate" doc:"units of 1e-8 per 1000 bytes"`
	MinRate uint64        `json:"min_fee_rate" doc:"units of 1e-8 per 1000 bytes"`
}

func newRecordLine(r *record.Record) RecordLine {
	return RecordLine{r.ID().String(), r.Type().String(), r.Size(), r.Fee, uint64(pool.RateOf(r))}
}

// SignedRecord is a record in the JSON form of package record.
type SignedRecord struct{ Value *record.Record }

// MarshalJSON implements json.Marshaler.
func (r SignedRecord) MarshalJSON() ([]byte, error) { return json.Marshal(r.Value) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *SignedRecord) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &r.Value) }

// Schema implements huma.SchemaProvider.
func (SignedRecord) Schema(huma.Registry) *huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	number := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger, Description: doc} }
	return &huma.Schema{
		Type:        huma.TypeObject,
		Description: "A signed record, as \"stele record show --json\" writes it.",
		Properties: map[string]*huma.Schema{
			"id":          text("double SHA-256 of the body"),
			"network":     {Description: "network for which it is signed"},
			"type":        text("as PAY or VOUCHER_ISSUE"),
			"version":     number("of the type"),
			"seq":         number("sequence number of the author"),
			"valid_until": number("height of the last block that may hold it"),
			"fee":         text("decimal"),
			"key":         text("the author"),
			"payload":     {Type: huma.TypeObject, Description: "as the type has it"},
			"signatures":  {Type: huma.TypeArray, Items: text("128 hex digits")},
		},
	}
}

// Sent is the answer to a record that was accepted.
type Sent struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"pooled,confirmed" doc:"pooled: the record is on disk and waits for a block; confirmed: the chain has it"`
}

// Proof is a proof that a record is in a block.
type Proof struct {
	ID     string     `json:"id" doc:"of the record"`
	Block  string     `json:"block" doc:"hash of the header"`
	Height uint32     `json:"height"`
	Proof  proofModel `json:"proof"`
}

// proofModel is a proof in the JSON form of package block.
type proofModel struct{ block.Proof }

// Schema implements huma.SchemaProvider.
func (proofModel) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"header": {Type: huma.TypeString, Description: "the encoded header, 160 hex digits"},
			"index":  {Type: huma.TypeInteger, Description: "of the record in the block"},
			"count":  {Type: huma.TypeInteger, Description: "of all records in the block"},
			"branch": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: "the siblings, from the leaf upwards"},
		},
	}
}

// Pool is how full the pool is, and the records that it would mine first.
type Pool struct {
	Count    int      `json:"record_count"`
	Accounts int      `json:"accounts" doc:"with records that wait"`
	Bytes    int64    `json:"bytes" doc:"of the encoded records"`
	Memory   int64    `json:"memory_bytes" doc:"memory that the records take"`
	MaxBytes int64    `json:"max_memory_bytes"`
	MinRate  uint64   `json:"min_fee_rate" doc:"lowest fee rate that the pool accepts: units of 1e-8 per 1000 bytes"`
	Records  []string `json:"records" doc:"ids, the best fee rate first, at most limit"`
}

type (
	recordInput struct {
		ID string `path:"id" minLength:"64" maxLength:"64" doc:"64 hex digits"`
	}
	poolInput struct {
		Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many ids at most"`
	}
	comingInput struct {
		Limit int `query:"limit" minimum:"1" maximum:"50" default:"8" doc:"how many blocks at most"`
	}
	sendInput struct {
		ContentType string `header:"Content-Type"`
		RawBody     []byte
		remote      string // "host:port" of the sender
	}
)

// Resolve implements huma.Resolver.
func (in *sendInput) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func (a *API) registerRecords(api huma.API) {
	huma.Register(api, get("get-pool", "/v1/pool", "The records that wait for a block"), a.getPool)
	huma.Register(api, get("list-pool-records", "/v1/pool/records", "The records that wait for a block, the best fee rate first"), a.listPoolRecords)
	coming := get("list-coming-blocks", "/v1/pool/blocks", "The blocks that the pool would fill, the next one first")
	coming.Description = "An estimate, at most a second old: as if no other record came. What does not apply when a block is made, or does not fit, is left out then."
	huma.Register(api, coming, a.listComingBlocks)
	huma.Register(api, get("get-record", "/v1/records/{id}", "A record, by id"), a.getRecord)
	raw := get("get-raw-record", "/v1/records/{id}/raw", "The encoding of a record, signatures included")
	raw.Responses = map[string]*huma.Response{"200": {Description: "The encoding", Content: map[string]*huma.MediaType{
		octets: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	huma.Register(api, raw, a.getRawRecord)
	if a.seen != nil {
		huma.Register(api, get("get-seen", "/v1/records/{id}/seen", "When this node saw a record, from whom, and whether the pool rejected it"), a.getSeen)
	}
	huma.Register(api, get("get-proof", "/v1/records/{id}/proof", "Proof that a record is in the chain"), a.getProof)
	send := post("send-record", "/v1/records", "Send a record")
	send.Description = "The node checks the record and keeps it until a block has it. It answers when the record is on disk. " +
		"Sending is idempotent: the answer to a record that was sent before is the same."
	huma.Register(api, send, a.sendRecord)
	// Described here, because package record parses the body, and not huma.
	api.OpenAPI().Paths[send.Path].Post.RequestBody.Content["application/json"] = &huma.MediaType{Schema: SignedRecord{}.Schema(nil)}
}

func (a *API) getPool(_ context.Context, in *poolInput) (*answer[Pool], error) {
	p := a.query.Pool(in.Limit)
	res := Pool{
		Count: p.Records, Accounts: p.Accounts, Bytes: p.Bytes, Memory: p.Memory, MaxBytes: p.MaxBytes,
		MinRate: uint64(p.MinRate), Records: []string{},
	}
	for _, r := range p.Best {
		res.Records = append(res.Records, r.ID().String())
	}
	return &answer[Pool]{res}, nil
}

func (a *API) getRecord(_ context.Context, in *recordInput) (*answer[Record], error) {
	id, err := parseID(in.ID)
	if err != nil {
		return nil, err
	}
	r, err := a.query.Record(id)
	if err != nil {
		return nil, queryProblem(err)
	}
	res := Record{
		ID: id.String(), State: confirmed, Confirmations: r.Confirmations, Record: SignedRecord{r.Record},
		Type: r.Type().String(), Size: r.Size(), FeeRate: uint64(r.FeeRate), Signers: newSigners(r.Record),
		ClaimedTime: uint32(r.ClaimedTime()), BlockTime: r.BlockTime, MedianTime: r.MedianTime,
		Voucher: idText(r.Subject.Voucher), Claim: idText(r.Subject.Claim), Shipment: idText(r.Subject.Shipment),
		Seen: a.seenOf(id, r.Pooled()), RevertChances: newRevertChances(r.Confirmations),
	}
	if r.Pooled() {
		res.State = pooled
	} else {
		res.Block, res.Height, res.Index = r.Block.String(), r.Place.Height, r.Place.Index
	}
	return &answer[Record]{res}, nil
}

func (a *API) getRawRecord(_ context.Context, in *recordInput) (*file, error) {
	id, err := parseID(in.ID)
	if err != nil {
		return nil, err
	}
	r, err := a.query.Record(id)
	if err != nil {
		return nil, queryProblem(err)
	}
	return &file{octets, r.Encode()}, nil
}

func (a *API) listPoolRecords(_ context.Context, in *poolInput) (*answer[[]PooledRecord], error) {
	records := []PooledRecord{}
	for _, r := range a.query.Pool(in.Limit).Best {
		records = append(records, PooledRecord{newRecordLine(r), r.Key})
	}
	return &answer[[]PooledRecord]{records}, nil
}

func (a *API) listComingBlocks(_ context.Context, in *comingInput) (*answer[[]ComingBlock], error) {
	blocks := []ComingBlock{}
	for i, b := range a.coming.blocks(a.query) {
		if i == in.Limit {
			break
		}
		blocks = append(blocks, ComingBlock{b.Records, b.Size, b.Fees, uint64(b.MaxRate), uint64(b.MinRate)})
	}
	return &answer[[]ComingBlock]{blocks}, nil
}

// coming keeps the coming blocks for a second: they take a walk through the pool,
// which holds its lock meanwhile. Safe for concurrent use.
type coming struct {
	mu   sync.Mutex
	at   time.Time
	last []query.ComingBlock
}

const maxComing = 50 // blocks; that of the parameter limit

func (c *coming) blocks(q *query.Reader) []query.ComingBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) > time.Second {
		c.at, c.last = now, q.ComingBlocks(maxComing)
	}
	return c.last
}

func (a *API) getProof(_ context.Context, in *recordInput) (*answer[Proof], error) {
	id, err := parseID(in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.query.Find(id)
	if err != nil {
		return nil, queryProblem(err)
	}
	return &answer[Proof]{Proof{ID: id.String(), Block: found.Block.String(), Height: found.Place.Height, Proof: proofModel{found.Proof}}}, nil
}

func parseID(text string) (record.ID, error) {
	id, err := pow.ParseHash(text)
	if err != nil {
		return id, newProblem(http.StatusUnprocessableEntity, "invalid id: must be 64 hexadecimal digits")
	}
	return id, nil
}

// sendRecord admits a record. A record that the pool or the chain has already is
// answered like a new one, so that a client without an answer can send it again.
func (a *API) sendRecord(_ context.Context, in *sendInput) (*answer[Sent], error) {
	r, err := decode(in.ContentType, in.RawBody)
	if err != nil {
		a.rejections.count(err)
		return nil, err
	}
	sent := Sent{ID: r.ID().String(), State: pooled}
	came := time.Now()
	verdicts := a.pool.AddFrom(a.wasted.Of(in.remote), r)
	if a.judged != nil {
		a.judged(came, []*record.Record{r}, verdicts)
	}
	if err := verdicts[0]; err != nil {
		switch reason, _ := reject.Of(err); reason {
		case reject.AlreadyPooled:
		case reject.SequenceUsed:
			_, failed := a.chain.FindRecord(r.ID())
			switch {
			case errors.Is(failed, store.ErrNotFound): // another record has used it
				return nil, rejection(err)
			case failed != nil && !errors.Is(failed, store.ErrPruned): // its block may be pruned
				return nil, queryProblem(failed)
			}
			sent.State = confirmed
		default:
			return nil, rejection(err)
		}
	}
	return &answer[Sent]{sent}, nil
}

// notJSON returns why a body is not JSON, in its own words: those of Go's decoder
// may change, and repeat parts of the body.
func notJSON(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("the body is not JSON: syntax error at byte %d", syntax.Offset)
	}
	return "the body is not the JSON form of a record"
}

// decode reads a record in one of its two forms.
func decode(contentType string, body []byte) (*record.Record, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch media {
	case "application/octet-stream":
		r, err := record.Decode(bytes.Clone(body))
		if err != nil {
			return nil, rejection(err)
		}
		return r, nil
	case "application/json":
		r := new(record.Record)
		if err := json.Unmarshal(body, r); err != nil {
			if _, rejected := reject.Of(err); rejected {
				return nil, rejection(err)
			}
			return nil, newProblem(http.StatusBadRequest, notJSON(err))
		}
		return r, nil
	}
	return nil, newProblem(http.StatusUnsupportedMediaType, "invalid content type of a record: must be application/json or application/octet-stream")
}
