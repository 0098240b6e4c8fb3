// Package configfile has what the commands that run as a service share about their
// configuration: the TOML file, files with secrets, and SIGHUP.
//
//   - [Read] reads a file into a [File], a struct of the command. A key is the name of
//     its flag with _ for -.
//   - [Document] is what was read: it sets the flags that are not set, and says where in
//     the file an invalid value is.
//   - [Secret] and [Token] read secrets from files of their own.
//   - [Hangups] reloads on SIGHUP, and finds out whether a terminal was closed.
//
// Flags override variables, which override the file.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// File is the content of a configuration file: a pointer to a struct whose fields have
// toml tags, as do those of structs that it embeds. A field that is a slice of structs is
// a list of tables; other slices have strings. A pointer is nil if the value is not set.
type File interface {
	// Check checks the values. With an error it returns the key of the wrong one.
	Check() (key string, err error)
}

// Document is a configuration file that was read. The zero value is that of a command
// without a file.
type Document struct {
	name, text string
	overridden map[string]bool // of each key, whether a flag or a variable overrides it
}

// Default returns the place of a configuration file of the user, such as
// ~/.config/stele/mine.toml for mine.toml.
func Default(base string) (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for a configuration file: %w; pass --config", err)
	}
	return filepath.Join(folder, "stele", base), nil
}

// Read reads a configuration file of at most 1 MiB. An unknown key is an error, because
// it would be a setting without effect. Errors name the file and the line.
func Read(c *cli.Context, name string, f File) (*Document, error) {
	text, err := readSoon(c, name, maxFile)
	if err != nil {
		return nil, err
	}
	return Parse(name, string(text), f)
}

// Parse is [Read] for the text of a file.
func Parse(name, text string, f File) (*Document, error) {
	d := &Document{name: name, text: text}
	meta, err := toml.Decode(text, f)
	if err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("%s: line %d: %s", name, at.Position.Line, at.Message)
		}
		return nil, fmt.Errorf("%s: %s", name, wrongType.ReplaceAllString(err.Error(), "line $1: $2: has the type $3: must be $4"))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, d.unknownKey(unknown[0], structOf(f))
	}
	if key, err := f.Check(); err != nil {
		return nil, d.at(key, fmt.Errorf("%s: %w", key, err))
	}
	return d, nil
}

// wrongType matches the error of package toml about a value of another type.
var wrongType = regexp.MustCompile(`^toml: line (\d+) \(last key "([^"]*)"\): incompatible types: TOML value has type (\w+); destination has type (\w+)$`)

// at adds the place of a key to an error.
func (d *Document) at(key string, err error) error {
	return fmt.Errorf("%s: line %d: %w", d.name, lineOf(d.text, key), err)
}

// unknownKey returns the error about a key that a file does not have, with the key that
// was probably meant.
func (d *Document) unknownKey(key toml.Key, file reflect.Type) error {
	last, hint, known := key[len(key)-1], "", keysOf(file)
	tables := tablesOf(file)
	if of, ok := tables[key[0]]; ok && len(key) > 1 {
		known = keysOf(of)
	}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		if len(key) == 1 && slices.Contains(keysOf(tables[table]), last) {
			hint = fmt.Sprintf(": it belongs in a [[%s]]", table)
		}
	}
	if near := nearest(last, known); hint == "" && near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return d.at(last, fmt.Errorf("unknown key %q%s", last, hint))
}

// SetFlags sets the flags of c that are not set to the values of a file. Keys of skip
// are left out, as are lists of strings whose flag is a single string. The command reads
// these by itself. It returns the error of a value that its flag does not take.
func (d *Document) SetFlags(c *cli.Context, f File, skip map[string]bool) error {
	d.overridden = map[string]bool{}
	v := reflect.ValueOf(f).Elem()
	for _, field := range fieldsOf(v.Type()) {
		key := keyOf(field)
		if d.overridden[key] = isSet(c, key); d.overridden[key] || skip[key] {
			continue
		}
		for _, value := range values(v.FieldByIndex(field.Index), isRepeatable(c, key)) {
			if err := c.Set(FlagOf(key), value); err != nil {
				return d.at(key, fmt.Errorf("%s: %w", key, err))
			}
		}
	}
	return nil
}

// values returns the values of a field for its flag.
func values(field reflect.Value, repeatable bool) []string {
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return nil
		}
		if field.Elem().Kind() == reflect.Float64 {
			return []string{strconv.FormatFloat(field.Elem().Float(), 'f', -1, 64)}
		}
		return []string{fmt.Sprint(field.Elem().Interface())}
	}
	if all, ok := field.Interface().([]string); ok && repeatable {
		return all
	}
	if field.Kind() == reflect.Slice || field.IsZero() {
		return nil
	}
	return []string{fmt.Sprint(field.Interface())}
}

// Fill sets the fields of f to the values of the flags of c that have one, but for the
// keys of skip. The flags must be valid.
func Fill(c *cli.Context, f File, skip map[string]bool) {
	v := reflect.ValueOf(f).Elem()
	for _, field := range fieldsOf(v.Type()) {
		key, to := keyOf(field), v.FieldByIndex(field.Index)
		if !skip[key] {
			fill(c, FlagOf(key), to.Addr().Interface(), isRepeatable(c, key))
		}
	}
}

func fill(c *cli.Context, flag string, to any, repeatable bool) {
	switch to := to.(type) {
	case *string:
		*to = c.String(flag)
	case **bool:
		if c.IsSet(flag) {
			*to = new(c.Bool(flag))
		}
	case **int:
		if x, err := strconv.ParseInt(c.String(flag), 0, 0); err == nil {
			*to = new(int(x))
		}
	case **float64:
		if x, err := strconv.ParseFloat(c.String(flag), 64); err == nil {
			*to = &x
		}
	case *[]string:
		if repeatable {
			*to = c.StringSlice(flag)
		}
	}
}

// FlagOf returns the name of the flag of a key.
func FlagOf(key string) string { return strings.ReplaceAll(key, "_", "-") }

// Flag returns the flag of a key among those of a command, nil if there is none.
func Flag(flags []cli.Flag, key string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), FlagOf(key)) {
			return f
		}
	}
	return nil
}

func isSet(c *cli.Context, key string) bool {
	return Flag(c.Command.Flags, key) != nil && c.IsSet(FlagOf(key))
}

// isRepeatable reports whether the flag of a key may be repeated.
func isRepeatable(c *cli.Context, key string) bool {
	_, ok := Flag(c.Command.Flags, key).(*cli.StringSliceFlag)
	return ok
}

// flagOfError matches the flag with which an error begins.
var flagOfError = regexp.MustCompile(`^--([a-z-]+)[: ]`)

// Explain adds the line of the file to an error about a flag whose value is from there.
// [Document.SetFlags] must have been called.
func (d *Document) Explain(err error) error {
	if err == nil {
		return nil
	}
	if flag := flagOfError.FindStringSubmatch(err.Error()); flag != nil {
		key := strings.ReplaceAll(flag[1], "-", "_")
		if overridden, known := d.overridden[key]; known && !overridden && setterOf(key).MatchString(d.text) {
			return d.at(key, err)
		}
	}
	return err
}

// Changed returns the keys whose values differ between two files of the same type, but
// for those of skip and those that flags or variables override.
func (d *Document) Changed(running, now File, skip map[string]bool) (changed []string) {
	a, b := reflect.ValueOf(running).Elem(), reflect.ValueOf(now).Elem()
	for _, field := range fieldsOf(a.Type()) {
		key := keyOf(field)
		if !skip[key] && !d.overridden[key] && !reflect.DeepEqual(a.FieldByIndex(field.Index).Interface(), b.FieldByIndex(field.Index).Interface()) {
			changed = append(changed, key)
		}
	}
	return changed
}

// Text returns a file as TOML.
func Text(f File) string {
	var b bytes.Buffer
	encoder := toml.NewEncoder(&b)
	encoder.Indent = ""
	if err := encoder.Encode(f); err != nil {
		panic(err) // only plain values
	}
	return b.String()
}

// Keys returns the keys of a file, in their order.
func Keys(f File) []string { return keysOf(structOf(f)) }

func structOf(f File) reflect.Type { return reflect.TypeOf(f).Elem() }

// fieldsOf returns the fields of a struct and of those embedded in it.
func fieldsOf(of reflect.Type) (fields []reflect.StructField) {
	for _, field := range reflect.VisibleFields(of) {
		if !field.Anonymous {
			fields = append(fields, field)
		}
	}
	return fields
}

// Placeholder returns a value of the type of a key, to be replaced by a person.
func Placeholder(f File, key string) string {
	for _, field := range fieldsOf(structOf(f)) {
		if keyOf(field) != key {
			continue
		}
		switch field.Type {
		case reflect.TypeFor[[]string]():
			return `["...", "..."]`
		case reflect.TypeFor[*int](), reflect.TypeFor[*float64]():
			return "1"
		case reflect.TypeFor[*bool]():
			return "true"
		}
	}
	return `"..."`
}

// keysOf returns the TOML keys of a struct.
func keysOf(of reflect.Type) (keys []string) {
	for _, field := range fieldsOf(of) {
		keys = append(keys, keyOf(field))
	}
	return keys
}

func keyOf(field reflect.StructField) string {
	key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
	return key
}

// tablesOf returns the structs of the lists of tables by their keys.
func tablesOf(of reflect.Type) map[string]reflect.Type {
	tables := map[string]reflect.Type{}
	for _, field := range fieldsOf(of) {
		if t := field.Type; t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
			tables[keyOf(field)] = t.Elem()
		}
	}
	return tables
}
