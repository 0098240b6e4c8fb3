package epcis

import (
	"time"

	"stele/node/digitallink"
	"stele/node/ledger/record"
	"stele/node/query"
)

// ContentType is the media type of a document.
const ContentType = "application/ld+json"

// Context is the JSON-LD context of EPCIS 2.0.
const Context = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// Document is an EPCIS document. Its JSON is JSON-LD.
type Document struct {
	Context       []string `json:"@context"`
	Type          string   `json:"type"`
	SchemaVersion string   `json:"schemaVersion"`
	CreationDate  string   `json:"creationDate"`
	Body          Body     `json:"epcisBody"`
}

// Body has the events of a document, in the order of the chain.
type Body struct {
	Events []Event `json:"eventList"`
}

// Event is an ObjectEvent.
type Event struct {
	Type                  string                 `json:"type"`
	ID                    string                 `json:"eventID"`
	Time                  string                 `json:"eventTime"`
	Offset                string                 `json:"eventTimeZoneOffset"`
	RecordTime            string                 `json:"recordTime"`
	Error                 *ErrorDeclaration      `json:"errorDeclaration,omitempty"`
	EPCs                  []string               `json:"epcList"`
	Action                string                 `json:"action"`
	BizStep               string                 `json:"bizStep,omitempty"`
	Disposition           string                 `json:"disposition,omitempty"`
	PersistentDisposition *PersistentDisposition `json:"persistentDisposition,omitempty"`
	BizTransactions       []BizTransaction       `json:"bizTransactionList,omitempty"`
	Sources               []Source               `json:"sourceList,omitempty"`
	Destinations          []Destination          `json:"destinationList,omitempty"`
}

// ErrorDeclaration says that an event is wrong.
type ErrorDeclaration struct {
	Time   string `json:"declarationTime"`
	Reason string `json:"reason"`
}

// PersistentDisposition is what an item is from the event on, or no longer is.
type PersistentDisposition struct {
	Set   []string `json:"set,omitempty"`
	Unset []string `json:"unset,omitempty"`
}

// BizTransaction is a business document: the invoice of a voucher, the despatch advice of
// a shipment, the return authorisation of a claim.
type BizTransaction struct {
	Type string `json:"type"`
	URI  string `json:"bizTransaction"`
}

// Source is who owned or had the item before.
type Source struct {
	Type string `json:"type"`
	URI  string `json:"source"`
}

// Destination is who owns or has the item from then on.
type Destination struct {
	Type string `json:"type"`
	URI  string `json:"destination"`
}

// Of returns the document of an item from the records of its history, in the order of
// the chain; recalls of all its product may be among them. Records that say nothing about
// the goods are left out. It was created when the last record was.
func Of(gtin record.GTIN, serial record.Serial, history []query.Event) Document {
	d := Document{
		Context: []string{Context}, Type: "EPCISDocument", SchemaVersion: "2.0", CreationDate: timeText(0),
		Body: Body{Events: []Event{}},
	}
	f := fold{
		epc:   digitallink.URI(digitallink.Canonical, gtin, serial),
		sales: map[record.ID]*sale{}, parcels: map[record.ID]*parcel{}, claims: map[record.ID]*claim{},
	}
	for i := range history {
		d.CreationDate = timeText(history[i].BlockTime)
		f.add(&history[i])
	}
	d.Body.Events = append(d.Body.Events, f.events...)
	return d
}

// timeText returns seconds since 1970 in UTC.
func timeText(seconds uint32) string {
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}
