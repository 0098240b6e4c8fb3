package rules

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

var update = flag.Bool("update", false, "write the tables of docs/ledger.md anew")

const document = "../../../docs/ledger.md"

// The tables and drawings of docs/ledger.md are those of the code. With -update
// they are written.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for name, want := range map[string]string{
		"voucher":    drawing(&voucherBook) + "\n" + rowsTable(&voucherBook),
		"shipment":   drawing(&shipmentBook) + "\n" + rowsTable(&shipmentBook),
		"claim":      drawing(&claimBook) + "\n" + rowsTable(&claimBook),
		"evaluation": drawing(&evaluationBook) + "\n" + rowsTable(&evaluationBook),
		"records":    recordsTable(),
		"numbers":    numbersTable(),
		"reasons":    reasonsTable(t),
	} {
		begin, end := fmt.Sprintf("<!-- %s: from the code -->\n", name), fmt.Sprintf("<!-- end of %s -->", name)
		before, rest, ok1 := strings.Cut(got, begin)
		is, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Errorf("no place for %s", name)
			continue
		}
		want = "\n" + want + "\n"
		if is != want && !*update {
			t.Errorf("%s is not what the code says; run: go test ./node/ledger/rules -run TestDocument -update", name)
		}
		got = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(document, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// drawing draws a machine with Mermaid, without what leaves the state as it is.
func drawing[S interface {
	~uint8
	fmt.Stringer
}](b *rulebook[S]) string {
	var out strings.Builder
	out.WriteString("~~~mermaid\nstateDiagram-v2\n")
	name := func(s S) string { return strings.ReplaceAll(s.String(), "-", "_") }
	for s := S(1); !strings.HasPrefix(s.String(), "choice-"); s++ {
		if name(s) != s.String() {
			fmt.Fprintf(&out, "    state \"%v\" as %s\n", s, name(s))
		}
	}
	for _, r := range b.table {
		if r.From == r.To {
			continue
		}
		from := "[*]"
		if r.From != 0 {
			from = name(r.From)
		}
		fmt.Fprintf(&out, "    %s --> %s: %s\n", from, name(r.To), happens(r.On, r.Choice, r.If))
	}
	out.WriteString("~~~\n")
	return out.String()
}

// happens names a record and its choice, or what happens without one.
func happens(on record.Type, choice, why string) string {
	switch {
	case on != 0:
		return strings.TrimSpace(on.String() + " " + choice)
	case choice != "":
		return "claim settled, " + choice
	case why != "":
		return why
	}
	return "time passes"
}

// rowsTable lists the transitions of a machine.
func rowsTable[S interface {
	~uint8
	fmt.Stringer
}](b *rulebook[S]) string {
	var out strings.Builder
	out.WriteString("| from | record | by | to | if |\n|---|---|---|---|---|\n")
	for _, r := range b.table {
		from, what, by, when := r.From.String(), strings.TrimSpace("`"+r.On.String()+"` "+r.Choice), r.By.String(), r.If
		if r.From == 0 {
			from = ""
		}
		if r.On == 0 {
			what, by = happens(0, r.Choice, ""), ""
		}
		if r.Period != 0 {
			days := fmt.Sprint(r.Period)
			over := fmt.Sprintf("%s%sDays are over", strings.ToUpper(days[:1]), days[1:])
			switch r.Period {
			case OrderPeriod:
				over = "the days of the order are over"
			case SendPeriod:
				over = "ExecuteDays are over"
			case ArrivePeriod:
				over = "CarryDays and RulingDays are over"
			}
			when = strings.TrimSuffix(over+", "+when, ", ")
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %v | %s |\n", from, what, by, r.To, when)
	}
	return out.String()
}

// recordsTable lists the types of after-sales records.
func recordsTable() string {
	var out strings.Builder
	out.WriteString("| record | type | signed by | fields |\n|---|---|---|---|\n")
	for _, p := range payloads {
		v := reflect.TypeOf(p)
		var fields []string
		for f := range v.Fields() {
			fields = append(fields, "`"+f.Tag.Get("json")+"`")
		}
		who := strings.Join(record.SignerParts(p), ", ")
		if _, ok := p.(record.SettleExecute); ok {
			who += "; the holder, if it consents to another product"
		}
		if _, ok := p.(record.InspectionReport); ok {
			who += "; the seller, if the response did not name the inspector"
		}
		fmt.Fprintf(&out, "| `%v` | %d | %s | %s |\n", p.Type(), p.Type(), who, strings.Join(fields, ", "))
	}
	return out.String()
}

// payloads are all after-sales payloads in the order of their types.
var payloads = []record.Payload{
	record.ProductRegister{}, record.VoucherIssue{}, record.VoucherTransfer{}, record.VoucherVoid{}, record.ShipmentCreate{}, record.CustodyHandover{},
	record.DeliveryConfirm{}, record.DeliveryException{}, record.ProofOfAttempt{}, record.ClaimOpen{}, record.ClaimRespond{}, record.ClaimAnswer{},
	record.EvidenceAdd{}, record.InspectionReport{}, record.ClaimWithdraw{}, record.ClaimEscalate{}, record.Ruling{}, record.SettleExecute{},
	record.SettleConfirm{}, record.ClaimClose{}, record.Evaluate{}, record.EvaluateAmend{}, record.SellerReply{}, record.RewardClaim{},
	record.RecallNotice{}, record.SellerSuspend{}, record.SellerRestore{}, record.Correction{},
}

// Every after-sales type has a rule, and is in the list above.
func TestEveryTypeHasRule(t *testing.T) {
	var listed []record.Type
	for _, p := range payloads {
		listed = append(listed, p.Type())
	}
	for _, kind := range record.Types() {
		if kind != record.TypeCoinbase && rules[kind] == nil {
			t.Errorf("%v has no rule", kind)
		}
		if kind >= record.TypeProductRegister && !slices.Contains(listed, kind) {
			t.Errorf("%v is not listed", kind)
		}
	}
}

// numbersTable lists the periods and fees of the networks.
func numbersTable() string {
	var out strings.Builder
	out.WriteString("| number |")
	for _, p := range network.All() {
		fmt.Fprintf(&out, " %s |", p.Name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(network.All())) + "\n")
	for i, f := range reflect.VisibleFields(reflect.TypeFor[network.AfterSales]()) {
		fmt.Fprintf(&out, "| %s |", f.Name)
		for _, p := range network.All() {
			fmt.Fprintf(&out, " %v |", reflect.ValueOf(p.AfterSales).Field(i).Interface())
		}
		out.WriteString("\n")
	}
	return out.String()
}

// reasonsTable lists the reasons of after-sales cases with their comments.
func reasonsTable(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "../reject/reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("| reason | when |\n|---|---|\n")
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || !strings.HasPrefix(d.Doc.Text(), "After-sales cases") {
			continue
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "| `%s` | %s |\n", word, strings.TrimSpace(v.Comment.Text()))
		}
	}
	return out.String()
}
