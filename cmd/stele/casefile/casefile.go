// Package casefile is the command "stele case", which shows a voucher, a claim or a
// shipment: its state, whose turn it is, and what each party may do now.
package casefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/casetext"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/engine/pow"
	"stele/node/api"
	"stele/node/ledger/record"
	"stele/node/words"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:      "case",
		Usage:     "show a voucher, claim or shipment, and what its parties may do",
		ArgsUsage: "voucher|claim|shipment ID",
		Description: "Shows the state, whose turn it is, the deadline, and the records that each party may\n" +
			"write now. ID is that of the VOUCHER_ISSUE, CLAIM_OPEN or SHIPMENT_CREATE.\n\n" +
			"  stele case claim ID --key alice\n" +
			"  stele case voucher ID --at 1200",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "show only what `KEY` may do: 72 hex digits, or a name from \"stele key list\"", DefaultText: "all parties"},
			&cli.BoolFlag{Name: "all", Usage: "also list what is not allowed, and why"},
			nodeclient.AtFlag(), nodeclient.Flag("ask the node API at `URL`"), keyring.Flag(), cmdline.JSONFlag(),
		},
		Action: run,
	}
}

// result is what "stele case --json" prints. docs/cli.md describes its fields.
type result struct {
	Kind string `json:"kind"`
	api.AnswerHeight
	Voucher  *api.Voucher  `json:"voucher,omitempty"`
	Claim    *api.Claim    `json:"claim,omitempty"`
	Turn     *api.Turn     `json:"turn,omitempty"`
	Shipment *api.Shipment `json:"shipment,omitempty"`
	Parties  []party       `json:"parties"`
}

// party is a part in a case with what it may do.
type party struct {
	Part    string      `json:"part"`
	Account record.Key  `json:"account"`
	Actions api.Actions `json:"actions"`
}

func run(c *cli.Context) error {
	if c.NArg() != 2 {
		return fmt.Errorf("the arguments must be voucher, claim or shipment, and an ID: got %d; see %s --help", c.NArg(), c.Command.HelpName)
	}
	kind := c.Args().Get(0)
	if !slices.Contains([]string{"voucher", "claim", "shipment"}, kind) {
		return fmt.Errorf("unknown kind of case %.40q: must be voucher, claim or shipment", kind)
	}
	id, err := pow.ParseHash(c.Args().Get(1))
	if err != nil {
		return fmt.Errorf("invalid ID %.80q of a %s: %w", c.Args().Get(1), kind, err)
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	var only *record.Key
	if c.IsSet("key") {
		key, err := keyring.PublicKey(folder, c.String("key"))
		if err != nil {
			return fmt.Errorf("--key: %w", err)
		}
		only = &key
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	res, err := read(c, node, kind, id.String(), only)
	if err != nil {
		if nodeclient.IsNotFound(err) && c.IsSet("at") {
			err = fmt.Errorf("%w: it may be newer than the height of --at", err)
		} else if nodeclient.IsNotFound(err) {
			err = fmt.Errorf("%w: a record that waits for a block is not in the chain yet", err)
		}
		return cmdline.Cause(c, err)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	when := "now"
	if c.IsSet("at") {
		when = "then"
	}
	return cmdline.PrintText(c, res.text(keyring.ReadNames(folder), when, c.Bool("all")))
}

// read asks the node for a case, and for what the parties may do, or only one of them.
func read(c *cli.Context, node *nodeclient.Client, kind, id string, only *record.Key) (*result, error) {
	res := &result{Kind: kind, Parties: []party{}}
	path := "/v1/" + kind + "s/" + id
	get := func(path string, v any) error { return node.Get(c.Context, nodeclient.AsOf(c, path), v) }
	var err error
	switch kind {
	case "voucher":
		if err = get(path, &res.Voucher); err == nil {
			res.AnswerHeight = res.Voucher.AnswerHeight
		}
	case "claim":
		if err = get(path, &res.Claim); err == nil {
			res.AnswerHeight = res.Claim.AnswerHeight
			err = get(path+"/turn", &res.Turn)
		}
	case "shipment":
		if err = get(path, &res.Shipment); err == nil {
			res.AnswerHeight = res.Shipment.AnswerHeight
		}
	}
	if err != nil {
		return nil, err
	}
	res.Parties = res.parties()
	if only != nil {
		res.Parties = []party{{Part: "this key", Account: *only}}
	}
	for i := range res.Parties {
		p := &res.Parties[i]
		if err := get(path+"/actions?key="+p.Account.String(), &p.Actions); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// parties returns those that the case names, each once. A party that plays several parts
// has the first one.
func (res *result) parties() (all []party) {
	add := func(part string, key record.Key) {
		if key != (record.Key{}) && !slices.ContainsFunc(all, func(p party) bool { return p.Account == key }) {
			all = append(all, party{Part: part, Account: key})
		}
	}
	if v := res.Voucher; v != nil {
		add("seller", v.Seller)
		add("holder", v.Holder)
		add("first buyer", v.Buyer)
	}
	if claim := res.Claim; claim != nil {
		add("seller", claim.Seller)
		add("holder", claim.Holder)
		if key, err := record.ParseKey(claim.Servicer); err == nil {
			add("servicer", key)
		}
		for _, key := range res.Turn.Accounts {
			add(res.Turn.Role, key)
		}
	}
	if h := res.Shipment; h != nil {
		add("sender", h.Sender)
		add("carrier", h.Carrier)
	}
	return all
}

// lines are rows of a name and a value.
type lines struct{ strings.Builder }

// add adds a row, unless its value is empty.
func (l *lines) add(name, value string) {
	if value != "" {
		fmt.Fprintf(l, "%-12s %s\n", name, value)
	}
}

// median returns the median time by which the next block is judged; 0 if nobody was
// asked about.
func (res *result) median() uint32 {
	if len(res.Parties) == 0 {
		return 0
	}
	return res.Parties[0].Actions.MedianTime
}

// text returns the result for people. When is "now" or "then".
func (res *result) text(names keyring.Names, when string, all bool) string {
	var out lines
	switch {
	case res.Voucher != nil:
		out.voucher(res.Voucher, names)
	case res.Claim != nil:
		out.claim(res, names)
	case res.Shipment != nil:
		out.shipment(res.Shipment, names, res.median())
	}
	if res.Height != nil {
		out.add("height", fmt.Sprint(*res.Height))
	}
	for _, p := range res.Parties {
		fmt.Fprintf(&out, "\n%s %s may write %s:\n", p.Part, names.Of(p.Account), when)
		allowed := casetext.Allowed(p.Actions)
		for _, a := range allowed {
			fmt.Fprintf(&out, "  %s\n", casetext.Action(a, res.median()))
		}
		if len(allowed) == 0 {
			out.WriteString("  nothing\n")
		}
		if !all {
			continue
		}
		fmt.Fprintf(&out, "not %s:\n", when)
		for _, a := range p.Actions.Items {
			if !a.Allowed {
				fmt.Fprintf(&out, "  %s\n", casetext.Action(a, res.median()))
			}
		}
	}
	return out.String()
}

func (l *lines) voucher(v *api.Voucher, names keyring.Names) {
	l.add("voucher", v.ID)
	l.add("state", v.State)
	l.add("item", v.GTIN+" "+string(v.Serial))
	price := fmt.Sprintf("%v, quantity %d", v.Price, v.Quantity)
	if v.Distance {
		price += ", sold at a distance"
	}
	l.add("price", price)
	l.add("seller", names.Of(v.Seller))
	l.add("holder", names.Of(v.Holder))
	if v.Buyer != v.Holder {
		l.add("first buyer", names.Of(v.Buyer))
	}
	l.add("issued", words.Moment(uint64(v.Issued)))
	if v.Delivered != 0 {
		l.add("delivered", words.Moment(uint64(v.Delivered)))
		l.add("warranty", "until "+words.Moment(v.WarrantyEnd))
	}
	if v.Recalled {
		l.add("recalled", "yes: claims are possible after the warranty too")
	}
	l.add("shipment", v.Shipment)
	if v.Claim != "" {
		state := "closed"
		if v.ClaimLive {
			state = "not closed"
		}
		l.add("claim", v.Claim+", "+state)
	}
	if e := v.Evaluation; e != nil {
		l.add("evaluation", fmt.Sprintf("product %d, service %d, logistics %d, %s", e.Product, e.Service, e.Logistics, e.State))
	}
}

func (l *lines) claim(res *result, names keyring.Names) {
	claim, turn := res.Claim, res.Turn
	l.add("claim", claim.ID)
	l.add("state", claim.State+", since "+words.Moment(uint64(claim.Since)))
	if turn.Role != "" {
		var who []string
		for _, key := range turn.Accounts {
			who = append(who, names.Of(key))
		}
		l.add("turn", strings.TrimSuffix(turn.Role+": "+strings.Join(who, ", "), ": "))
	}
	if turn.Period != "" {
		l.add("deadline", fmt.Sprintf("%s, %s", turn.Period, casetext.Until(turn.Until, res.median())))
		l.add("after that", casetext.Silence(*turn))
	}
	l.add("voucher", claim.Voucher)
	l.add("item", claim.GTIN+" "+string(claim.Serial))
	l.add("ground", claim.Ground)
	if claim.FaultCode != 0 {
		l.add("fault code", fmt.Sprint(claim.FaultCode))
	}
	l.add("asked for", claim.Asked)
	if claim.Remedy != "" {
		remedy := claim.Remedy
		if claim.Refund != 0 {
			remedy += fmt.Sprintf(" of %v", claim.Refund)
		}
		if claim.ReturnNeeded {
			remedy += ", after the goods came back"
		}
		l.add("remedy", remedy)
	}
	l.add("settled with", claim.Settlement)
	l.add("seller", names.Of(claim.Seller))
	l.add("holder", names.Of(claim.Holder))
	l.add("return", claim.Return)
	l.add("sent again", claim.SendBack)
}

func (l *lines) shipment(h *api.Shipment, names keyring.Names, median uint32) {
	l.add("shipment", h.ID)
	l.add("state", h.State+", since "+words.Moment(uint64(h.Since)))
	l.add("leg", h.Leg)
	l.add("exception", h.Exception)
	l.add("sender", names.Of(h.Sender))
	l.add("carrier", names.Of(h.Carrier))
	l.add("custodian", names.Of(h.Custodian))
	if h.LostFrom != 0 {
		l.add("under way", casetext.Until(h.LostFrom, median))
	}
	l.add("voucher", h.Voucher)
	l.add("claim", h.Claim)
}
