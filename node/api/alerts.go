package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"stele/node/alert"
	"stele/node/query"
)

// Alert is something that supervisors, or the operator of the node, should look at.
type Alert struct {
	ID           string   `json:"id" doc:"16 hex digits; follows from kind and subject"`
	Kind         string   `json:"kind" enum:"overdue-ruling,overdue-claim,default,custody-gap,coverage,recall,anomaly,warning,trouble"`
	State        string   `json:"state" enum:"open,acknowledged,resolved"`
	Subject      string   `json:"subject" doc:"what it is about: the id of a claim, a shipment or a recall, the id of an anomaly, or a word"`
	Text         string   `json:"text"`
	Records      []string `json:"records" doc:"behind it, at most 20"`
	Opened       AlertAt  `json:"opened" doc:"the last time"`
	Openings     uint32   `json:"openings" doc:"how often it opened"`
	Resolved     *AlertAt `json:"resolved,omitempty"`
	Acknowledged *AlertAt `json:"acknowledged,omitempty"`
	By           string   `json:"by,omitempty" doc:"who acknowledged it, as they named themselves"`
}

// AlertAt is when the state of an alert changed.
type AlertAt struct {
	Height uint32 `json:"height" doc:"of the tip"`
	Time   int64  `json:"time" doc:"in the header of the tip"`
}

type (
	alertsInput struct {
		State []string `query:"state" maxItems:"3" enum:"open,acknowledged,resolved" doc:"only alerts in these states; missing: open and acknowledged ones"`
		Paging
	}
	alertInput struct {
		ID string `path:"id" minLength:"16" maxLength:"16" doc:"16 hex digits"`
	}
	acknowledgeInput struct {
		ID   string `path:"id" minLength:"16" maxLength:"16" doc:"16 hex digits"`
		Body struct {
			By string `json:"by" maxLength:"200" doc:"who acknowledges" example:"duty officer 7"`
		}
	}
)

func (a *API) registerAlerts(api huma.API) {
	list := get("list-alerts", "/v1/supervision/alerts", "The alerts of the node, those that opened last first")
	list.Description = "Alerts follow from the chain and from the state of this node. Acknowledgements are known to this node only."
	huma.Register(api, list, a.listAlerts)
	huma.Register(api, get("get-alert", "/v1/supervision/alerts/{id}", "An alert"), a.getAlert)
	op := post("acknowledge-alert", "/v1/supervision/alerts/{id}/acknowledge", "Note that somebody knows of an open alert")
	op.Description = "An alert that was acknowledged before stays as it is."
	op.Errors = append(op.Errors, http.StatusNotFound, http.StatusConflict)
	huma.Register(api, op, a.acknowledgeAlert)
}

func (a *API) listAlerts(_ context.Context, in *alertsInput) (*answer[Page[Alert]], error) {
	states := []alert.State{alert.Open, alert.Acknowledged}
	if len(in.State) > 0 {
		states = nil
		for _, s := range in.State {
			states = append(states, alert.State(s))
		}
	}
	page, err := a.alerts.List(states, in.part())
	return newPage(page, err, NewAlert)
}

func (a *API) getAlert(_ context.Context, in *alertInput) (*answer[Alert], error) {
	found, err := a.alerts.Get(in.ID)
	if err != nil {
		return nil, alertProblem(err)
	}
	return &answer[Alert]{NewAlert(&found)}, nil
}

func (a *API) acknowledgeAlert(_ context.Context, in *acknowledgeInput) (*answer[Alert], error) {
	now, err := a.alerts.Acknowledge(in.ID, in.Body.By)
	if err != nil {
		return nil, alertProblem(err)
	}
	return &answer[Alert]{NewAlert(&now)}, nil
}

func alertProblem(err error) error {
	switch {
	case errors.Is(err, alert.ErrNotFound):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.Is(err, alert.ErrResolved):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(err, alert.ErrName), errors.Is(err, query.ErrInvalid):
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	return queryProblem(err)
}

// NewAlert describes an alert, for answers and for the events of the feed.
func NewAlert(a *alert.Alert) Alert {
	x := Alert{
		ID: a.ID, Kind: string(a.Kind), State: string(a.State), Subject: a.Subject, Text: a.Text, Records: []string{},
		Opened: AlertAt{a.Opened.Height, a.Opened.Time.Unix()}, Openings: a.Openings, By: a.By,
	}
	for _, id := range a.Records {
		x.Records = append(x.Records, id.String())
	}
	for _, at := range []struct {
		from alert.At
		to   **AlertAt
	}{{a.Resolved, &x.Resolved}, {a.Acknowledged, &x.Acknowledged}} {
		if at.from != (alert.At{}) {
			*at.to = &AlertAt{at.from.Height, at.from.Time.Unix()}
		}
	}
	return x
}
