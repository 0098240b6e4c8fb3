package record

import (
	"encoding/json"
	"fmt"
	"strings"

	"stele/cmd/stele/internal/recordform"
	"stele/internal/text"
	"stele/node/keystore"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// keyNames are the names of keys in a folder.
type keyNames map[record.Key]string

// readKeyNames returns the names of the keys in a folder; none if it cannot be read,
// since they are only shown.
func readKeyNames(folder keystore.Folder) keyNames {
	names := keyNames{}
	files, _ := folder.List()
	for _, f := range files {
		names[f.Key] = f.Name
	}
	return names
}

// of returns a key with its name, if it has one.
func (n keyNames) of(key record.Key) string {
	if name, ok := n[key]; ok {
		return fmt.Sprintf("%v (%s)", key, name)
	}
	return key.String()
}

// words returns what a record says, for whoever signs it with a key.
func words(r *record.Record, signer record.Key, names keyNames) string {
	var b strings.Builder
	parts := record.SignerParts(r.Payload)
	as := "author"
	for i, key := range r.Signers() {
		if key == signer && i < len(parts) {
			as = parts[i]
		}
	}
	form, _ := recordform.Of(r.Type())
	author := "author"
	if len(parts) > 0 {
		author = parts[0]
	}
	fmt.Fprintf(&b, "You sign as %s: the %s %s.\n", as, author, form.Does)
	line := func(name, value string) { fmt.Fprintf(&b, "  %-16s %s\n", name, text.Clean(value, text.Max)) }
	line("type", r.Type().String())
	line("network", networkName(r.Network))
	line(author, names.of(r.Key))
	var values recordform.Values
	if payload, err := json.Marshal(r.Payload); err == nil {
		values, _ = recordform.Read(payload) // of a record that was decoded
	}
	for _, field := range form.Fields {
		if value := values[field.Name]; string(value) != field.Empty || !field.Optional {
			line(field.Name, fieldText(field, value, names))
		}
	}
	line("fee", fmt.Sprintf("%v, which the %s pays", r.Fee, author))
	line("valid until", fmt.Sprintf("height %d", r.ValidUntil))
	return b.String()
}

// fieldText returns the value of a field for people.
func fieldText(field recordform.Field, value json.RawMessage, names keyNames) string {
	var one string
	if json.Unmarshal(value, &one) != nil {
		return string(value)
	}
	if field.Kind == recordform.Key {
		if key, err := record.ParseKey(one); err == nil {
			return names.of(key)
		}
	}
	return one
}

// checkPresent rejects a record with a signature that is not valid: somebody changed
// the record after that was made, or damaged the signature.
func checkPresent(r *record.Record) error {
	parts := record.SignerParts(r.Payload)
	for i, key := range r.Signers() {
		if i < len(r.Signatures) && i < len(parts) && r.Signatures[i] != (record.Signature{}) && !key.Signed(r.SigningMessage(), r.Signatures[i]) {
			return reject.New(reject.BadSignature,
				"the signature of the %s, %v, is not for this record: it was changed after they signed it. Request the file again, or let them sign this one", parts[i], key)
		}
	}
	return nil
}
