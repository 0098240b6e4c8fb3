package mine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/configfile"
	"stele/engine/miner"
	"stele/internal/atomicfile"
	"stele/internal/text"
)

// configName is the name of the configuration file of a user.
const configName = "mine.toml"

// serviceConfig is the configuration file of stele-mine.service.
const serviceConfig = "/etc/stele/mine.toml"

// initialize writes a configuration file from the flags, and asks for what is missing.
func initialize(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	name := c.String("config")
	if name == "" {
		var err error
		if name, err = configfile.Default(configName); err != nil {
			return err
		}
	}
	if err := checkFree(c, name); err != nil {
		return err
	}
	if err := ask(c); err != nil {
		return err
	}
	s := &settings{version: c.App.Version, document: new(configfile.Document)}
	if err := s.complete(c); err != nil {
		return err
	}
	secrets := secretFile{name: strings.TrimSuffix(name, ".toml") + ".password"}
	if err := secrets.take(c, s.sources); err != nil {
		return err
	}
	if err := fullNames(s.sources); err != nil {
		return err
	}
	file := s.commented(c)
	if _, err := configfile.Parse(name, file, new(configFile)); err != nil {
		return fmt.Errorf("the file would not be valid: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := secrets.write(); err != nil {
		return err
	}
	if err := writePrivate(name, file); err != nil {
		return err
	}
	return cmdline.PrintText(c, s.nextSteps(name, secrets))
}

// checkFree returns an error if a file exists that would be overwritten.
func checkFree(c *cli.Context, name string) error {
	_, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && c.Bool("force"):
		return nil
	case err == nil:
		return fmt.Errorf("%s exists: pass --force to replace it, or another file with --config", name)
	}
	return err
}

// writePrivate writes a file that only its owner can read.
func writePrivate(name, text string) error { return atomicfile.WriteFile(name, []byte(text), 0o600) }

// nextSteps returns what to do with the file that was written.
func (s *settings) nextSteps(name string, secrets secretFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrote %s\n", name)
	if secrets.text != "" {
		fmt.Fprintf(&b, "wrote %s, which has the password\n", secrets.name)
	}
	if name == serviceConfig {
		files := name
		if secrets.text != "" {
			files += " " + secrets.name
		}
		fmt.Fprintf(&b, "let the service read it:  chgrp stele %s && chmod 640 %s\n", files, files)
		fmt.Fprintf(&b, "start:  systemctl enable --now stele-mine\n")
		return b.String()
	}
	start := "stele mine"
	if usual, err := configfile.Default(configName); err != nil || usual != name {
		start += " --config " + quoted(name)
	}
	fmt.Fprintf(&b, "start:  %s\n", start)
	return b.String()
}

// quoted returns a word for a shell.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// secretFile is the file that a password is moved to, so that the configuration can be
// shown to others.
type secretFile struct {
	name, text string // "": none
}

// take moves the password of --password or of the answer to the file, if all sources
// share one that is worth keeping.
func (f *secretFile) take(c *cli.Context, sources []source) error {
	given := c.StringSlice("password")
	if len(given) != 1 || given[0] == defaultPassword {
		return nil
	}
	password := given[0]
	if strings.ContainsAny(password, "\r\n") {
		return errors.New("--password: must be one line")
	}
	for i := range sources {
		if s := &sources[i]; s.Password == password && s.PasswordFile == "" {
			s.Password, s.PasswordFile, f.text = "", f.name, password
		}
	}
	if f.text == "" {
		return nil
	}
	return checkFree(c, f.name)
}

// fullNames makes the names of files absolute: the miner may start in another folder.
func fullNames(sources []source) error {
	for i := range sources {
		for _, name := range []*string{&sources[i].PasswordFile, &sources[i].Cookie} {
			if *name == "" {
				continue
			}
			full, err := filepath.Abs(*name)
			if err != nil {
				return err
			}
			*name = full
		}
	}
	return nil
}

func (f *secretFile) write() error {
	if f.text == "" {
		return nil
	}
	return writePrivate(f.name, f.text+"\n")
}

// ask asks for the source if no flag or variable has it, and sets the flags to the
// answers. A wrong answer is asked for again.
func ask(c *cli.Context) error {
	if len(c.StringSlice("url")) > 0 {
		return nil
	}
	in, ok := c.App.Reader.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errors.New("--init: no pool given, and standard input is not a terminal to ask at: pass --url and --user")
	}
	q := &questions{c, in, c.App.ErrWriter}
	fmt.Fprintln(q.out, "At most three questions. Ctrl-C ends without writing anything.")
	if err := q.ask("url", "Pool or node, such as stratum+tcp://pool.example:3333", "", func(answer string) error {
		_, err := miner.ParseURL(answer)
		return err
	}); err != nil {
		return err
	}
	u, err := miner.ParseURL(c.StringSlice("url")[0])
	if err != nil {
		return err
	}
	switch {
	case isTemplate(u):
		return q.askTemplate()
	case u.User.Username() != "":
		return nil // the URL has what is asked for next
	}
	return q.askPool()
}

// askPool asks for the user and the password at a pool.
func (q *questions) askPool() error {
	err := q.ask("user", "User, such as account.worker", "", func(answer string) error {
		return checkSource(source{URL: q.c.StringSlice("url")[0], User: answer})
	})
	if err != nil {
		return err
	}
	return q.ask("password", "Password; most pools take any", defaultPassword, func(string) error { return nil })
}

// askTemplate asks for the payout and the cookie of a node with getblocktemplate.
func (q *questions) askTemplate() error {
	url := q.c.StringSlice("url")[0]
	err := q.ask("payout", "Address that blocks pay", "", func(answer string) error {
		return checkSource(source{URL: url, Payout: answer})
	})
	if err != nil {
		return err
	}
	cookie := ""
	if home, err := os.UserHomeDir(); err == nil {
		cookie = filepath.Join(home, ".bitcoin", ".cookie")
	}
	return q.ask("cookie", "The node's .cookie file", cookie, func(answer string) error {
		return checkSource(source{URL: url, Payout: q.c.String("payout"), Cookie: answer})
	})
}

// checkSource reports what is wrong with a source, as the miner would.
func checkSource(s source) error {
	_, err := s.open("", miner.DefaultVersionMask, nil)
	return err
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 4 << 10

// questions asks a person at a terminal.
type questions struct {
	c   *cli.Context
	in  *os.File
	out io.Writer
}

// ask asks until an answer passes the check, and sets the flag to it. An empty answer is
// otherwise; without that, it is asked again. A flag that is set is not asked for.
func (q *questions) ask(flag, question, otherwise string, check func(answer string) error) error {
	if q.c.IsSet(flag) {
		return nil
	}
	for {
		fmt.Fprint(q.out, question)
		if otherwise != "" {
			fmt.Fprintf(q.out, " [%s]", otherwise)
		}
		fmt.Fprint(q.out, ": ")
		answer, err := q.line(flag == "password")
		if err != nil {
			fmt.Fprintln(q.out)
			return cmdline.Cause(q.c, err)
		}
		if answer == "" {
			answer = otherwise
		}
		if answer == "" {
			continue
		}
		if err = check(answer); err == nil {
			return q.c.Set(flag, answer)
		}
		fmt.Fprintf(q.out, "  %s\n", text.Clean(err.Error(), maxAnswer))
	}
}

// line returns the next line that a person types, without showing it if it is secret.
func (q *questions) line(secret bool) (string, error) {
	before, err := term.GetState(int(q.in.Fd()))
	if err != nil {
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1) // nothing can wake the read, which lives as long as the program
	go func() {
		var a answer
		if secret {
			a.text, a.err = term.ReadPassword(int(q.in.Fd()))
		} else {
			a.text, a.err = readLine(q.in)
		}
		done <- a
	}()
	select {
	case a := <-done:
		if secret {
			fmt.Fprintln(q.out)
		}
		if errors.Is(a.err, io.EOF) {
			a.err = errors.New("no answer: the input has ended, and nothing was written")
		}
		return strings.TrimSpace(string(a.text)), a.err
	case <-q.c.Context.Done():
		return "", errors.Join(context.Cause(q.c.Context), term.Restore(int(q.in.Fd()), before))
	}
}

// readLine reads a line of at most maxAnswer bytes, and nothing after it.
func readLine(in io.Reader) (line []byte, err error) {
	one := make([]byte, 1)
	for len(line) < maxAnswer {
		n, err := in.Read(one)
		switch {
		case err != nil:
			return nil, err
		case n == 1 && one[0] == '\n':
			return line, nil
		}
		line = append(line, one[:n]...)
	}
	return nil, fmt.Errorf("the answer is too long: must be at most %d bytes", maxAnswer)
}

// commented returns the settings as a configuration file with secrets, each key with
// the usage of its flag. Keys whose flags are not set are comments with their defaults.
func (s *settings) commented(c *cli.Context) string {
	set := s.shown
	set.APIToken, set.Sources = c.String("api-token"), nil
	lines := map[string]string{} // by key
	for line := range strings.Lines(configfile.Text(&set)) {
		if key, _, ok := strings.Cut(line, " = "); ok {
			lines[key] = line
		}
	}
	var b strings.Builder
	b.WriteString("# Settings of \"stele mine\". Check them with: stele mine --config FILE --check-config\n" +
		"# A key is the name of a flag with _ for -. Flags and STELE_* variables override\n# this file.\n")
	for _, key := range configfile.Keys(new(configFile)) {
		if key == "source" {
			continue
		}
		flag := configfile.Flag(c.Command.Flags, key)
		b.WriteString("\n" + comment(usage(flag)))
		line, ok := lines[key]
		if !ok || !c.IsSet(configfile.FlagOf(key)) {
			line = fmt.Sprintf("# %s = %s\n", key, sample(flag, key))
		}
		b.WriteString(line)
	}
	s.writeSources(&b, c)
	return b.String()
}

// writeSources writes the sources, the keys of the first one with comments.
func (s *settings) writeSources(b *strings.Builder, c *cli.Context) {
	b.WriteString("\n# The sources, the best one first.\n")
	for i, one := range s.sources {
		if one.PasswordFile != "" {
			one.Password = ""
		}
		b.WriteString("[[source]]\n")
		for line := range strings.Lines(configfile.Text(&one)) {
			if key, _, ok := strings.Cut(line, " = "); ok && i == 0 {
				of, _, _ := strings.Cut(usage(configfile.Flag(c.Command.Flags, key)), "; ") // then comes how to repeat the flag
				b.WriteString(comment(strings.TrimSuffix(of, ".") + "."))
			}
			b.WriteString(line)
		}
		b.WriteString("\n")
	}
}

// Check is that of [configfile.File]: a source is checked when it opens.
func (s *source) Check() (key string, err error) { return "", nil }

// usage returns the usage of a flag, as a sentence.
func usage(f cli.Flag) string {
	words := strings.ReplaceAll(f.(cli.DocGenerationFlag).GetUsage(), "`", "")
	return strings.ToUpper(words[:1]) + words[1:] + "."
}

// usualLimits are limits that suit many GPUs, in degrees and watts.
var usualLimits = map[string]string{"temp_limit": "85.0", "temp_resume": "75.0", "power_limit": "250.0", "power_resume": "225.0"}

// sample returns how a key that is not set would be written: with its default, or with a
// value to fill in.
func sample(f cli.Flag, key string) string {
	doc := f.(cli.DocGenerationFlag)
	if value := doc.GetValue(); value != "" {
		return strconv.Quote(value)
	}
	value := cmp.Or(usualLimits[key], configfile.Placeholder(new(configFile), key))
	if text := doc.GetDefaultText(); text != "" {
		value += " # default: " + text
	}
	return value
}

// lineWidth is where comments are broken, in bytes.
const lineWidth = 88

// comment returns a text as lines of a comment.
func comment(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		if width > 0 && width+1+len(word) > lineWidth {
			b.WriteString("\n")
			width = 0
		}
		if width == 0 {
			b.WriteString("#")
			width = 1
		}
		b.WriteString(" " + word)
		width += 1 + len(word)
	}
	return b.String() + "\n"
}

// usualConfig returns the configuration file of the user, if neither flags nor variables
// name a file or a source and it exists; else "".
func usualConfig(c *cli.Context) string {
	if c.IsSet("config") || len(c.StringSlice("url")) > 0 {
		return ""
	}
	name, err := configfile.Default(configName)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}
