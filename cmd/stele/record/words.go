package record

import (
	"encoding/json"
	"fmt"
	"strings"

	"stele/cmd/stele/internal/keyring"
	"stele/cmd/stele/internal/recordform"
	"stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	sentences "stele/node/words"
)

// english are the sentences about what is signed, with exact amounts.
var english = sentences.In(sentences.English).Exact()

// words returns what a record says, for whoever signs it with a key.
func words(r *record.Record, signer record.Key, names keyring.Names) string {
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
	fmt.Fprintf(&b, "You sign as %s. %s.\n", as, text.Clean(english.Record(r.Payload), text.Max))
	line := func(name, value string) { fmt.Fprintf(&b, "  %-16s %s\n", name, text.Clean(value, record.MaxSize)) }
	line("type", r.Type().String())
	line("network", networkName(r.Network))
	line(author, names.Of(r.Key))
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
func fieldText(field recordform.Field, value json.RawMessage, names keyring.Names) string {
	var keys []record.Key
	if field.Kind == recordform.Keys && json.Unmarshal(value, &keys) == nil {
		var all []string
		for _, key := range keys {
			all = append(all, names.Of(key))
		}
		return strings.Join(all, ", ")
	}
	var one string
	if json.Unmarshal(value, &one) != nil {
		return string(value)
	}
	if field.Kind == recordform.Key {
		if key, err := record.ParseKey(one); err == nil {
			return names.Of(key)
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
