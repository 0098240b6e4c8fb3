package views

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// heights is a table that keeps the height of each block.
type heights struct{ loaded, joined, left int }

func (h *heights) Prefix() byte { return 'H' }

func (h *heights) Load(pebble.Reader, *Tip) error {
	h.loaded++
	return nil
}

func (h *heights) Index(_ pebble.Reader, b *TableBlock) (TableChange, error) {
	return TableChange{
		Entries: []TableEntry{{Key: []byte{'H', byte(b.Height)}}},
		Done: func(pebble.Reader) error {
			if b.Leaves {
				h.left++
			} else {
				h.joined++
			}
			return nil
		},
	}, nil
}

// A table follows in the files of the views. Files that were written without it are built
// anew.
func TestTable(t *testing.T) {
	c, fs := grown(10), vfs.NewMem()
	openWith := func(tables ...Table) *Views {
		v, err := Open("views", Options{Chain: c, FS: fs, Tables: tables})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		return v
	}
	count := func(v *Views) (n uint32) {
		err := v.Ask(func(db pebble.Reader, tip Tip) error {
			if tip.Height != c.tip.height {
				t.Errorf("tip %d, want %d", tip.Height, c.tip.height)
			}
			return scan(db, []byte{'H'}, []byte{'I'}, func([]byte, []byte) (bool, error) {
				n++
				return true, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	reopen := func(v *Views, tables ...Table) *Views {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		return openWith(tables...)
	}
	table := new(heights)
	v := openWith(table)
	if n := count(v); n != c.tip.height+1 || table.joined != int(n) {
		t.Errorf("%d entries, %d blocks joined", n, table.joined)
	}
	c.tip = c.tip.ancestor(c.tip.height - 3)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(v); n != c.tip.height+1 || table.left != 3 {
		t.Errorf("%d entries, %d blocks left", n, table.left)
	}
	again := new(heights)
	v = reopen(v, again)
	if again.joined != 0 || again.loaded == 0 {
		t.Errorf("opened again, %d blocks joined", again.joined)
	}
	v = reopen(v)
	c.extend()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	missed := new(heights)
	v = reopen(v, missed)
	defer v.Close()
	if n := count(v); n != c.tip.height+1 || missed.joined != int(n) {
		t.Errorf("files written without the table: %d entries, %d blocks joined", n, missed.joined)
	}
}
