package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/reject"
)

// problem is an error of the API as RFC 9457 has it, with the reason of a
// refusal. Title and Status come from the status code of HTTP.
type problem struct {
	huma.ErrorModel
	Reason reject.Reason `json:"reason,omitempty" doc:"stable name of the rule that refused it" example:"bad-signature"`
}

// newProblem returns a problem with a status of HTTP.
func newProblem(status int, detail string) *problem {
	return &problem{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}}
}

func notFound(detail string) error { return newProblem(http.StatusNotFound, detail) }

// refusal makes a problem of an error of the ledger: 422 with the reason if a
// rule refused something; 503 if the node cannot go on, which is its trouble and
// not the sender's.
func refusal(err error) error {
	reason, ok := reject.Of(err)
	if !ok {
		return newProblem(http.StatusServiceUnavailable, err.Error())
	}
	status := http.StatusUnprocessableEntity
	var detail string
	var refused *reject.Error
	if errors.As(err, &refused) {
		detail = refused.Text
	}
	p := newProblem(status, detail)
	p.Reason = reason
	return p
}

// writeProblem answers with a problem, for what is before or beside huma.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, detail))
}
