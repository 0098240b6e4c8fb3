package engine_test

import (
	"context"
	"fmt"

	"stele/engine"
	"stele/engine/pow"
)

// genesis is the header of Bitcoin's first block.
func genesis() [pow.HeaderSize]byte {
	header, err := pow.ParseHeader("0100000000000000000000000000000000000000000000000000000000000000" +
		"000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
	if err != nil {
		panic(err)
	}
	return header.Encode()
}

// Search finds every nonce of a range whose hash meets the target.
func ExampleEngine_Search() {
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	defer e.Close()

	job := engine.Job{Header: genesis(), Target: pow.ZeroBits(32)}
	nonces := pow.Range{First: 2083236893 - 500, Count: 1000}
	summary, err := e.Search(context.Background(), job, nonces, func(hit engine.Hit) {
		fmt.Println(hit.Nonce, hit.Hash, hit.Device)
	})
	fmt.Println(summary.Scanned, err)
	// Output:
	// 2083236893 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f reference
	// 1000 <nil>
}

// Mine keeps the devices busy until its context ends. Roll makes the next header
// when one is used up: here with a later time.
func ExampleEngine_Mine() {
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	defer e.Close()

	jobs := make(chan engine.Job, 1)
	jobs <- engine.Job{Header: genesis(), Target: pow.ZeroBits(10)}
	roll := func(job engine.Job) (engine.Job, bool) {
		header, err := pow.DecodeHeader(job.Header[:])
		if err != nil {
			return engine.Job{}, false
		}
		header.Time++
		job.Header = header.Encode()
		return job, true
	}

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	found := 0
	err := e.Mine(ctx, jobs, roll, func(hit engine.Hit) {
		header := hit.Header()
		if found++; pow.Sum(header[:]) != hit.Hash {
			fmt.Println("wrong hit")
		}
		if found == 3 {
			stop()
		}
	})
	fmt.Println(found >= 3, err)
	// Output:
	// true context canceled
}

// Verify checks a batch of headers: here two that are not linked.
func ExampleEngine_Verify() {
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	defer e.Close()

	header := genesis()
	headers := append(header[:], header[:]...)
	verdicts := make([]pow.Verdict, 2)
	result, err := e.Verify(context.Background(), headers, true, verdicts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Valid, "valid, first invalid:", result.FirstInvalid, verdicts[result.FirstInvalid])
	// Output:
	// 1 valid, first invalid: 1 bad link
}
