package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"stele/node/blobkeeper"
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
	there, err := r.folder(dir, ViewsFolder)
	switch {
	case err != nil:
		return r, err
	case there:
		sealed, damage, err := views.Check(ctx, filepath.Join(dir, ViewsFolder), nil)
		if err != nil {
			return r, err
		}
		if sealed {
			r.Views = ViewsSealed
		}
		for _, d := range damage {
			r.add(ViewsFolder, d.File, d.Detail)
		}
	case len(r.Damage) == 0:
		r.Views = ViewsAbsent
	}
	if there, err = r.folder(dir, blobs); err == nil && there {
		r.Custody, err = blobkeeper.Check(ctx, filepath.Join(dir, blobs), func(file, detail string) { r.add(blobs, file, detail) })
	}
	return r, err
}

// folder reports whether a folder is there. Something else in its place is damage.
func (r *BesideReport) folder(dir, name string) (there bool, err error) {
	info, err := os.Stat(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		r.add(name, "", "it is not a folder")
		return false, nil
	}
	return true, nil
}

func (r *BesideReport) add(folder, file, detail string) {
	r.Damage = append(r.Damage, &store.Damage{Height: store.NoHeight, Field: "file", File: path.Join(folder, filepath.ToSlash(file)), Detail: detail})
}
