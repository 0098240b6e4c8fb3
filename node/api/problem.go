package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/evidence"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

// problem is an error of the API as in RFC 9457, with the reason of a rejection.
// Title and Status are those of the HTTP status code.
type problem struct {
	Title  string          `json:"title" example:"Unprocessable Entity" doc:"text of the status code"`
	Status int             `json:"status" example:"422" doc:"status code of the answer"`
	Detail string          `json:"detail,omitempty" doc:"what is wrong, for people"`
	Reason reject.Reason   `json:"reason,omitempty" doc:"stable name of the rule that rejected it" example:"bad-signature"`
	Errors []problemDetail `json:"errors,omitempty" doc:"what is wrong with each parameter"`
}

// problemDetail is what is wrong with a part of a request. It does not repeat the
// part, which can be long and which the client has.
type problemDetail struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" example:"query.limit"`
}

// Bounds of a problem.
const (
	maxDetails = 16
	maxDetail  = 200 // bytes of a text
)

// newProblem returns a problem with an HTTP status code.
func newProblem(status int, detail string) *problem {
	return &problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// Error implements error.
func (p *problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// Errors of huma itself are problems too, and are described as such: huma derives
// the schema of all errors from what this variable returns. Lists are never null.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		p := newProblem(status, cut(detail))
		for _, err := range errs[:min(len(errs), maxDetails)] {
			if err == nil {
				continue
			}
			d := problemDetail{Message: cut(err.Error())}
			if e, ok := err.(huma.ErrorDetailer); ok {
				d = problemDetail{Message: cut(e.ErrorDetail().Message), Location: cut(e.ErrorDetail().Location)}
			}
			p.Errors = append(p.Errors, d)
		}
		return p
	}
	huma.DefaultArrayNullable = false
}

// cut shortens a text that may contain parts of a request.
func cut(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetail], "") + "..."
}

// queryProblem turns an error of package query, or of the store below it, into a
// problem.
func queryProblem(err error) error {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, views.ErrTooMany):
		return newProblem(http.StatusUnprocessableEntity, "the case has more records than fit into a bundle")
	case errors.Is(err, query.ErrNotFound), errors.Is(err, evidence.ErrNotFound), errors.Is(err, store.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, store.ErrPruned):
		status = http.StatusGone
	case errors.Is(err, query.ErrInvalid), errors.Is(err, query.ErrTooFar), errors.Is(err, query.ErrOnlyNow):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, query.ErrTooFast):
		status = http.StatusTooManyRequests
	}
	return newProblem(status, err.Error())
}

// rejection turns an error of the ledger into a problem: 422 with the reason if a
// rule rejected something, 429 if the sender's budget is spent, and 503 if the
// node cannot go on, which is not the sender's fault.
func rejection(err error) error {
	reason, ok := reject.Of(err)
	if !ok {
		return newProblem(http.StatusServiceUnavailable, err.Error())
	}
	status := http.StatusUnprocessableEntity
	if reason == reject.OverBudget {
		status = http.StatusTooManyRequests
	}
	var detail string
	var rejected *reject.Error
	if errors.As(err, &rejected) {
		detail = rejected.Text
	}
	p := newProblem(status, detail)
	p.Reason = reason
	return p
}

// writeProblem writes a problem for requests that huma does not handle.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, detail))
}
