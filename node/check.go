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
	ViewsSealed   ViewsState = "sealed"   // they were closed: their seal covers every bit
	ViewsUnsealed ViewsState = "unsealed" // their node did not stop properly, or their seal is damaged
	ViewsAbsent   ViewsState = "absent"
)

// BesideReport is the result of [CheckBeside].
type BesideReport struct {
	Views   ViewsState
	Custody int             // blobs and notices that are as they were written
	Damage  []*store.Damage // files that are not, by their paths in the node's folder
}

// CheckBeside checks what a node keeps in its folder dir beside the store: the
// views by their seal, and that their lock is a regular file; in the folder blobs
// in dir the recipients' data by their hashes and carriers' notices by their
// signatures. The node must not run. Nothing is changed. Errors are those of
// reading; damage is in the report.
func CheckBeside(ctx context.Context, dir, blobs string) (BesideReport, error) {
	r := BesideReport{Views: ViewsUnsealed}
	exists, err := r.folder(dir, ViewsFolder)
	switch {
	case err != nil:
		return r, err
	case exists:
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
	if exists, err = r.folder(dir, blobs); err == nil && exists {
		r.Custody, err = blobkeeper.Check(ctx, filepath.Join(dir, blobs), func(file, detail string) { r.add(blobs, file, detail) })
	}
	return r, err
}

// folder reports whether a folder exists. Anything else in its place is damage.
func (r *BesideReport) folder(dir, name string) (exists bool, err error) {
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
