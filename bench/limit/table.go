package limit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table is the content of both files.
type table struct {
	counts map[loop]counts
	cores  map[string]core
}

// loop names a loop of a kernel.
type loop struct {
	kernel string
	work   Work
}

// counts are the instructions for one item.
type counts struct {
	set   string // of instructions
	kinds map[string]float64
	all   float64
}

func parse(countsText, coresText string) (t table, err error) {
	if t.counts, err = parseCounts(countsText); err != nil {
		return t, fmt.Errorf("counts.txt: %w", err)
	}
	if t.cores, err = parseCores(coresText); err != nil {
		return t, fmt.Errorf("microarchitectures.txt: %w", err)
	}
	return t, nil
}

// fields calls f with the fields of each line that is not empty and no comment.
func fields(text string, f func(fields []string) error) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		if words := strings.Fields(line); len(words) > 0 && words[0][0] != '#' {
			if err := f(words); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
		}
	}
	return nil
}

func parseCounts(text string) (map[loop]counts, error) {
	all := map[loop]counts{}
	return all, fields(text, func(f []string) error {
		if len(f) != 6 {
			return fmt.Errorf("%d fields, must be instructions, kernel, work, items, kind and count", len(f))
		}
		items, err1 := strconv.ParseUint(f[3], 10, 32)
		count, err2 := strconv.ParseUint(f[5], 10, 32)
		if err1 != nil || err2 != nil || items == 0 || count == 0 {
			return fmt.Errorf("%q items and %q instructions, must be whole numbers above 0", f[3], f[5])
		}
		l := loop{f[1], Work(f[2])}
		c, begun := all[l]
		if !begun {
			c = counts{set: f[0], kinds: map[string]float64{}}
		}
		each := float64(count) / float64(items)
		if f[4] == "all" {
			c.all = each
		} else {
			c.kinds[f[4]] = each
		}
		all[l] = c
		return nil
	})
}

// coreParser is the state of parseCores.
type coreParser struct {
	cores   map[string]core
	name    string // of the microarchitecture whose lines follow
	sources string // letters
}

func parseCores(text string) (map[string]core, error) {
	p := coreParser{cores: map[string]core{}}
	err := fields(text, p.line)
	for name, c := range p.cores {
		if err == nil && !(c.front > 0) {
			err = fmt.Errorf("%s has no front end", name)
		}
	}
	return p.cores, err
}

func (p *coreParser) line(f []string) error {
	c, begun := p.cores[p.name]
	switch word, rest := f[0], strings.Join(f[1:], " "); {
	case word == "microarchitecture":
		set, name, _ := strings.Cut(rest, " ")
		if _, twice := p.cores[name]; twice || name == "" {
			return fmt.Errorf("a second microarchitecture %q, or one without a name", rest)
		}
		p.name, p.sources = name, ""
		p.cores[name] = core{set: set, kinds: map[string]kind{}}
		return nil
	case !begun:
		return fmt.Errorf("%q before the first microarchitecture", word)
	case word == "as":
		same, known := p.cores[rest]
		if !known || rest == p.name || same.set != c.set {
			return fmt.Errorf("as %q, which is not an earlier microarchitecture of these instructions", rest)
		}
		p.cores[p.name] = same
		return nil
	case word == "source":
		letter, text, found := strings.Cut(rest, ": ")
		if !found || len(letter) != 1 || text == "" {
			return fmt.Errorf("source %q, must be a letter, a colon and the source", rest)
		}
		p.sources += letter
		return nil
	}
	last := f[len(f)-1]
	if len(f) < 3 || len(last) != 1 || !strings.Contains(p.sources, last) {
		return fmt.Errorf("%q has no source", strings.Join(f, " "))
	}
	if f[0] == "front" {
		var err error
		c.front, err = strconv.ParseFloat(f[1], 64)
		p.cores[p.name] = c
		return err
	}
	k, err := parseKind(f[1 : len(f)-1])
	if _, twice := c.kinds[f[0]]; twice && err == nil {
		err = fmt.Errorf("a second %q", f[0])
	}
	c.kinds[f[0]] = k
	return err
}

func parseKind(words []string) (kind, error) {
	k := kind{uops: 1}
	for _, w := range words {
		if w == "-" && len(words) == 1 {
			break
		}
		if n, isUops := strings.CutPrefix(w, "uops="); isUops {
			var err error
			if k.uops, err = strconv.ParseFloat(n, 64); err != nil || !(k.uops >= 1) {
				return k, fmt.Errorf("%q, must be a number from 1 on", w)
			}
			continue
		}
		ports, times, isLonger := strings.Cut(w, "*")
		n := need{ports, 1}
		if isLonger {
			var err error
			if n.cycles, err = strconv.ParseFloat(times, 64); err != nil || !(n.cycles > 0) {
				return k, fmt.Errorf("%q, must have a number of cycles after *", w)
			}
		}
		if ports == "" || ports == "-" || !slices.IsSorted([]byte(ports)) {
			return k, fmt.Errorf("%q, must begin with ports in ascending order", w)
		}
		k.needs = append(k.needs, n)
	}
	return k, nil
}
