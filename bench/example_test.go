package bench_test

import (
	"context"
	"fmt"
	"time"

	"stele/bench"
)

// Measure the reference on verifications, put the result together, and check it as
// `stele bench check` does.
func ExampleMeasure() {
	ctx := context.Background()
	cases := []bench.Case{{
		Spec: bench.Spec{Mode: bench.Verify, Device: "cpu", Kernel: bench.Reference, Threads: 1},
		Work: bench.NewBatch(bench.ReferenceVerify, bench.MakeHeaders(1000)),
	}}
	plan := bench.Plan{Duration: 100 * time.Millisecond, MinSamples: 10}
	measured, err := bench.Measure(ctx, cases, plan, bench.NewHostClock(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	settings := bench.Settings{Mode: "verify", Duration: plan.Duration.Seconds()}
	result := bench.New(time.Now(), bench.Here("v1", nil), settings, cases, measured)

	c := result.Cases[0]
	fmt.Println(c.ID, c.Unit, len(c.Samples) >= 10, c.Rate.Low <= c.Rate.Median && c.Rate.Median <= c.Rate.High)

	report, err := bench.Check(ctx, result, bench.Rescan{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Problems)
	fmt.Println(report.Confirmed[0])
	// Output:
	// verify/cpu/reference/1 headers true true
	// []
	// the figures of 1 cases follow from their samples
}

// A search proves its own work: it finds the known set of nonces.
func ExampleWalk() {
	ctx := context.Background()
	walk := bench.NewWalk(bench.ReferenceScan)
	if err := walk.Run(ctx, 1000); err != nil {
		fmt.Println(err)
		return
	}
	proof, err := walk.Finish(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %d hashes from nonce %d on\n", proof.Name, proof.Count, proof.First)
	fmt.Printf("%d nonces with %d zero bits\n", len(proof.Nonces), proof.ZeroBits)
	fmt.Println(proof.Digest == bench.Digest(proof.Nonces))
	// Output:
	// genesis-18: 262144 hashes from nonce 2082996224 on
	// 1008 nonces with 8 zero bits
	// true
}

// A list proves its own work, too: its answers are the known ones.
func ExampleRepeat() {
	ctx := context.Background()
	repeat := bench.NewRepeat(bench.RecordHashes, bench.NewReferenceHasher(bench.MakeRecordData()))
	if err := repeat.Run(ctx, 1000); err != nil {
		fmt.Println(err)
		return
	}
	answers, err := repeat.Finish(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answers.List, answers == bench.RecordHashes.Known())
	// Output:
	// records-1 true
}

// The median has an interval, and outliers hardly move it.
func ExampleDescribe() {
	s := bench.Describe([]float64{100, 101, 99, 100, 102, 98, 100, 101, 99, 20})
	fmt.Printf("median %g, 95 %% interval %g to %g, %d outlier\n", s.Median, s.Low, s.High, s.Outliers)
	// Output:
	// median 100, 95 % interval 98 to 101, 1 outlier
}
