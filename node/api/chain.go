package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/store"
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
}

// Tip is the last block of the chain, and what the next one must look like.
type Tip struct {
	Header
	MedianTime uint32 `json:"median_time" doc:"of the tip and the ten blocks before it"`
	NextBits   string `json:"next_bits" doc:"that the next block must have"`
	MinTime    uint32 `json:"min_time" doc:"earliest time of the next block"`
	Digest     string `json:"digest" doc:"chained digest of all changes of the state"`
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
			return &answer[Tip]{newTip(a.chain.Tip())}, nil
		})
	huma.Register(api, get("list-headers", "/v1/headers", "Headers of the chain, by height"), a.listHeaders)
	huma.Register(api, get("get-header", "/v1/headers/{id}", "A header, by height or hash"),
		func(_ context.Context, in *headerInput) (*answer[Header], error) {
			h, err := a.findHeader(in.ID)
			if err != nil {
				return nil, err
			}
			return &answer[Header]{newHeader(h)}, nil
		})
	huma.Register(api, get("get-block", "/v1/blocks/{id}", "A block, by height or hash"), a.getBlock)
}

func (a *API) listHeaders(_ context.Context, in *headersInput) (*answer[[]Header], error) {
	headers := []Header{}
	for height := in.From; len(headers) < in.Limit; height++ {
		h, ok := a.chain.HeaderAt(height)
		if !ok {
			break
		}
		headers = append(headers, newHeader(h))
	}
	return &answer[[]Header]{headers}, nil
}

func (a *API) getBlock(_ context.Context, in *blockInput) (*answer[Block], error) {
	h, err := a.findHeader(in.ID)
	if err != nil {
		return nil, err
	}
	b, err := a.chain.Block(h.Hash)
	if err != nil {
		return nil, storeProblem(err)
	}
	res := Block{Header: newHeader(h), Size: b.Size(), Count: len(b.Records), Records: []string{}}
	first := min(in.From, len(b.Records))
	for _, r := range b.Records[first:min(first+in.Limit, len(b.Records))] {
		res.Records = append(res.Records, r.ID().String())
	}
	return &answer[Block]{res}, nil
}

// findHeader returns the header that a height or a hash names.
func (a *API) findHeader(id string) (chain.Header, error) {
	if len(id) == 2*len(pow.Hash{}) {
		hash, err := pow.ParseHash(id)
		if err != nil {
			return chain.Header{}, newProblem(http.StatusUnprocessableEntity, "the hash is not hexadecimal")
		}
		h, ok := a.chain.Header(hash)
		if !ok {
			return h, notFound("no header with this hash is known")
		}
		return h, nil
	}
	height, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return chain.Header{}, newProblem(http.StatusUnprocessableEntity, "a block is named by its height, or by its hash of 64 hex digits")
	}
	h, ok := a.chain.HeaderAt(uint32(height))
	if !ok {
		return h, notFound("the chain is not that high yet")
	}
	return h, nil
}

func newHeader(h chain.Header) Header {
	res := Header{
		Hash:       h.Hash.String(),
		Height:     h.Height,
		Version:    h.Version,
		Prev:       h.Prev.String(),
		MerkleRoot: h.MerkleRoot.String(),
		Time:       h.Time,
		Bits:       h.Bits.String(),
		Nonce:      h.Nonce,
		Work:       h.Work.String(),
		InChain:    h.InChain,
		Invalid:    h.Invalid,
	}
	if target, err := h.Bits.Target(); err == nil {
		res.Difficulty = target.Difficulty().String()
	}
	return res
}

func newTip(t *chain.Tip) Tip {
	return Tip{
		Header:     newHeader(chain.Header{Header: t.Header, Hash: t.Hash, Height: t.Height, Work: t.Work, InChain: true}),
		MedianTime: t.MedianTime,
		NextBits:   t.NextBits.String(),
		MinTime:    t.MinTime,
		Digest:     t.Digest.String(),
	}
}

// storeProblem makes a problem of an error of the store.
func storeProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notFound(err.Error())
	case errors.Is(err, store.ErrPruned):
		return newProblem(http.StatusGone, err.Error())
	}
	return newProblem(http.StatusServiceUnavailable, err.Error())
}
