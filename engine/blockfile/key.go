package blockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeySize is the length in bytes of the key with which a node obfuscates its blk
// files.
const KeySize = 8

// ReadKey returns the key with which the blk files in a folder are obfuscated: the
// content of xor.dat there, or the zero value if there is no such file.
func ReadKey(dir string) (key [KeySize]byte, err error) {
	path := filepath.Join(dir, "xor.dat")
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return key, nil
	case err != nil:
		return key, err
	case len(data) != KeySize:
		return key, fmt.Errorf("%s: %w: the key has %s, expected %d", path, ErrLength, bytesOf(len(data)), KeySize)
	}
	return [KeySize]byte(data), nil
}
