package record

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// longestNumber is more than the digits of any number in a record.
const longestNumber = 40

// explain returns an error that names the field of v, a pointer to a struct, for
// which its JSON text was rejected, and what was expected there. Without such a
// field it returns err.
func explain(v any, text []byte, err error) error {
	t := reflect.TypeOf(v).Elem()
	if _, own := v.(json.Unmarshaler); own || t.Kind() != reflect.Struct {
		return err
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil {
		return err
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		value, ok := values[name]
		if !ok {
			continue
		}
		p := reflect.New(f.Type).Interface()
		unfit := fmt.Errorf("field %q: %.40s is not %s", name, value, expected(p))
		if value[0] != '"' && value[0] != '[' && value[0] != '{' && len(value) > longestNumber {
			return unfit
		}
		switch err := json.Unmarshal(value, p).(type) {
		case nil:
		case *json.UnmarshalTypeError:
			return unfit
		default:
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	return err
}

// expected describes the JSON form of what p points to.
func expected(p any) string {
	switch p.(type) {
	case *Amount:
		return `an amount in a string, as "12.5"`
	case *Time:
		return `a time in a string, as "2026-11-22T21:00:00Z"`
	case encoding.TextUnmarshaler, *string:
		return "a string"
	}
	switch t := reflect.TypeOf(p).Elem(); t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number from 0 to %d", ^uint64(0)>>(64-t.Bits()))
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
