package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stele/node/api"
	"stele/node/blobs"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/store"
)

const (
	name   = "Wilhelmina Kanarienvogel"
	street = "17 Yellow Feather Lane"
)

// canary is a node under observation, and another one that is its peer: every answer is
// kept.
type canary struct {
	*testNode
	peer    *testNode // nobody gives it blocks or data
	story   *chaintest.Story
	client  *http.Client
	now     atomic.Int64 // seconds since 1970
	sent    uint32       // height up to which the node has the story
	answers bytes.Buffer
}

// call sends a request, with a signed one for a blob in its headers if there is
// a key, and returns the answer.
func (c *canary) call(method, path string, body []byte, key record.PrivateKey) (status int, answer []byte) {
	c.Helper()
	return c.callAt(c.testNode, method, path, body, key)
}

// callAt is call for one of the nodes.
func (c *canary) callAt(n *testNode, method, path string, body []byte, key record.PrivateKey) (status int, answer []byte) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, "http://"+n.Status().API+path, bytes.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	if key != nil {
		h, err := blobs.ParseHash(path[strings.LastIndex(path, "/")+1:])
		if err != nil {
			c.Fatal(err)
		}
		q := blobs.NewRequest(key, h, c.clock())
		r.Header.Set("Stele-Key", record.Key(q.Key).String())
		r.Header.Set("Stele-Time", fmt.Sprint(q.Time))
		r.Header.Set("Stele-Signature", hex.EncodeToString(q.Signature[:]))
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		c.Fatal(err)
	}
	fmt.Fprintln(&c.answers, res.Header)
	c.answers.Write(answer)
	return res.StatusCode, answer
}

func (c *canary) clock() time.Time { return time.Unix(c.now.Load(), 0) }

// leave gives the node a blob.
func (c *canary) leave(blob []byte) {
	c.Helper()
	if status, answer := c.call(http.MethodPost, "/v1/blobs", blob, nil); status != http.StatusOK {
		c.Fatalf("%d %s", status, answer)
	}
}

// fetch asks one of the nodes for a blob as a carrier.
func (c *canary) fetch(n *testNode, blob []byte, carrier int) (status int, got []byte) {
	c.Helper()
	return c.callAt(n, http.MethodGet, "/v1/blobs/"+blobs.Hash(recipient.BlobHash(blob)).String(), nil, network.DevFaucets()[carrier])
}

// catchUp gives the node the new blocks of the story, and waits for the views of both.
func (c *canary) catchUp() {
	c.Helper()
	for _, b := range c.story.Tip.Chain()[c.sent+1:] {
		if _, err := c.chain.Submit(b.Block); err != nil {
			c.Fatal(err)
		}
	}
	c.sent = c.story.Tip.Height()
	c.now.Store(c.story.Now().Unix())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		tip, ok := c.views.Tip()
		peers, peerOK := c.peer.views.Tip()
		if ok && peerOK && tip.Hash == c.story.Tip.Hash() && peers == tip {
			return
		}
		if time.Now().After(deadline) {
			c.Fatal("the views do not follow")
		}
	}
}

// files returns the files below a folder that have the bytes.
func files(t *testing.T, dir string, want []byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, want) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Name and address of a recipient go from the sender to the first carrier and
// from there to the second, through nodes that never learn them: they are in none
// of their files, log lines and answers, and in no block. The carriers get the data
// from the sender's node and from its peer, which keeps no copy. The sealed data are
// removed when their time is over.
func TestRecipientStaysSecret(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	o.Engine, o.Traffic = nil, 0
	o.Params, o.Dir, o.Blobs, o.Store = chaintest.CaseNetwork(), filepath.Join(dir, "node"), filepath.Join(dir, "node", "blobs"), store.Options{}
	c := &canary{story: chaintest.NewStory(o.Params, name+", "+street), client: &http.Client{Transport: &http.Transport{}}}
	c.now.Store(c.story.Now().Unix())
	o.now = c.clock
	o.P2P = &P2P{Listen: "127.0.0.1:0", Private: true, now: time.Now}
	c.testNode = start(t, o)
	o.Dir, o.Blobs = filepath.Join(dir, "peer"), filepath.Join(dir, "peer", "blobs")
	o.P2P = &P2P{Peers: []string{c.p2p.Addr()}, Private: true, now: time.Now}
	c.peer = start(t, o)
	defer c.client.CloseIdleConnections()
	story := c.story
	c.catchUp()

	story.Sell()
	story.Send()
	c.leave(story.FirstBlob)
	c.wantRejected(story.FirstBlob, story.FirstCarrier, http.StatusForbidden) // no record names it yet
	c.catchUp()
	c.wantSecret(story.FirstBlob, story.FirstCarrier)
	c.wantRejected(story.FirstBlob, story.SecondCarrier, http.StatusForbidden)
	story.HandOver()
	c.leave(story.SecondBlob)
	c.catchUp()
	c.wantSecret(story.SecondBlob, story.SecondCarrier)
	c.wantRejected(story.SecondBlob, story.FirstCarrier, http.StatusForbidden)
	if _, err := c.custody.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.now.Add(int64(80 * 24 * time.Hour / time.Second)) // on its way for long
	if n, err := c.custody.Sweep(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	c.wantSecret(story.SecondBlob, story.SecondCarrier)
	story.Deliver()
	story.Complain()
	story.Refund()
	story.Evaluate()
	c.catchUp()

	p := &o.Params.AfterSales
	delivered := readAs[api.Voucher](c, "/v1/vouchers/"+story.Voucher.String()).Delivered
	purge := int64(delivered) + int64(p.PurgeDays)*int64(p.Day)
	c.now.Store(purge - 1)
	if n, err := c.custody.Sweep(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	c.wantSecret(story.SecondBlob, story.SecondCarrier)
	for _, blob := range [][]byte{story.FirstBlob, story.SecondBlob} {
		if len(files(t, dir, blob)) != 1 {
			t.Error("a blob is not kept, or more than once")
		}
	}
	c.now.Store(purge)
	c.wantRejected(story.SecondBlob, story.SecondCarrier, http.StatusNotFound) // also before the files go
	if n, err := c.custody.Sweep(t.Context()); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	c.wantRejected(story.FirstBlob, story.FirstCarrier, http.StatusNotFound)

	c.readEverything()
	c.stop()
	c.peer.stop()
	c.wantNoTrace(dir)
	c.check()
}

// wantSecret fails unless a carrier gets a blob from both nodes and can open it.
func (c *canary) wantSecret(blob []byte, carrier int) {
	c.Helper()
	for _, n := range []*testNode{c.testNode, c.peer} {
		c.wantSecretOf(n, blob, carrier)
	}
}

func (c *canary) wantSecretOf(n *testNode, blob []byte, carrier int) {
	c.Helper()
	status, got := c.fetch(n, blob, carrier)
	if status != http.StatusOK || !bytes.Equal(got, blob) {
		c.Fatalf("%d %q", status, got)
	}
	key, err := recipient.DeriveKey(network.DevFaucets()[carrier])
	if err != nil {
		c.Fatal(err)
	}
	secret, err := recipient.Open(key, c.story.Secret.Commitment(), got)
	if err != nil || string(secret.Data) != name+", "+street {
		c.Fatalf("%v, %v", secret, err)
	}
}

// wantRejected fails unless a carrier that asks either node for a blob gets that status.
func (c *canary) wantRejected(blob []byte, carrier int, want int) {
	c.Helper()
	for _, n := range []*testNode{c.testNode, c.peer} {
		if status, answer := c.fetch(n, blob, carrier); status != want {
			c.Errorf("%d %s, want %d", status, answer, want)
		}
	}
}

// readEverything reads all that the node answers about the story.
func (c *canary) readEverything() {
	c.Helper()
	story := c.story
	for _, path := range []string{
		"/v1/health", "/v1/tip", "/v1/state", "/v1/pool", "/v1/headers", "/v1/claims", "/openapi.json",
		"/v1/vouchers/" + story.Voucher.String() + "/history", "/v1/shipments/" + story.Shipment.String(), "/v1/claims/" + story.Claim.String(),
		"/v1/shipments/" + story.Shipment.String() + "/history", "/v1/bundles/voucher/" + story.Voucher.String(),
		"/v1/parties/" + story.Buyer.String() + "/history", "/v1/parties/" + story.Seller.String() + "/shipments",
	} {
		if status, answer := c.call(http.MethodGet, path, nil, nil); status != http.StatusOK {
			c.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

// wantNoTrace fails if the recipient is in an answer or in the log, or if it or a
// sealed blob is in a file or in a block.
func (c *canary) wantNoTrace(dir string) {
	c.Helper()
	story := c.story
	for _, word := range []string{name, street, "Kanarienvogel", "Yellow Feather", hex.EncodeToString([]byte("Kanarienvogel"))} {
		if bytes.Contains(c.answers.Bytes(), []byte(word)) {
			c.Errorf("%q is in an answer", word)
		}
		if strings.Contains(c.log.String()+c.peer.log.String(), word) {
			c.Errorf("%q is in the log", word)
		}
		if found := files(c.T, dir, []byte(word)); found != nil {
			c.Errorf("%q is in %v", word, found)
		}
	}
	for _, blob := range [][]byte{story.FirstBlob, story.SecondBlob} {
		if found := files(c.T, dir, blob[:64]); found != nil {
			c.Errorf("what was sealed is left in %v", found)
		}
		for _, b := range story.Tip.Chain() {
			if bytes.Contains(b.Encode(), blob[:64]) || bytes.Contains(b.Encode(), []byte("Kanarienvogel")) {
				c.Errorf("block %d has what was sealed", b.Height())
			}
		}
	}
}

// readAs reads a resource.
func readAs[T any](c *canary, path string) (v T) {
	c.Helper()
	status, answer := c.call(http.MethodGet, path, nil, nil)
	if err := json.Unmarshal(answer, &v); err != nil || status != http.StatusOK {
		c.Fatalf("%s: %d %s", path, status, answer)
	}
	return v
}
