package bench

import (
	"reflect"

	safe "stele/internal/text"
)

// maxText bounds each text of a result that [Parse] reads, in bytes.
const maxText = 1024

// clean makes the texts of a result from outside safe to display. It reports a name that
// is a key of a map and is not clean already.
func (r *Result) clean() error { return cleanValue(reflect.ValueOf(r).Elem(), "") }

// cleanValue cleans the texts in v, which must be settable. Path names v in errors.
func cleanValue(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(safe.Clean(v.String(), maxText))
	case reflect.Pointer:
		if !v.IsNil() {
			return cleanValue(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if err := cleanValue(v.Field(i), path+"."+v.Type().Field(i).Name); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		if isNumber(v.Type().Elem().Kind()) {
			return nil // nothing to clean in many nonces
		}
		for i := range v.Len() {
			if err := cleanValue(v.Index(i), path); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if value := v.MapIndex(key); value.Kind() == reflect.String {
				clean := reflect.New(value.Type()).Elem()
				clean.SetString(safe.Clean(value.String(), maxText))
				v.SetMapIndex(key, clean)
			}
			if key.Kind() == reflect.String && safe.Clean(key.String(), safe.Max) != key.String() {
				return impossible("%s: the name %.40q: must be printable text of at most %d bytes", path[1:], key.String(), safe.Max)
			}
		}
	}
	return nil
}

func isNumber(k reflect.Kind) bool { return k >= reflect.Bool && k <= reflect.Complex128 }
