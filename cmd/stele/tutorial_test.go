package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// maxTutorial is how many commands the first case of the tutorial may take, without those
// that only look at it.
const maxTutorial = 20

// secondCase is a word of the first command after the first case.
const secondCase = "serial=SN-2"

// looks are the commands that only look at a case.
var looks = regexp.MustCompile(`^stele (inbox|case|account|supervision|recipient fetch|record bundle|verify) ?`)

// tutorialCommands returns the commands of docs/tutorial.md. The first starts the node.
func tutorialCommands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)```\n").FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if len(all) == 0 || !strings.HasPrefix(all[0], "stele node ") {
		t.Fatalf("the first command does not start a node: %q", all)
	}
	return all
}

// The commands of the tutorial work as they stand there, and are no more than it says.
func TestTutorial(t *testing.T) {
	commands := tutorialCommands(t)
	end := slices.IndexFunc(commands, func(c string) bool { return strings.Contains(c, secondCase) })
	if end < 0 {
		t.Fatalf("no second case, which begins with %q", secondCase)
	}
	if n := len(slices.DeleteFunc(slices.Clone(commands[:end]), looks.MatchString)); n > maxTutorial {
		t.Errorf("the first case takes %d commands, at most %d", n, maxTutorial)
	}
	if testing.Short() {
		t.Skip("it waits for some 35 blocks")
	}
	t.Parallel() // it uses no processor while it waits
	for _, tool := range []string{"bash", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	environment := startTutorial(t, dir, commands[0])
	script := exec.CommandContext(t.Context(), "bash", "-e", "-c", strings.Join(commands[1:], "\n"))
	script.Dir, script.Env = dir, environment
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"\nYou sign as buyer. The seller sells item ",                                   // by handing over one file
		"\nAlice, 5 Example Road\n",                                                     // sealed and opened
		"  in-transit: post has to act\n  CUSTODY_HANDOVER",                             // the carrier's inbox
		"\n  CLAIM_OPEN fault refund, with fault_code, until 20",                        // the buyer's rights
		"  open: shop has to act, until 20",                                             // the seller's inbox
		"\nafter that   the holder may take the claim to the supervisors\n",             // the deadline
		"\n  CLAIM_ESCALATE: the seller still has time (escalation-too-early), from 20", // what is not allowed
		"\nstate        closed-settled, since 20",                                       // the end
		"\nbalance  20.00", // with the refund
		"\nVALID  ",        // for everybody
		"  escalated: judge has to act, until 20",   // the supervisor's inbox
		"  ordered: shop has to act, until 20",      // the ruling reaches the seller
		"; 1 ruling, of which 1 ordered a remedy; ", // and the supervision
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// startTutorial starts the node of the tutorial in a folder, at a free address, until the
// test ends. It returns the environment of the other commands.
func startTutorial(t *testing.T, dir, command string) []string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // free for the node
	environment := append(os.Environ(), "STELE_API="+address, "STELE_CACHE="+filepath.Join(dir, "cache"))

	node := exec.Command("bash", "-c", "exec "+command)
	node.Dir, node.Env = dir, environment
	log, err := node.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), " api="+address) {
				started <- true
			}
		}
		close(started)
		_ = node.Wait()
	}()
	t.Cleanup(func() { _ = node.Process.Signal(syscall.SIGTERM); <-ended })
	if !<-started {
		t.Fatal("the node does not start")
	}
	return environment
}
