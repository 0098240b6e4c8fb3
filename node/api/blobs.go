package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"stele/internal/bounded"
	"stele/node/blobkeeper"
	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// Notice is the key to which senders seal the data of a recipient for a carrier.
type Notice struct {
	Carrier   record.Key `json:"carrier" doc:"who signed it"`
	Key       string     `json:"key" doc:"X25519, 64 hex digits"`
	Signature string     `json:"signature" doc:"128 hex digits"`
}

// SentBlob is the answer to a blob that was stored.
type SentBlob struct {
	Hash string `json:"hash" doc:"SHA-256, 64 hex digits"`
}

type (
	putBlobInput struct {
		ContentType string `header:"Content-Type"`
		RawBody     []byte
	}
	getBlobInput struct {
		Hash      string     `path:"hash" minLength:"64" maxLength:"64" doc:"64 hex digits"`
		Key       record.Key `header:"Stele-Key" required:"true" doc:"who asks, 72 hex digits"`
		Time      int64      `header:"Stele-Time" required:"true" doc:"when, in seconds since 1970"`
		Signature string     `header:"Stele-Signature" required:"true" minLength:"128" maxLength:"128" doc:"of the request, 128 hex digits"`
	}
	putNoticeInput struct {
		Carrier string `path:"key" maxLength:"80" doc:"the carrier's key, 72 hex digits"`
		RawBody []byte
	}
	noticeBody struct {
		_         struct{} `additionalProperties:"false"`
		Key       string   `json:"key" minLength:"64" maxLength:"64" doc:"X25519, 64 hex digits"`
		Signature string   `json:"signature" minLength:"128" maxLength:"128" doc:"of the notice, 128 hex digits"`
	}
)

// Finder finds at other nodes what this node does not keep. Its errors are those of
// [blobkeeper.Keeper], and that of the context.
type Finder interface {
	// FindBlob finds sealed data for a carrier, whose request this node has checked.
	FindBlob(context.Context, *blobs.Request) ([]byte, error)
	// FindNotice finds the notice of a carrier.
	FindNotice(context.Context, record.Key) (recipient.Notice, error)
}

// findTime bounds the time that other nodes are asked.
const findTime = 10 * time.Second

func (a *API) registerBlobs(api huma.API) {
	put := post("send-blob", "/v1/blobs", "Store a recipient's sealed data for the carrier")
	put.Description = "The node keeps the data for an hour, and longer if the record of a shipment or of a handover names them."
	put.Errors = append(put.Errors, http.StatusInsufficientStorage)
	huma.Register(api, put, a.putBlob)
	api.OpenAPI().Paths[put.Path].Post.RequestBody.Content = map[string]*huma.MediaType{
		octets: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}
	op := get("get-blob", "/v1/blobs/{hash}", "A recipient's sealed data, for the carrier of the parcel")
	op.Description = "The carrier's key signs: stele/blobs/request/v1, the hash, the key, and the time as 8 bytes, little-endian. " +
		"The signature is valid for five minutes."
	op.Responses = map[string]*huma.Response{"200": {Description: "The data", Content: map[string]*huma.MediaType{
		octets: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	huma.Register(api, op, a.getBlob)

	publish := post("send-notice", "/v1/carriers/{key}/notice", "Publish a carrier's key for sealed data")
	publish.Description = "The carrier's key signs: stele/recipient/notice/v1, the carrier's key, and the key for sealed data."
	huma.Register(api, publish, a.putNotice)
	api.OpenAPI().Paths[publish.Path].Post.RequestBody.Content = map[string]*huma.MediaType{"application/json": {
		Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[noticeBody](), true, "NoticeBody"),
	}}
	huma.Register(api, get("get-notice", "/v1/carriers/{key}/notice", "A carrier's key for sealed data"), a.getNotice)
}

const octets = "application/octet-stream"

func (a *API) putBlob(_ context.Context, in *putBlobInput) (*answer[SentBlob], error) {
	if in.ContentType != octets {
		return nil, newProblem(http.StatusUnsupportedMediaType, "invalid content type of sealed data: must be "+octets)
	}
	h, err := a.custody.Put(in.RawBody)
	if err != nil {
		return nil, blobProblem(err)
	}
	return &answer[SentBlob]{SentBlob{h.String()}}, nil
}

func (a *API) getBlob(ctx context.Context, in *getBlobInput) (*file, error) {
	h, err := blobs.ParseHash(in.Hash)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	r := blobs.Request{Blob: h, Key: in.Key, Time: in.Time}
	if err := parseHex(in.Signature, r.Signature[:]); err != nil {
		return nil, err
	}
	blob, err := a.custody.Get(&r)
	if errors.Is(err, blobs.ErrNotFound) && a.finder != nil {
		ctx, cancel := context.WithTimeout(ctx, findTime)
		defer cancel()
		blob, err = a.finder.FindBlob(ctx, &r)
	}
	if err != nil {
		return nil, blobProblem(err)
	}
	return &file{octets, blob}, nil
}

func (a *API) putNotice(_ context.Context, in *putNoticeInput) (*answer[Notice], error) {
	carrier, err := record.ParseKey(in.Carrier)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	var body noticeBody
	if err := bounded.Decode(bytes.NewReader(in.RawBody), &body, bounded.Limits{Bytes: maxBody, Token: 256}); err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, "invalid notice: "+err.Error())
	}
	n := recipient.Notice{Carrier: carrier}
	if err := cmp.Or(parseHex(body.Key, n.Key[:]), parseHex(body.Signature, n.Signature[:])); err != nil {
		return nil, err
	}
	if err := a.custody.Publish(n); err != nil {
		return nil, blobProblem(err)
	}
	return newNotice(n), nil
}

func (a *API) getNotice(ctx context.Context, in *keyInput) (*answer[Notice], error) {
	carrier, err := record.ParseKey(in.Key)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	n, err := a.custody.Notice(carrier)
	if errors.Is(err, blobkeeper.ErrNoNotice) && a.finder != nil {
		ctx, cancel := context.WithTimeout(ctx, findTime)
		defer cancel()
		n, err = a.finder.FindNotice(ctx, carrier)
	}
	if err != nil {
		return nil, blobProblem(err)
	}
	return newNotice(n), nil
}

func newNotice(n recipient.Notice) *answer[Notice] {
	return &answer[Notice]{Notice{n.Carrier, hex.EncodeToString(n.Key[:]), hex.EncodeToString(n.Signature[:])}}
}

// parseHex reads exactly len(to) bytes.
func parseHex(text string, to []byte) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(to) {
		return newProblem(http.StatusUnprocessableEntity, "invalid key or signature: must be hexadecimal")
	}
	copy(to, b)
	return nil
}

// blobProblem turns an error of the custody into a problem.
func blobProblem(err error) error {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, blobs.ErrNotFound), errors.Is(err, blobkeeper.ErrNoNotice):
		status = http.StatusNotFound
	case errors.Is(err, blobs.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, blobs.ErrFull):
		status = http.StatusInsufficientStorage
	case errors.Is(err, blobs.ErrRequest), errors.Is(err, blobkeeper.ErrStranger), errors.Is(err, blobkeeper.ErrNoCarrier), errors.Is(err, recipient.ErrNotice):
		status = http.StatusForbidden
	}
	return newProblem(status, err.Error())
}
