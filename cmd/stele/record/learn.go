package record

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/cmd/stele/internal/nodeflags"
	"stele/cmd/stele/internal/recordform"
	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/pool"
)

const (
	// validBlocks is how many blocks a new record has to get into the chain.
	validBlocks = 1000
	// maxAhead is how many seconds after the median time the rules accept.
	maxAhead = 24 * 60 * 60
)

// known is what a new record needs to know of its network and author. Without a node
// that is what the flags say.
type known struct {
	ctx        context.Context
	node       *nodeclient.Client // nil: nobody was asked
	network    *network.Params
	seq        uint64
	validUntil uint32
	feeRate    pool.Rate
	height     uint32
	now        record.Time
}

// learn reads the flags, and asks the node for what they leave out. The caller must
// close what it returns.
func learn(c *cli.Context, key record.Key) (k *known, err error) {
	k = &known{ctx: c.Context, feeRate: pool.ProposedRate, now: record.Time(time.Now().Unix())}
	if k.network, err = nodeflags.Network(c); err != nil {
		return nil, err
	}
	if c.IsSet("api") || !c.IsSet("seq") || !c.IsSet("valid-until") {
		if k.node, err = nodeclient.New(c); err != nil {
			return nil, err
		}
		if err := k.ask(c, key); err != nil {
			k.close()
			if errors.Is(err, nodeclient.ErrUnreachable) {
				err = fmt.Errorf("%w, or --seq and --valid-until", err)
			}
			return nil, err
		}
	}
	if k.seq, err = cmdline.Number(c, "seq", 0, math.MaxUint64, k.seq); err != nil {
		k.close()
		return nil, err
	}
	until, err := cmdline.Number(c, "valid-until", 0, math.MaxUint32, uint64(k.height)+validBlocks)
	k.validUntil = uint32(until)
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *known) close() {
	if k.node != nil {
		k.node.Close()
	}
}

// ask asks the node for what every record needs.
func (k *known) ask(c *cli.Context, key record.Key) error {
	var health api.Health
	if err := k.node.Get(k.ctx, "/v1/health", &health); err != nil {
		return err
	}
	p, err := network.Lookup(health.Network)
	switch {
	case err != nil:
		return fmt.Errorf("%v: the node is on another network: %w", k.node, err)
	case c.IsSet("network") && p != k.network:
		return fmt.Errorf("--network: the node at %v is on network %s", k.node, p.Name)
	}
	k.network, k.height = p, health.Height
	var tip api.Tip
	if err := k.node.Get(k.ctx, "/v1/tip", &tip); err != nil {
		return err
	}
	k.now = record.Time(min(uint64(k.now), uint64(tip.MedianTime)+maxAhead))
	var account api.Account
	if err := k.node.Get(k.ctx, "/v1/accounts/"+key.String(), &account); err != nil {
		return err
	}
	k.seq = account.NextSeq
	var waiting api.Pool
	if err := k.node.Get(k.ctx, "/v1/pool?limit=1", &waiting); err != nil {
		return err
	}
	k.feeRate = max(k.feeRate, pool.Rate(waiting.MinRate))
	return nil
}

// fill adds the fields that are left out and known.
func (k *known) fill(form recordform.Form, values recordform.Values) (err error) {
	add := func(name string, value any) {
		if _, ok := values[name]; ok || err != nil {
			return
		}
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			values[name] = text
		}
	}
	if form.Type >= record.TypeProductRegister {
		add("time", k.now)
	}
	switch form.Type {
	case record.TypeVoucherIssue:
		add("quantity", 1)
		if k.node != nil && err == nil {
			err = k.fillSale(values, add)
		}
	case record.TypeVoucherVoid:
		if id, ok := textOf(values["voucher"]); ok && k.node != nil && values["holder"] == nil {
			var voucher api.Voucher
			var holder api.Account
			if err := k.node.Get(k.ctx, "/v1/vouchers/"+id, &voucher); err != nil {
				return err
			}
			if err := k.node.Get(k.ctx, "/v1/accounts/"+voucher.Holder.String(), &holder); err != nil {
				return err
			}
			add("holder", holder.Key)
		}
	case record.TypeDeliveryConfirm:
		if k.node != nil {
			add("challenge_height", k.height)
		}
		var nonce record.Nonce
		_, _ = rand.Read(nonce[:]) // it never fails
		add("challenge_nonce", nonce)
	}
	return err
}

// fillSale adds the terms and the least amounts of a sale.
func (k *known) fillSale(values recordform.Values, add func(name string, value any)) error {
	if gtin, ok := textOf(values["gtin"]); ok && (values["warranty_days"] == nil || values["terms"] == nil) {
		var product api.Product
		if err := k.node.Get(k.ctx, "/v1/products/"+gtin, &product); err != nil {
			return fmt.Errorf("product %.20s: %w", gtin, err)
		}
		add("warranty_days", product.WarrantyDays)
		add("terms", product.Terms)
	}
	var network api.Network
	if err := k.node.Get(k.ctx, "/v1/network", &network); err != nil {
		return err
	}
	add("stipend", network.Fees.MinStipend)
	if text, ok := textOf(values["price"]); ok {
		if price, err := record.ParseAmount(text); err == nil { // else package record says what is wrong
			add("burn", max(network.Fees.Voucher, price*record.Amount(network.Fees.Permille)/1000))
		}
	}
	return nil
}

// textOf returns the text of a JSON value, if it is one that can be part of a path.
func textOf(value json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(value, &s) != nil || s == "" {
		return "", false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) || r == '/' || r == '?' || r == '#' || r == '%' {
			return "", false
		}
	}
	return s, true
}
