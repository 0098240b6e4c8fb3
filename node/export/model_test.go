package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"stele/node/export"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// idsOf returns the ids of the records of a type in the corpus, by their bytes.
func idsOf(kind record.Type) (ids []record.ID) {
	for _, b := range built().Tip.Chain() {
		for _, r := range b.Records {
			if r.Type() == kind {
				ids = append(ids, r.ID())
			}
		}
	}
	slices.SortFunc(ids, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// The things of the ledger are all that the records of the chain have made, in the order
// of their ids, as the rules show each of them.
func TestThings(t *testing.T) {
	src := openCorpus(t, built().Tip.Height())
	view, at := built().Tip.View(), src.Chain.NextContext()
	var want []string
	for _, id := range idsOf(record.TypeVoucherIssue) {
		v, err := rules.GetVoucher(view, at, id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, line(v.ID, v.State, v.Serial, v.Seller, v.Holder, v.Price, v.Recalled))
	}
	compare(t, src, "vouchers", want, "id", "state", "serial", "seller", "holder", "price", "recalled")
	want = nil
	for _, id := range idsOf(record.TypeClaimOpen) {
		c, err := rules.GetClaim(view, at, id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, line(c.ID, c.State, c.State.Closed(), c.Voucher, c.Holder, c.Ground, c.Asked, c.Refund))
	}
	compare(t, src, "claims", want, "id", "state", "closed", "voucher", "holder", "ground", "asked", "refund")
	want = nil
	for _, id := range idsOf(record.TypeShipmentCreate) {
		h, err := rules.GetShipment(view, id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, line(h.ID, h.State, h.Voucher, h.Leg, h.Sender, h.Custodian()))
	}
	compare(t, src, "shipments", want, "id", "state", "voucher", "leg", "sender", "custodian")
	want = nil
	for _, id := range idsOf(record.TypeVoucherIssue) {
		e, err := rules.GetEvaluation(view, id)
		if err != nil {
			t.Fatal(err)
		}
		if e != nil {
			want = append(want, line(e.Voucher, e.State, e.Height, e.Product, e.Service, e.Logistics, e.Rewarded))
		}
	}
	compare(t, src, "evaluations", want, "voucher", "state", "height", "product", "service", "logistics", "rewarded")
}

// compare compares some columns of a table.
func compare(t *testing.T, src export.Source, table string, want []string, columns ...string) {
	t.Helper()
	text, _ := write(t, src, export.JSONLines, export.Query{Table: table})
	var got []string
	for _, row := range rowsOf(t, text) {
		var values []any
		for _, c := range columns {
			values = append(values, row[c])
		}
		got = append(got, line(values...))
	}
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d rows, want %d", table, len(got), len(want))
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: row %d is\n%s, want\n%s", table, i, got[i], want[i])
		}
	}
}

// line returns values as one text.
func line(values ...any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, "|")
}

// The records are all of the chain, in its order, and the tables of some types are the
// rows of those.
func TestRecords(t *testing.T) {
	src := openCorpus(t, built().Tip.Height())
	text, _ := write(t, src, export.JSONLines, export.Query{Table: "records"})
	rows := rowsOf(t, text)
	i := 0
	counts := map[string]int{}
	for _, b := range built().Tip.Chain() {
		for index, r := range b.Records {
			payload, err := json.Marshal(r.Payload)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"height": fmt.Sprint(b.Height()), "index": fmt.Sprint(index), "id": r.ID().String(), "type": r.Type().String(), "fee": r.Fee.String(), "payload": string(payload)}
			for name, value := range want {
				if rows[i][name] != value {
					t.Fatalf("row %d: %s is %s, want %s", i, name, rows[i][name], value)
				}
			}
			counts[r.Type().String()]++
			i++
		}
	}
	if i != len(rows) {
		t.Errorf("%d rows, want %d", len(rows), i)
	}
	for table, kinds := range map[string][]string{"rulings": {"RULING"}, "recalls": {"RECALL_NOTICE"}, "corrections": {"CORRECTION"}, "suspensions": {"SELLER_SUSPEND", "SELLER_RESTORE"}} {
		_, m := write(t, src, export.CSV, export.Query{Table: table})
		want := 0
		for _, kind := range kinds {
			want += counts[kind]
		}
		if m.Rows != uint64(want) || want == 0 {
			t.Errorf("%s: %d rows, want %d", table, m.Rows, want)
		}
	}
	since, _ := write(t, src, export.JSONLines, export.Query{Table: "records", Since: 100})
	if !bytes.HasSuffix(text, since) || len(since) == len(text) || rowsOf(t, since)[0]["height"] != "100" {
		t.Error("since 100 is not the end of all")
	}
}

// A filter leaves the rows that have its value. A party may be named by any of its keys.
func TestFilters(t *testing.T) {
	src := openCorpus(t, built().Tip.Height())
	for _, table := range export.Tables() {
		text, _ := write(t, src, export.JSONLines, export.Query{Table: table.Name})
		rows := rowsOf(t, text)
		for _, name := range table.Filters {
			values := map[string]int{}
			for _, row := range rows {
				values[row[name]]++
			}
			for _, value := range slices.Sorted(maps.Keys(values))[:min(3, len(values))] {
				q := export.Query{Table: table.Name}
				if err := set(&q.Of, name, value); err != nil {
					t.Fatal(err)
				}
				got, m := write(t, src, export.JSONLines, q)
				if int(m.Rows) != values[value] || m.Filters[name] != value {
					t.Errorf("%s of %s %s: %d rows, want %d; filters %v", table.Name, name, value, m.Rows, values[value], m.Filters)
				}
				for _, row := range rowsOf(t, got) {
					if row[name] != value {
						t.Errorf("%s of %s %s has %s", table.Name, name, value, row[name])
					}
				}
				again, err := m.Query()
				if err != nil {
					t.Fatal(err)
				}
				if _, same := write(t, src, export.JSONLines, again); same.SHA256 != m.SHA256 {
					t.Errorf("%s: the query of the manifest gives other rows", table.Name)
				}
			}
		}
	}
}

func set(of *query.Of, name, value string) (err error) {
	if name == "gtin" {
		gtin, err := record.ParseGTIN(value)
		of.Product = &gtin
		return err
	}
	key, err := record.ParseKey(value)
	*map[string]**record.Key{"seller": &of.Seller, "holder": &of.Holder, "maker": &of.Maker, "carrier": &of.Carrier}[name] = &key
	return err
}

func TestErrors(t *testing.T) {
	src := openCorpus(t, 3)
	key, gtin := record.Key{1}, record.GTIN(6291041500213)
	above := uint32(4)
	for _, c := range []struct {
		q    export.Query
		f    export.Format
		want error
	}{
		{export.Query{Table: "nothing"}, export.CSV, query.ErrInvalid},
		{export.Query{Table: "vouchers"}, "xlsx", query.ErrInvalid},
		{export.Query{Table: "vouchers", Since: 1}, export.CSV, query.ErrInvalid},
		{export.Query{Table: "blocks", Since: 4}, export.CSV, query.ErrInvalid},
		{export.Query{Table: "vouchers", Of: query.Of{Maker: &key}}, export.CSV, query.ErrInvalid},
		{export.Query{Table: "vouchers", Of: query.Of{Seller: &key, Product: &gtin}}, export.CSV, query.ErrInvalid},
		{export.Query{Table: "vouchers", At: &above}, export.CSV, query.ErrNotFound},
		{export.Query{Table: "blocks", At: &above}, export.CSV, query.ErrNotFound},
	} {
		if _, err := export.Write(t.Context(), io.Discard, c.f, c.q, src); !errors.Is(err, c.want) {
			t.Errorf("%+v: error %v, want %v", c.q, err, c.want)
		}
	}
	src.Credit = nil
	if _, err := export.Write(t.Context(), io.Discard, export.CSV, export.Query{Table: "sellers"}, src); !errors.Is(err, query.ErrNoViews) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := export.Write(ctx, io.Discard, export.CSV, export.Query{Table: "blocks"}, src); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A header is there without rows, too.
func TestNoRows(t *testing.T) {
	src := openCorpus(t, 0)
	for _, f := range export.Formats() {
		text, m := write(t, src, f, export.Query{Table: "claims"})
		if m.Rows != 0 || m.Bytes != uint64(len(text)) {
			t.Errorf("%s: %+v", f, m)
		}
		if f == export.CSV {
			if lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll(); err != nil || len(lines) != 1 || !slices.Equal(lines[0], m.Columns) {
				t.Errorf("%q, %v", text, err)
			}
		}
	}
}
