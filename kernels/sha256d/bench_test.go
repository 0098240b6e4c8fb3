package sha256d

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkAgainstPlain lets the kernels take turns of less than a millisecond, and
// reports the time of a message, and the ratio of the medians to plain's.
func BenchmarkAgainstPlain(b *testing.B) {
	const n = 1024
	text := make([]byte, n*512)
	for _, size := range []int{64, 130, 200, 400} {
		messages := make([]Message, n)
		for i := range messages {
			messages[i][0] = text[i*size:][:size]
		}
		b.Run(fmt.Sprintf("messages-%d", size), func(b *testing.B) {
			interleave(b, n, func(k *Kernel, hashes, _ [][32]byte) { k.Sum(hashes, messages) })
		})
	}
	b.Run("nodes", func(b *testing.B) {
		interleave(b, n, func(k *Kernel, hashes, nodes [][32]byte) { k.Pairs(hashes, nodes) })
	})
}

func interleave(b *testing.B, n int, work func(k *Kernel, hashes, nodes [][32]byte)) {
	hashes, nodes := make([][32]byte, n), make([][32]byte, 2*n)
	times := map[*Kernel][]time.Duration{}
	usable := slices.DeleteFunc(slices.Clone(kernels), func(k *Kernel) bool { return missing(b, k) != "" })
	for b.Loop() {
		for _, k := range usable {
			start := time.Now()
			work(k, hashes, nodes)
			times[k] = append(times[k], time.Since(start))
		}
	}
	median := func(k *Kernel) float64 {
		slices.Sort(times[k])
		return float64(times[k][len(times[k])/2])
	}
	for _, k := range usable {
		b.ReportMetric(median(k)/float64(n), "ns/"+k.name)
		if k != plain && len(times[plain]) > 0 {
			b.ReportMetric(median(plain)/median(k), "ratio-"+k.name)
		}
	}
	b.ReportMetric(0, "ns/op")
}
