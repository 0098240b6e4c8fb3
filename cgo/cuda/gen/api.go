package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// api is the content of api.txt.
type api struct {
	decls []decl
}

// decl is one declaration.
type decl struct {
	kind  string   // "handle", "type", "enum", "struct" or "function"
	name  string   // as source text writes it
	lines []string // members of an enum or a struct, parameters of a function, the text of a type

	symbol string // of a function: the name that the driver exports
}

var (
	identifier   = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	functionLine = regexp.MustCompile(`^(cu[A-Za-z0-9]+)(_v[0-9])?\((.*)\)$`)
)

func identifiers(text string) []string { return identifier.FindAllString(text, -1) }

// parseAPI reads the text of api.txt, whose head explains the form.
func parseAPI(text string) (*api, error) {
	var a api
	var open *decl // gets the indented lines; nil: none are expected
	var inFunctions bool
	add := func(d decl) { a.decls = append(a.decls, d) }

	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case line[0] == '\t' && inFunctions:
			m := functionLine.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				return nil, fmt.Errorf("api.txt:%d: want a function such as cuMemFree_v2(CUdeviceptr), got %q", i+1, line)
			}
			d := decl{kind: "function", name: m[1], symbol: m[1] + m[2]}
			if m[3] != "" {
				d.lines = strings.Split(m[3], ", ")
			}
			add(d)
		case line[0] == '\t' && open != nil:
			open.lines = append(open.lines, strings.TrimSpace(line))
		case line[0] == '\t':
			return nil, fmt.Errorf("api.txt:%d: %q belongs to no enum, struct or function", i+1, strings.TrimSpace(line))
		default:
			open, inFunctions = nil, false
			switch kind := fields[0]; {
			case kind == "function" && len(fields) == 1:
				inFunctions = true
			case kind == "handle" && len(fields) > 1:
				for _, name := range fields[1:] {
					add(decl{kind: kind, name: name})
				}
			case kind == "type" && len(fields) > 2:
				text := strings.Join(fields[1:], " ")
				names := identifiers(text)
				name := names[len(names)-1]
				if k := strings.Index(text, "(*"); k >= 0 {
					name = identifiers(text[k:])[0]
				}
				add(decl{kind: kind, name: name, lines: []string{text}})
			case (kind == "enum" || kind == "struct") && len(fields) == 2:
				add(decl{kind: kind, name: fields[1]})
				open = &a.decls[len(a.decls)-1]
			default:
				return nil, fmt.Errorf("api.txt:%d: want handle, type, enum, struct or function, got %q", i+1, line)
			}
		}
	}
	return &a, nil
}

// names returns the names that the declaration declares.
func (d decl) names() []string {
	all := []string{d.name}
	if d.kind == "enum" {
		for _, line := range d.lines {
			name, _, _ := strings.Cut(line, " ")
			all = append(all, name)
		}
	}
	return all
}

func (d decl) wanted(need map[string]bool) bool {
	return slices.ContainsFunc(d.names(), func(name string) bool { return need[name] })
}

// text returns the text with the types that the declaration uses.
func (d decl) text() string {
	switch d.kind {
	case "enum":
		return d.name
	case "function":
		return "CUresult " + strings.Join(d.lines, " ")
	}
	return strings.Join(d.lines, " ")
}

func (a *api) knows(name string) bool {
	return slices.ContainsFunc(a.decls, func(d decl) bool { return slices.Contains(d.names(), name) })
}
