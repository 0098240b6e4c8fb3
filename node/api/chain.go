package api

import (
	"context"
	"math"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/ledger/record"
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
	Size    int            `json:"size" doc:"of the encoded block in bytes"`
	Count   int            `json:"record_count"`
	Records []string       `json:"records" doc:"ids of the records, those asked for by from and limit; the first of all is the coinbase"`
	Payee   string         `json:"payee,omitempty" doc:"key that the coinbase pays; missing in the genesis block"`
	Reward  record.Amount  `json:"reward" doc:"that the coinbase claims: subsidy and its part of the fees"`
	Fees    record.Amount  `json:"fees" doc:"of all records; half of them is burned"`
	Types   map[string]int `json:"types" doc:"how many records of each type"`
}

// BlockLine is a block in a list.
type BlockLine struct {
	Header
	Size   uint32        `json:"size" doc:"of the encoded block in bytes"`
	Count  uint32        `json:"record_count"`
	Payee  string        `json:"payee,omitempty" doc:"key that the coinbase pays; missing in the genesis block"`
	Reward record.Amount `json:"reward" doc:"that the coinbase claims"`
	Fees   record.Amount `json:"fees" doc:"of all records"`
}

// BlockRecord is a record of a block.
type BlockRecord struct {
	Index  int    `json:"index" doc:"in the block; 0 is the coinbase"`
	Author string `json:"author,omitempty" doc:"key; of a coinbase the one that it pays; missing in the genesis block"`
	RecordLine
}

type (
	headerInput struct {
		ID string `path:"id" doc:"height, or hash" maxLength:"64"`
	}
	headersInput struct {
		From  uint32 `query:"from" doc:"height of the first; downwards 0 stands for the tip"`
		Order string `query:"order" enum:"up,down" default:"up" doc:"from the first block up, or from the tip down"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
	}
	blocksInput struct {
		From  uint32 `query:"from" doc:"height of the first; 0 stands for the tip"`
		Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"how many at most"`
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
	huma.Register(api, get("list-block-records", "/v1/blocks/{id}/records", "The records of a block, with types, authors, sizes and fees"), a.listBlockRecords)
	if a.views != nil {
		huma.Register(api, get("list-blocks", "/v1/blocks", "Blocks from the tip down, with payees, rewards and fees"), a.listBlocks)
	}
}

func (a *API) listHeaders(_ context.Context, in *headersInput) (*answer[[]Header], error) {
	found := a.query.Headers
	from := in.From
	if in.Order == "down" {
		found = a.query.HeadersDown
		if from == 0 {
			from = math.MaxUint32
		}
	}
	headers := []Header{}
	for _, h := range found(from, in.Limit) {
		headers = append(headers, newHeader(h))
	}
	return &answer[[]Header]{headers}, nil
}

func (a *API) listBlocks(_ context.Context, in *blocksInput) (*answer[[]BlockLine], error) {
	from := in.From
	if from == 0 {
		from = math.MaxUint32
	}
	found, err := a.query.Blocks(from, in.Limit)
	if err != nil {
		return nil, queryProblem(err)
	}
	blocks := []BlockLine{}
	for _, b := range found {
		blocks = append(blocks, BlockLine{newHeader(b.Header), b.Size, b.Records, keyText(b.Payee), b.Reward, b.Fees})
	}
	return &answer[[]BlockLine]{blocks}, nil
}

func (a *API) listBlockRecords(_ context.Context, in *blockInput) (*answer[[]BlockRecord], error) {
	b, err := a.query.Block(in.ID)
	if err != nil {
		return nil, queryProblem(err)
	}
	records := []BlockRecord{}
	first := min(in.From, len(b.Records))
	for i, r := range b.Records[first:min(first+in.Limit, len(b.Records))] {
		records = append(records, BlockRecord{first + i, keyText(r.Key), newRecordLine(r)})
	}
	return &answer[[]BlockRecord]{records}, nil
}

// keyText returns the text of a key, "" for none.
func keyText(k record.Key) string {
	if k == (record.Key{}) {
		return ""
	}
	return k.String()
}

func (a *API) getBlock(_ context.Context, in *blockInput) (*answer[Block], error) {
	b, err := a.query.Block(in.ID)
	if err != nil {
		return nil, queryProblem(err)
	}
	res := Block{
		Header: newHeader(b.Header), Size: b.Size, Count: len(b.Records), Records: []string{},
		Payee: keyText(b.Payee), Reward: b.Reward, Fees: b.Fees, Types: map[string]int{},
	}
	for kind, n := range b.Types {
		res.Types[kind.String()] = n
	}
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
