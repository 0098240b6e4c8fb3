package blobkeeper

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stele/node/blobs"
	"stele/node/ledger/record"
)

// Check checks the files of a keeper in the folder dir, which must not be in use:
// each blob against the hash in its name, and each notice against its signature.
// It calls found for each file that was changed, with the path in the folder, and
// returns how many blobs and notices are good. A folder that does not exist has
// none. Check changes nothing.
func Check(ctx context.Context, dir string, found func(file, detail string)) (good int, err error) {
	good, err = blobs.Check(ctx, filepath.Join(dir, blobsFolder), func(file, detail string) {
		found(filepath.Join(blobsFolder, file), detail)
	})
	if err != nil {
		return good, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, noticesFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return good, fmt.Errorf("check the notices: %w", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return good, err
		}
		name := filepath.Join(noticesFolder, e.Name())
		if strings.HasPrefix(e.Name(), ".") { // a crash left it while it was written
			continue
		}
		if detail := checkNotice(filepath.Join(dir, name), e); detail != "" {
			found(name, detail)
		} else {
			good++
		}
	}
	return good, nil
}

// checkNotice returns what is wrong with the file of a notice.
func checkNotice(path string, e fs.DirEntry) string {
	carrier, err := hex.DecodeString(e.Name())
	info, statErr := e.Info()
	switch {
	case err != nil || len(carrier) != len(record.Key{}):
		return "it is not named by a carrier's key"
	case statErr != nil:
		return fmt.Sprintf("it cannot be read: %v", statErr)
	case !info.Mode().IsRegular() || info.Size() != noticeSize:
		return fmt.Sprintf("it is not a regular file of %d bytes", noticeSize)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("it cannot be read: %v", err)
	}
	if _, err := decodeNotice(record.Key(carrier), b); err != nil {
		return "it was changed: the carrier did not sign it"
	}
	return ""
}
