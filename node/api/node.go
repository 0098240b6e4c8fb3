package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// Health tells how the node does.
type Health struct {
	Status   string  `json:"status" enum:"ok,trouble" doc:"ok, or trouble if the node cannot go on for now"`
	Trouble  string  `json:"trouble,omitempty" doc:"what keeps the node from going on"`
	Version  string  `json:"version"`
	Network  string  `json:"network" example:"dev"`
	Genesis  string  `json:"genesis" doc:"hash of block 0"`
	Uptime   float64 `json:"uptime_seconds"`
	Height   uint32  `json:"height"`
	TipAge   float64 `json:"tip_age_seconds" doc:"since the time in the header of the tip"`
	Mining   bool    `json:"mining"`
	HashRate float64 `json:"hashes_per_second"`
	Pool     int     `json:"pool_records"`
}

func (a *API) registerNode(api huma.API) {
	huma.Register(api, get("get-health", "/v1/health", "How the node does"),
		func(context.Context, *struct{}) (*answer[Health], error) {
			return &answer[Health]{a.health()}, nil
		})
}
