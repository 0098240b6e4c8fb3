package keyring

import (
	"fmt"

	"stele/node/keystore"
	"stele/node/ledger/record"
)

// Names are the names of the keys in a folder.
type Names map[record.Key]string

// ReadNames returns the names of the keys in a folder; none if it cannot be read, since
// they are only shown.
func ReadNames(folder keystore.Folder) Names {
	names := Names{}
	files, _ := folder.List()
	for _, f := range files {
		names[f.Key] = f.Name
	}
	return names
}

// Of returns the text of a key with its name, if it has one.
func (n Names) Of(key record.Key) string {
	if name, ok := n[key]; ok {
		return fmt.Sprintf("%v (%s)", key, name)
	}
	return key.String()
}

// Short returns the name of a key, or its first digits.
func (n Names) Short(key record.Key) string {
	if name, ok := n[key]; ok {
		return name
	}
	return key.String()[:16]
}
