package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/query"
)

// Header is a block header and its place.
type Header struct {
	Hash       string `json:"hash"`
	Height     uint32 `json:"height"`
	Version    uint32 `json:"version"`
	Prev       string `json:"prev" doc:"hash of the parent"`
	MerkleRoot string `json:"merkle_root"`
	Time       uint32 `json:"time"`
	Bits       string `json:"bits" doc:"compact target" example:"1d00ffff"`
	Nonce      uint32 `json:"nonce"`
	Difficulty string `json:"difficulty" doc:"of the target; 1 is the easiest of Bitcoin"`
	Work       string `json:"work" doc:"expected hashes of the chain up to here, hex"`
	InChain    bool   `json:"in_chain" doc:"whether it is part of the chain of the tip"`
	Invalid    bool   `json:"invalid,omitempty" doc:"whether it or a block before it breaks a rule"`
	MedianTime uint32 `json:"median_time" doc:"of this block and the ten before it"`
}

// Tip is the last block of the chain, and what the next one must look like.
type Tip struct {
	Header
	NextBits string `json:"next_bits" doc:"that the next block must have"`
	MinTime  uint32 `json:"min_time" doc:"earliest time of the next block"`
	Digest   string `json:"digest" doc:"chained digest of all changes of the state"`
}

// Block is a block without its records.
type Block struct {
	Header
	Size    int      `json:"size" doc:"of the encoded block in bytes"`
	Count   int      `json:"record_count"`
	Records []string `json:"records" doc:"ids of the records, those asked for by from and limit; the first of all is the coinbase"`
}

type (
	headerInput struct {
		ID string `path:"id" doc:"height, or hash" maxLength:"64"`
	}
	headersInput struct {
		From  uint32 `query:"from" doc:"height of the first"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
	}
	blockInput struct {
		ID    string `path:"id" doc:"height, or hash" maxLength:"64"`
		From  int    `query:"from" minimum:"0" doc:"index of the first record"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many records at most"`
	}
)

func (a *API) registerChain(api huma.API) {
	huma.Register(api, get("get-tip", "/v1/tip", "The last block of the chain"),
		func(context.Context, *struct{}) (*answer[Tip], error) {
			return &answer[Tip]{newTip(a.query.Tip())}, nil
		})
	huma.Register(api, get("list-headers", "/v1/headers", "Headers of the chain, by height"), a.listHeaders)
	huma.Register(api, get("get-header", "/v1/headers/{id}", "A header, by height or hash"),
		func(_ context.Context, in *headerInput) (*answer[Header], error) {
			h, err := a.query.Header(in.ID)
			if err != nil {
				return nil, queryProblem(err)
			}
			return &answer[Header]{newHeader(h)}, nil
		})
	huma.Register(api, get("get-block", "/v1/blocks/{id}", "A block, by height or hash"), a.getBlock)
}

func (a *API) listHeaders(_ context.Context, in *headersInput) (*answer[[]Header], error) {
	headers := []Header{}
	for _, h := range a.query.Headers(in.From, in.Limit) {
		headers = append(headers, newHeader(h))
	}
	return &answer[[]Header]{headers}, nil
}

func (a *API) getBlock(_ context.Context, in *blockInput) (*answer[Block], error) {
	b, err := a.query.Block(in.ID)
	if err != nil {
		return nil, queryProblem(err)
	}
	res := Block{Header: newHeader(b.Header), Size: b.Size, Count: len(b.Records), Records: []string{}}
	first := min(in.From, len(b.Records))
	for _, r := range b.Records[first:min(first+in.Limit, len(b.Records))] {
		res.Records = append(res.Records, r.ID().String())
	}
	return &answer[Block]{res}, nil
}

func newHeader(h query.Header) Header {
	return Header{
		Hash:       h.Hash.String(),
		Height:     h.Height,
		Version:    h.Version,
		Prev:       h.Prev.String(),
		MerkleRoot: h.MerkleRoot.String(),
		Time:       h.Time,
		Bits:       h.Bits.String(),
		Nonce:      h.Nonce,
		Difficulty: h.Difficulty(),
		Work:       h.Work.String(),
		InChain:    h.InChain,
		Invalid:    h.Invalid,
		MedianTime: h.MedianTime,
	}
}

func newTip(t query.Tip) Tip {
	return Tip{
		Header:   newHeader(t.Header),
		NextBits: t.NextBits.String(),
		MinTime:  t.MinTime,
		Digest:   t.Digest.String(),
	}
}
