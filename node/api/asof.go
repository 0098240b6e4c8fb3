package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"stele/node/query"
)

// AsOf is the parameter of an answer as of an earlier height.
type AsOf struct {
	At string `query:"at" maxLength:"10" doc:"height of a block: the answer is that of a node whose chain ends with it; missing: the tip"`
}

// AnswerHeight is as of when an answer holds.
type AnswerHeight struct {
	Height *uint32 `json:"height,omitempty" doc:"of the block after which this holds; missing in lists. Without the parameter at it is that of the tip, of which the answer may be a moment ahead"`
}

func (s *AnswerHeight) setHeight(height uint32) { s.Height = &height }

// reader returns the reader for a question.
func (a *API) reader(in AsOf) (*query.Reader, error) {
	if in.At == "" {
		return a.query, nil
	}
	height, err := strconv.ParseUint(in.At, 10, 32)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, "at is no number of a block")
	}
	r, err := a.query.At(uint32(height))
	if err != nil {
		return nil, queryProblem(err)
	}
	return r, nil
}

// answerAsOf answers a question: it asks a reader, shows what that says, and states the
// height in an answer that has a place for it.
func answerAsOf[Q, T any](a *API, in AsOf, ask func(*query.Reader) (*Q, error), show func(*Q) T) (*answer[T], error) {
	r, err := a.reader(in)
	if err != nil {
		return nil, err
	}
	height := r.Height()
	found, err := ask(r)
	if r.Pinned() && errors.Is(err, query.ErrNotFound) {
		err = fmt.Errorf("%w at height %d", err, height)
	}
	if err != nil {
		return nil, queryProblem(err)
	}
	res := &answer[T]{show(found)}
	if s, ok := any(&res.Body).(interface{ setHeight(uint32) }); ok {
		s.setHeight(height)
	}
	return res, nil
}

// pageAsOf answers with a page of a list.
func pageAsOf[Q, T any](a *API, in AsOf, ask func(*query.Reader) (query.Page[Q], error), show func(*Q) T) (*answer[Page[T]], error) {
	return answerAsOf(a, in, func(r *query.Reader) (*query.Page[Q], error) {
		page, err := ask(r)
		return &page, err
	}, func(page *query.Page[Q]) Page[T] { return shownPage(page, show) })
}
