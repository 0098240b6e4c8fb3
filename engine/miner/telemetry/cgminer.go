package telemetry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stele/engine/miner"
)

// The codes of cgminer's messages (its api.c).
const (
	codePools      = 7
	codeDevs       = 9
	codeSummary    = 11
	codeUnknown    = 14 // no such command
	codeGPUCount   = 20
	codeVersion    = 22
	codeBadJSON    = 23
	codeMissing    = 24 // no command
	codeConfig     = 33
	codeDenied     = 45 // not allowed for this client
	codeDevDetails = 69
	codeStats      = 70
	codeNoCheck    = 71 // nothing to check
	codeCheck      = 72
	codeCoin       = 78
)

// maxJoined bounds the commands of one request. There are fewer in all.
const maxJoined = 64

// apiVersion is the version of cgminer's API that is served.
const apiVersion = "3.7"

// field is a name and a value: a string, a number or a boolean.
type field struct {
	name  string
	value any
}

// section is a named list of records.
type section struct {
	name    string
	records [][]field
}

// reply is the answer to one command.
type reply struct {
	good bool
	code int
	msg  string
	body *section // nil: none
}

// commands are the read-only commands by name, all but check.
var commands = map[string]func(miner.Status) reply{
	"summary":    summary,
	"devs":       devs,
	"edevs":      devs, // without devices that were unplugged: there are none
	"devdetails": devDetails,
	"gpucount":   gpuCount,
	"pools":      pools,
	"version":    versions,
	"config":     config,
	"stats":      statistics,
	"estats":     statistics,
	"coin":       coin,
}

// privileged are the commands of cgminer that change something, and the one that
// asks whether these are allowed.
var privileged = strings.Fields("privileged addpool poolpriority poolquota switchpool enablepool disablepool removepool " +
	"save quit restart zero hotplug failover-only setconfig debug " +
	"gpuenable gpudisable gpurestart gpuintensity gpumem gpuengine gpufan gpuvddc " +
	"pgaenable pgadisable pgaidentify pgaset pgarestart ascenable ascdisable ascidentify ascset ascrestart lockstats")

// answerCgminer returns the answer to a request, with the NUL at its end.
func answerCgminer(s miner.Status, request []byte) []byte {
	text := strings.TrimSpace(strings.TrimRight(string(request), "\x00"))
	if !strings.HasPrefix(text, "{") {
		command, parameter, _ := strings.Cut(text, "|")
		return append(answerText(s, command, parameter), 0)
	}
	var call struct {
		Command   any `json:"command"`
		Parameter any `json:"parameter"`
	}
	if err := json.Unmarshal([]byte(text), &call); err != nil {
		return append(reply{code: codeBadJSON, msg: "Invalid JSON"}.json(s), 0)
	}
	if call.Command == nil {
		return append(reply{code: codeMissing, msg: "Missing JSON 'command'"}.json(s), 0)
	}
	command, _ := call.Command.(string) // "" is unknown
	parameter, _ := call.Parameter.(string)
	return append(answerJSON(s, command, parameter), 0)
}

func answerText(s miner.Status, command, parameter string) []byte {
	names := joined(command)
	if names == nil {
		return execute(s, command, parameter).text(s)
	}
	var out []byte
	for _, name := range names {
		out = append(out, line("", []field{{"CMD", name}})...)
		out = append(out, execute(s, name, "").text(s)...)
	}
	return out
}

func answerJSON(s miner.Status, command, parameter string) []byte {
	names := joined(command)
	if names == nil {
		return execute(s, command, parameter).json(s)
	}
	out := []byte("{")
	for _, name := range names {
		out = fmt.Appendf(out, "%s:[%s],", quoted(name), execute(s, name, "").json(s))
	}
	return append(out, `"id":1}`...)
}

// joined returns the names in a command that joins several with +, each once. It
// returns nil for a single command. As in cgminer none of them has a parameter.
func joined(command string) []string {
	if !strings.Contains(command, "+") {
		return nil
	}
	var names []string
	for name := range strings.SplitSeq(command, "+") {
		if name != "" && !slices.Contains(names, name) && len(names) < maxJoined {
			names = append(names, name)
		}
	}
	return names
}

func execute(s miner.Status, name, parameter string) reply {
	do, reads := commands[name]
	switch {
	case reads:
		return do(s)
	case name == "check":
		return checkCommand(parameter)
	case slices.Contains(privileged, name):
		return reply{code: codeDenied, msg: fmt.Sprintf("Access denied to '%s' command", name)}
	}
	return reply{code: codeUnknown, msg: "Invalid command"}
}

// checkCommand reports whether a command exists, and whether it is allowed.
func checkCommand(name string) reply {
	if name == "" {
		return reply{code: codeNoCheck, msg: "Missing check cmd"}
	}
	exists, access := "N", "N"
	if _, reads := commands[name]; reads || name == "check" {
		exists, access = "Y", "Y"
	} else if slices.Contains(privileged, name) {
		exists = "Y"
	}
	return reply{true, codeCheck, "Check command", &section{"CHECK", [][]field{{{"Exists", exists}, {"Access", access}}}}}
}

// status returns the first record of an answer.
func (r reply) status(s miner.Status) []field {
	letter := "E"
	if r.good {
		letter = "S"
	}
	return []field{{"STATUS", letter}, {"When", s.Now.Unix()}, {"Code", r.code}, {"Msg", r.msg}, {"Description", "stele " + s.Version}}
}

func (r reply) json(s miner.Status) []byte {
	out := append([]byte(`{"STATUS":[`), object(r.status(s))...)
	out = append(out, ']')
	if r.body != nil {
		out = fmt.Appendf(out, ",%s:[", quoted(r.body.name))
		for i, record := range r.body.records {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, object(record)...)
		}
		out = append(out, ']')
	}
	return append(out, `,"id":1}`...)
}

func object(record []field) []byte {
	out := []byte("{")
	for i, f := range record {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%s:%s", quoted(f.name), quoted(f.value))
	}
	return append(out, '}')
}

// quoted returns a string, number or boolean as JSON.
func quoted(v any) []byte {
	if x, ok := v.(float64); ok {
		v = finite(x)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("telemetry: " + err.Error()) // only values of the kinds above
	}
	return text
}

// escape puts a backslash before characters that would end a value.
var escape = strings.NewReplacer(`\`, `\\`, "|", `\|`, ",", `\,`, "=", `\=`, "\x00", "")

// numbered are the first fields of records that may be repeated.
var numbered = []string{"POOL", "GPU", "CPU", "DEVDETAILS", "STATS"}

func (r reply) text(s miner.Status) []byte {
	out := line("", r.status(s))
	if r.body != nil {
		for _, record := range r.body.records {
			name := r.body.name
			if slices.Contains(numbered, record[0].name) {
				name = "" // the record's first field names it
			}
			out = append(out, line(name, record)...)
		}
	}
	return out
}

func line(name string, record []field) []byte {
	parts := make([]string, 0, len(record)+1)
	if name != "" {
		parts = append(parts, name)
	}
	for _, f := range record {
		var value string
		switch v := f.value.(type) {
		case string:
			value = escape.Replace(v)
		case float64:
			value = string(quoted(v))
		default:
			value = fmt.Sprint(v)
		}
		parts = append(parts, f.name+"="+value)
	}
	return []byte(strings.Join(parts, ",") + "|")
}
