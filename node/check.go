package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"stele/node/custody"
	"stele/node/store"
	"stele/node/views"
)

// ViewsState reports whether views can be compared with anything.
type ViewsState string

// States of views. The words are stable.
const (
	ViewsSealed   ViewsState = "sealed"   // they were closed: their seal speaks for every bit
	ViewsUnsealed ViewsState = "unsealed" // their node did not come to its end
	ViewsAbsent   ViewsState = "absent"
)

// BesideReport is what CheckBeside has found.
type BesideReport struct {
	Views   ViewsState
	Custody int             // blobs and notices that are as they were written
	Damage  []*store.Damage // files that are not, by their paths in the node's folder
}

// CheckBeside checks what a node keeps in its folder beside the store, and in the
// folder blobs in it: the views by their seal, recipients' data by their hashes
// and carriers' notices by their signatures. The node must not run. Nothing is
// changed.
func CheckBeside(ctx context.Context, dir, blobs string) (BesideReport, error) {
	r := BesideReport{Views: ViewsUnsealed}
	sealed, damage, err := views.Check(ctx, filepath.Join(dir, ViewsFolder), nil)
	if err != nil {
		return r, err
	}
	if sealed {
		r.Views = ViewsSealed
	} else if _, err := os.Lstat(filepath.Join(dir, ViewsFolder)); errors.Is(err, fs.ErrNotExist) {
		r.Views = ViewsAbsent
	}
	for _, d := range damage {
		r.add(ViewsFolder, d.File, d.Detail)
	}
	r.Custody, err = custody.Check(ctx, filepath.Join(dir, blobs), func(file, detail string) { r.add(blobs, file, detail) })
	return r, err
}

func (r *BesideReport) add(folder, file, detail string) {
	r.Damage = append(r.Damage, &store.Damage{Height: store.NoHeight, Field: "file", File: path.Join(folder, filepath.ToSlash(file)), Detail: detail})
}
