// Package inbox is the command "stele inbox", which lists what waits for a key: claims
// whose turn is with it, goods that it has or must send, and purchases to evaluate.
package inbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/casetext"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/nodeclient"
	"stele/node/api"
	"stele/node/keystore"
	"stele/node/ledger/record"
)

// maxThings bounds how many claims, shipments or vouchers of a key are looked at.
const maxThings = 1000

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "inbox",
		Usage: "list what waits for a key",
		Description: "Lists the claims, shipments and vouchers in which a key has to act, or may, with the\n" +
			"records that it may write. Without --key it lists those of all keys in the folder.\n" +
			"\"stele case\" shows each of them in full.\n\n" +
			"  stele inbox --key shop",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "key", Usage: "list what waits for `KEY`: 72 hex digits, or a name from \"stele key list\"; may be repeated"},
			nodeclient.Flag("ask the node API at `URL`"), keyring.Flag(), cmdline.JSONFlag(),
		},
		Action: run,
	}
}

// result is what "stele inbox --json" prints. docs/cli.md describes its fields.
type result struct {
	Items    []item `json:"items"`
	Complete bool   `json:"complete"` // whether everything of the keys was looked at
}

// item is a thing in which a key has to act, or may.
type item struct {
	Key     record.Key   `json:"key"`
	Kind    string       `json:"kind"`
	ID      string       `json:"id"`
	State   string       `json:"state"`
	Must    bool         `json:"must"` // it is the key's turn; else it only may act
	Until   uint64       `json:"until,omitempty"`
	Median  uint32       `json:"median_time"`
	Actions []api.Action `json:"actions"`
}

func run(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	folder, err := keyring.Folder(c)
	if err != nil {
		return err
	}
	keys, err := readKeys(c, folder)
	if err != nil {
		return err
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	res := result{Items: []item{}, Complete: true}
	for _, key := range keys {
		s := search{c: c, node: node, key: key, res: &res}
		if err := s.run(); err != nil {
			return cmdline.Cause(c, err)
		}
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, res.text(keyring.ReadNames(folder)))
}

// readKeys returns the keys of --key, or all in the folder.
func readKeys(c *cli.Context, folder keystore.Folder) (keys []record.Key, err error) {
	for _, name := range c.StringSlice("key") {
		key, err := keyring.PublicKey(folder, name)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		return keys, nil
	}
	files, err := folder.List()
	for _, f := range files {
		keys = append(keys, f.Key)
	}
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("no keys in %s: pass --key, or create one with \"stele key new\"", folder.Path)
	}
	return keys, err
}

// search looks for what waits for one key.
type search struct {
	c       *cli.Context
	node    *nodeclient.Client
	key     record.Key
	account api.Account
	res     *result
}

func (s *search) run() error {
	if err := s.node.Get(s.c.Context, "/v1/accounts/"+s.key.String(), &s.account); err != nil {
		return err
	}
	for _, look := range []func() error{s.claims, s.shipments, s.sold, s.held} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

// all requests a list.
func all[T any](s *search, path string) ([]T, error) {
	items, more, err := nodeclient.All[T](s.c.Context, s.node, path, maxThings)
	s.res.Complete = s.res.Complete && !more
	return items, err
}

// party returns the path of a list of the key.
func (s *search) party(list string) string { return "/v1/parties/" + s.key.String() + "/" + list }

// add adds a thing if the key may write a record about it. With types only those
// records count.
func (s *search) add(kind, id, state string, must bool, until uint64, types ...record.Type) error {
	var actions api.Actions
	if err := s.node.Get(s.c.Context, "/v1/"+kind+"s/"+id+"/actions?key="+s.key.String(), &actions); err != nil {
		return err
	}
	allowed := slices.DeleteFunc(casetext.Allowed(actions), func(a api.Action) bool {
		return len(types) > 0 && !slices.ContainsFunc(types, func(t record.Type) bool { return t.String() == a.Type })
	})
	if len(allowed) > 0 {
		s.res.Items = append(s.res.Items, item{s.key, kind, id, state, must, until, actions.MedianTime, allowed})
	}
	return nil
}

func (s *search) isSupervisor() bool {
	return slices.Contains(s.account.Roles, record.Supervisor.String())
}

func (s *search) claims() error {
	lists := []string{s.party("claims"), s.party("claims?role=servicer")}
	if s.isSupervisor() {
		lists = append(lists, "/v1/claims?state=escalated")
	}
	var claims []api.Claim
	for _, list := range lists {
		part, err := all[api.Claim](s, list)
		if err != nil {
			return err
		}
		claims = append(claims, part...)
	}
	seen := map[string]bool{}
	for _, claim := range claims {
		if claim.Closed || seen[claim.ID] {
			continue
		}
		seen[claim.ID] = true
		var turn api.Turn
		if err := s.node.Get(s.c.Context, "/v1/claims/"+claim.ID+"/turn", &turn); err != nil {
			return err
		}
		mine := slices.Contains(turn.Accounts, s.account.Account) || len(turn.Accounts) == 0 && slices.Contains(s.account.Roles, turn.Role)
		if !mine {
			continue
		}
		if err := s.add("claim", claim.ID, claim.State, true, turn.Until); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) shipments() error {
	shipments, err := all[api.Shipment](s, s.party("shipments"))
	if err != nil {
		return err
	}
	for _, h := range shipments {
		if h.Custodian != s.account.Account {
			continue
		}
		switch h.State {
		case "created", "in-transit", "exception":
			if err := s.add("shipment", h.ID, h.State, true, 0); err != nil {
				return err
			}
		}
	}
	if !s.isSupervisor() {
		return nil
	}
	attempted, err := all[api.Shipment](s, "/v1/shipments?state=attempted")
	if err != nil {
		return err
	}
	for _, h := range attempted {
		if err := s.add("shipment", h.ID, h.State, true, 0, record.TypeRuling); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) sold() error {
	vouchers, err := all[api.Voucher](s, s.party("vouchers?relation=sold"))
	if err != nil {
		return err
	}
	for _, v := range vouchers {
		switch {
		case v.State == "issued":
			err = s.add("voucher", v.ID, v.State, true, 0, record.TypeShipmentCreate)
		case v.Evaluation != nil && !v.Evaluation.Replied:
			err = s.add("voucher", v.ID, v.State, false, 0, record.TypeSellerReply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *search) held() error {
	vouchers, err := all[api.Voucher](s, s.party("vouchers"))
	if err != nil {
		return err
	}
	for _, v := range vouchers {
		if v.Buyer == s.account.Account && v.Delivered != 0 {
			if err := s.add("voucher", v.ID, v.State, false, 0, record.TypeEvaluate, record.TypeEvaluateAmend, record.TypeRewardClaim); err != nil {
				return err
			}
		}
	}
	return nil
}

// text returns the result for people.
func (r *result) text(names keyring.Names) string {
	var b strings.Builder
	for _, i := range r.Items {
		must := "may act"
		if i.Must {
			must = "has to act"
		}
		fmt.Fprintf(&b, "%s %s  %s: %s %s", i.Kind, i.ID, i.State, names.Short(i.Key), must)
		if i.Until != 0 {
			fmt.Fprintf(&b, ", %s", casetext.Until(i.Until, i.Median))
		}
		b.WriteByte('\n')
		for _, a := range i.Actions {
			fmt.Fprintf(&b, "  %s\n", casetext.Action(a, i.Median))
		}
	}
	if len(r.Items) == 0 {
		b.WriteString("nothing waits\n")
	}
	if !r.Complete {
		fmt.Fprintf(&b, "incomplete: only the first %d claims, shipments or vouchers of a key were looked at\n", maxThings)
	}
	return b.String()
}
