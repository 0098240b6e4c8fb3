package recipient

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/engine/pow"
	"stele/internal/atomicfile"
	"stele/node/api"
	"stele/node/blobs"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// maxEvents bounds the history of a shipment that is read.
const maxEvents = 1000

// parcel is a recipient's sealed data with the commitment to them.
type parcel struct {
	commitment recipient.Commitment
	blob       []byte
}

// open opens the data with the key of their carrier.
func (p *parcel) open(key record.PrivateKey) (recipient.Secret, error) {
	private, err := recipient.DeriveKey(key)
	if err != nil {
		return recipient.Secret{}, err
	}
	return recipient.Open(private, p.commitment, p.blob)
}

func runFetch(c *cli.Context) error {
	shipment, err := oneArgument(c)
	if err != nil {
		return err
	}
	if c.Bool("sealed") && !c.IsSet("o") {
		return errors.New("--sealed requires -o")
	}
	key, err := loadKey(c)
	if err != nil {
		return err
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	p, err := fetch(c, node, shipment, key)
	if err != nil {
		return cmdline.Cause(c, err)
	}
	if c.Bool("sealed") {
		return atomicfile.WriteFile(c.String("o"), p.blob, 0o600)
	}
	secret, err := p.open(key)
	if err != nil {
		return err
	}
	return write(c, secret.Data)
}

// fetch gets the data of a shipment that are sealed to the owner of a key: those of the
// last handover to it, or of the shipment itself.
func fetch(c *cli.Context, node *nodeclient.Client, shipment string, key record.PrivateKey) (*parcel, error) {
	id, err := pow.ParseHash(shipment)
	if err != nil {
		return nil, fmt.Errorf("invalid ID %.80q of a shipment: %w", shipment, err)
	}
	events, _, err := nodeclient.All[api.Event](c.Context, node, "/v1/shipments/"+id.String()+"/history", maxEvents)
	if err != nil {
		return nil, err
	}
	var p parcel
	var hash record.Digest
	for _, e := range events {
		if e.Record.Value == nil {
			continue
		}
		switch payload := e.Record.Value.Payload.(type) {
		case record.ShipmentCreate:
			p.commitment, hash = recipient.Commitment(payload.Commitment), payload.BlobHash
		case record.CustodyHandover:
			if payload.To == record.PublicOf(key) && payload.BlobHash != (record.Digest{}) {
				hash = payload.BlobHash
			}
		}
	}
	if hash == (record.Digest{}) {
		return nil, errors.New("the shipment names no sealed data")
	}
	request := blobs.NewRequest(key, blobs.Hash(hash), time.Now())
	p.blob, err = node.GetRaw(c.Context, "/v1/blobs/"+hex.EncodeToString(hash[:]), http.Header{
		"Stele-Key":       {record.Key(request.Key).String()},
		"Stele-Time":      {strconv.FormatInt(request.Time, 10)},
		"Stele-Signature": {hex.EncodeToString(request.Signature[:])},
	})
	if err == nil && recipient.BlobHash(p.blob) != hash {
		err = fmt.Errorf("%v: the node sent other data than the shipment names", node)
	}
	return &p, err
}

func runOpen(c *cli.Context) error {
	name, err := oneArgument(c)
	if err != nil {
		return err
	}
	if err := cmdline.Require(c, "commitment"); err != nil {
		return err
	}
	var p parcel
	if !unhex(c.String("commitment"), p.commitment[:]) {
		return fmt.Errorf("--commitment: %.80q is not 64 hex digits", c.String("commitment"))
	}
	if p.blob, err = cmdline.ReadInput(c, name, recipient.MaxBlob); err != nil {
		return err
	}
	key, err := loadKey(c)
	if err != nil {
		return err
	}
	secret, err := p.open(key)
	if err != nil {
		return err
	}
	return write(c, secret.Data)
}
