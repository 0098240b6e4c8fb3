package telemetry

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
)

func summary(s miner.Status) reply {
	rejected, lost := rejections(s.Shares)
	elapsed := s.Now.Sub(s.Started).Seconds()
	var wrong, hits, hashes, jobs uint64
	for _, d := range s.Devices {
		wrong, hits, hashes = wrong+d.HardwareErrors, hits+d.Hits, hashes+d.Nonces
	}
	for _, u := range s.Sources {
		jobs += u.Jobs
	}
	record := append([]field{{"Elapsed", int64(elapsed)}}, megaRates(s.Counted)...)
	record = append(record, []field{
		{"Found Blocks", s.Shares.Blocks},
		{"Getworks", jobs},
		{"Accepted", s.Shares.Accepted},
		{"Rejected", rejected},
		{"Stale", lost},
		{"Hardware Errors", wrong},
		{"Utility", perMinute(float64(s.Shares.Accepted), elapsed)},
		{"Total MH", float64(hashes) / 1e6},
		{"Work Utility", perMinute(float64(hashes)/pow.HashesPerDifficulty, elapsed)},
		{"Difficulty Accepted", s.Shares.Difficulty},
		{"Best Share", integer(s.Shares.Best)},
		{"Device Hardware%", percentWrong(wrong, hits)},
		{"Last getwork", unix(s.Work.Received)},
	}...)
	return reply{true, codeSummary, "Summary", &section{"SUMMARY", [][]field{record}}}
}

func devs(s miner.Status) reply {
	counts := map[string]int{}
	var records [][]field
	for i, d := range s.Devices {
		kind := "GPU"
		if d.Info.Kind == "cpu" {
			kind = "CPU"
		}
		enabled, status := "Y", "Alive"
		switch d.Health {
		case miner.Sick:
			status = "Sick"
		case miner.Dead:
			status = "Dead"
		case miner.Recovering:
			status = "Initialising"
		case miner.Resting:
			enabled = "R"
		}
		record := []field{{kind, counts[kind]}, {"Name", d.Info.ID}, {"ID", i}, {"Enabled", enabled}, {"Status", status}}
		counts[kind]++
		if m := d.Sensors; m != nil {
			for _, x := range []struct {
				name  string
				value *float64
			}{{"Temperature", m.Temperature}, {"Fan Percent", m.Fan}, {"GPU Power", m.Power}} {
				if x.value != nil {
					record = append(record, field{x.name, *x.value})
				}
			}
		}
		record = append(record, megaRates(d.Rates)...)
		records = append(records, append(record, []field{
			{"Shares Found", d.Shares},
			{"Hardware Errors", d.HardwareErrors},
			{"Total MH", float64(d.Nonces) / 1e6},
			{"Device Hardware%", percentWrong(d.HardwareErrors, d.Hits)},
			{"Device Elapsed", int64(s.Now.Sub(s.Started).Seconds())},
			{"Model", d.Info.Name},
		}...))
	}
	return reply{true, codeDevs, fmt.Sprintf("%d GPU(s) - %d CPU(s)", counts["GPU"], counts["CPU"]), &section{"DEVS", records}}
}

func devDetails(s miner.Status) reply {
	var records [][]field
	for i, d := range s.Devices {
		record := []field{{"DEVDETAILS", i}, {"Name", d.Info.ID}, {"ID", i}, {"Driver", d.Info.Kind}, {"Kernel", d.Info.SearchKernel}, {"Model", d.Info.Name}}
		if d.Info.PCI != "" {
			record = append(record, field{"Device Path", d.Info.PCI})
		}
		records = append(records, record)
	}
	return reply{true, codeDevDetails, "Device Details", &section{"DEVDETAILS", records}}
}

func gpuCount(s miner.Status) reply {
	return reply{true, codeGPUCount, "GPU count", &section{"GPUS", [][]field{{{"Count", gpus(s)}}}}}
}

// gpus returns the number of devices that are not CPUs.
func gpus(s miner.Status) (n int) {
	for _, d := range s.Devices {
		if d.Info.Kind != "cpu" {
			n++
		}
	}
	return n
}

func pools(s miner.Status) reply {
	var records [][]field
	for i, u := range s.Sources {
		status := "Dead"
		if u.Connected {
			status = "Alive"
		}
		longPoll, stratum, stratumURL := "N", true, u.Name
		if givesTemplates(u.Name) {
			longPoll, stratum, stratumURL = "Y", false, ""
		}
		rejected, lost := rejections(u.Shares)
		records = append(records, []field{
			{"POOL", i},
			{"URL", u.Name},
			{"Status", status},
			{"Priority", i},
			{"Quota", 1},
			{"Long Poll", longPoll},
			{"Getworks", u.Jobs},
			{"Accepted", u.Shares.Accepted},
			{"Rejected", rejected},
			{"Stale", lost},
			{"User", u.User},
			{"Last Share Time", unix(u.Shares.Last)},
			{"Difficulty Accepted", u.Shares.Difficulty},
			{"Has Stratum", stratum},
			{"Stratum Active", stratum && u.Active},
			{"Stratum URL", stratumURL},
			{"Has GBT", !stratum},
			{"Best Share", integer(u.Shares.Best)},
		})
	}
	return reply{true, codePools, fmt.Sprintf("%d Pool(s)", len(records)), &section{"POOLS", records}}
}

// givesTemplates reports whether a source is a node with getblocktemplate, and so
// with long polling (BIP 22). The others are Stratum pools.
func givesTemplates(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

func versions(s miner.Status) reply {
	return reply{true, codeVersion, "stele versions", &section{"VERSION", [][]field{{{"Stele", s.Version}, {"API", apiVersion}}}}}
}

func config(s miner.Status) reply {
	return reply{true, codeConfig, "stele config", &section{"CONFIG", [][]field{{
		{"GPU Count", gpus(s)},
		{"CPU Count", len(s.Devices) - gpus(s)},
		{"Pool Count", len(s.Sources)},
		{"Strategy", "Failover"},
		{"OS", "Linux"},
	}}}}
}

func statistics(s miner.Status) reply {
	var records [][]field
	elapsed := int64(s.Now.Sub(s.Started).Seconds())
	for _, d := range s.Devices {
		records = append(records, []field{
			{"STATS", len(records)}, {"ID", d.Info.ID}, {"Elapsed", elapsed},
			{"Hits", d.Hits}, {"Expected Hits", d.ExpectedHits}, {"Health", string(d.Health)}, {"Reason", d.Reason},
		})
	}
	for i, u := range s.Sources {
		records = append(records, []field{
			{"STATS", len(records)}, {"ID", fmt.Sprintf("POOL%d", i)}, {"Elapsed", elapsed},
			{"Sessions", u.Sessions}, {"Answer p50", u.Latency.P50.Seconds()}, {"Answer p99", u.Latency.P99.Seconds()},
		})
	}
	return reply{true, codeStats, "stele stats", &section{"STATS", records}}
}

func coin(s miner.Status) reply {
	record := []field{{"Hash Method", "sha256"}, {"Current Block Time", unix(s.Work.Received)}}
	if s.Work.Height != 0 {
		record = append(record, field{"Current Block Height", s.Work.Height})
	}
	record = append(record, field{"LP", givesTemplates(s.Work.Source)}, field{"Network Difficulty", s.Work.Network.Float64()})
	return reply{true, codeCoin, "stele coin", &section{"COIN", [][]field{record}}}
}

// megaRates returns rates in millions of hashes per second. The rate over 5 seconds
// of cgminer is over 10 seconds here.
func megaRates(r miner.Rates) []field {
	return []field{{"MHS av", r.Mean / 1e6}, {"MHS 5s", r.Seconds10 / 1e6}, {"MHS 1m", r.Minute1 / 1e6}, {"MHS 15m", r.Minutes15 / 1e6}}
}

func perMinute(n, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return n / seconds * 60
}

// percentWrong returns the percentage of wrong results. In cgminer the results are
// those that meet difficulty 1, and here those that meet the target of the job.
func percentWrong(wrong, hits uint64) float64 {
	if wrong == 0 {
		return 0
	}
	return 100 * float64(wrong) / (float64(wrong) + float64(hits))
}

// integer returns a difficulty as a whole number, as cgminer has it.
func integer(d pow.Difficulty) uint64 {
	return uint64(min(d.Float64(), math.MaxInt64))
}

// unix returns a time as seconds since 1970, 0 if there is none.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
