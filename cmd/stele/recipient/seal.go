package recipient

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodeclient"
	"stele/internal/atomicfile"
	"stele/node/api"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
)

// secretFile is what --secret stores: it proves what a commitment stands for.
type secretFile struct {
	Commitment string `json:"commitment"`
	Salt       string `json:"salt"`
	Data       string `json:"data"`
}

func runSeal(c *cli.Context) error {
	carrier, err := publicKey(c, "carrier")
	if err != nil {
		return err
	}
	node, err := nodeclient.New(c)
	if err != nil {
		return err
	}
	defer node.Close()
	next, err := sealKey(c, node, carrier)
	if err != nil {
		return cmdline.Cause(c, err)
	}
	secret, fields, err := secretToSeal(c, node, carrier)
	if err != nil {
		return cmdline.Cause(c, err)
	}
	blob, err := recipient.Seal(next, secret)
	if err != nil {
		return err
	}
	var sent api.SentBlob
	if err := node.Post(c.Context, "/v1/blobs", octets, blob, &sent); err != nil {
		return cmdline.Cause(c, err)
	}
	hash := recipient.BlobHash(blob)
	if sent.Hash != hex.EncodeToString(hash[:]) {
		return fmt.Errorf("%v: the node stored other data, %.64s", node, sent.Hash)
	}
	fields["blob_hash"] = sent.Hash
	out, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		return err
	}
	out = append(out, '\n')
	if !c.IsSet("o") {
		return cmdline.PrintText(c, string(out))
	}
	if err := atomicfile.WriteFile(c.String("o"), out, 0o644); err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c, fields)
	}
	return cmdline.PrintText(c, fmt.Sprintf("%s  sealed to %v, at the node as %s\n", c.String("o"), carrier, sent.Hash))
}

// secretToSeal returns what to seal: a file, or what a shipment has; and the fields of
// the record that names it, without the hash of the blob.
func secretToSeal(c *cli.Context, node *nodeclient.Client, carrier record.Key) (recipient.Secret, map[string]string, error) {
	if c.IsSet("shipment") {
		if c.Args().Present() || c.IsSet("pickup") {
			return recipient.Secret{}, nil, errors.New("--shipment excludes FILE and --pickup: both are those of the shipment")
		}
		key, err := loadKey(c)
		if err != nil {
			return recipient.Secret{}, nil, err
		}
		p, err := fetch(c, node, c.String("shipment"), key)
		if err != nil {
			return recipient.Secret{}, nil, err
		}
		secret, err := p.open(key)
		return secret, map[string]string{"shipment": c.String("shipment"), "to": carrier.String()}, err
	}
	name, err := oneArgument(c)
	if err != nil {
		return recipient.Secret{}, nil, err
	}
	pickup, err := publicKey(c, "pickup")
	if err != nil {
		return recipient.Secret{}, nil, err
	}
	data, err := cmdline.ReadInput(c, name, recipient.MaxData)
	if err != nil {
		return recipient.Secret{}, nil, err
	}
	secret, err := recipient.NewSecret(data)
	if err != nil {
		return recipient.Secret{}, nil, err
	}
	hash := recipient.PickupHash(pickup)
	fields := map[string]string{
		"carrier": carrier.String(), "commitment": secret.Commitment().String(), "pickup_hash": hex.EncodeToString(hash[:]),
	}
	return secret, fields, keepSecret(c, secret)
}

// keepSecret stores a secret in the file of --secret.
func keepSecret(c *cli.Context, s recipient.Secret) error {
	if !c.IsSet("secret") {
		return nil
	}
	out, err := json.MarshalIndent(secretFile{s.Commitment().String(), hex.EncodeToString(s.Salt[:]), string(s.Data)}, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(c.String("secret"), append(out, '\n'), 0o600)
}
