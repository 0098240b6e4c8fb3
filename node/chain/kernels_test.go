package chain

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/kernels/sig"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// withoutKernels is the value of STELE_CPU that leaves only plain code.
const withoutKernels = "-ifma,-hybrid,-avx512,-shani,-avx2"

// digestVar makes the process of TestKernels one that only prints its digest.
const digestVar = "STELE_CHAIN_DIGEST"

// The same random blocks, good and bad ones, have the same verdicts and the same state
// with the kernels of this CPU and, in another process, without them.
func TestKernels(t *testing.T) {
	chains := max(1, rounds(8, 800))
	if os.Getenv(digestVar) != "" {
		fmt.Printf("kernel %v, digest %v\n", sig.Available(), digestOfChains(t, chains))
		return
	}
	plain := exec.Command(os.Args[0], "-test.run=^TestKernels$", "-test.count=1", "-test.timeout=0")
	plain.Env = append(os.Environ(), digestVar+"=1", sig.EnvVar+"="+withoutKernels)
	out, err := plain.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !sig.Available() {
		t.Log("this CPU has no kernel for signatures")
	}
	want := fmt.Sprintf("kernel false, digest %v", digestOfChains(t, chains))
	if got, _, _ := strings.Cut(string(out), "\n"); got != want {
		t.Errorf("without kernels: %s, want %s", got, want)
	}
}

// digestOfChains returns a digest of some chains of 25 random blocks, and of the verdicts
// about as many blocks with a bad signature.
func digestOfChains(t *testing.T, chains int) pow.Hash {
	t.Helper()
	var digest pow.Hash
	add := func(b []byte) { digest = pow.Sum(append(digest[:], b...)) }
	for seed := range chains {
		b := chaintest.New(chaintest.Network(), uint64(1000+seed))
		n, err := open(vfs.NewMem(), b, func(o *Options) { o.Verifier = record.NewVerifier(1<<12, 0) })
		if err != nil {
			t.Fatal(err)
		}
		submit := func(blk *block.Block) error {
			decoded, err := block.Decode(blk.Encode(), b.Params.MaxBlockSize)
			if err == nil {
				_, err = n.Submit(decoded)
			}
			return err
		}
		tip := b.Genesis
		for range 25 {
			records := b.Records(tip, b.Rand.IntN(40))
			if len(records) > 0 {
				bad := append([]*record.Record(nil), records...)
				at := b.Rand.IntN(len(bad))
				bad[at] = spoilt(bad[at])
				add(fmt.Append(nil, submit(b.Draft(tip, bad...).Seal())))
			}
			tip = b.Extend(tip, records...)
			if err := submit(tip.Block); err != nil {
				t.Fatal(err)
			}
		}
		n.mustBe(t, tip)
		tipDigest := n.Tip().Digest
		add(tipDigest[:])
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return digest
}
