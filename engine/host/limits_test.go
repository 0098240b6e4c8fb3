package host

import (
	"runtime"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// tree is a machine's files.
func tree(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

const (
	mountV2 = "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountV1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	units = "sys/fs/cgroup/system.slice/"
	pods  = "sys/fs/cgroup/cpu,cpuacct/kubepods/"
)

func TestQuota(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  float64
		from  string
	}{
		{"no files", nil, 0, ""},
		{"v2, no limit", map[string]string{
			"proc/self/cgroup": "0::/system.slice/stele.service\n", "proc/self/mountinfo": mountV2,
			units + "stele.service/cpu.max": "max 100000\n",
		}, 0, ""},
		{"v2", map[string]string{
			"proc/self/cgroup": "0::/system.slice/stele.service\n", "proc/self/mountinfo": mountV2,
			units + "stele.service/cpu.max": "150000 100000\n", units + "cpu.max": "max 100000\n",
		}, 1.5, "/sys/fs/cgroup/system.slice/stele.service/cpu.max"},
		{"v2, a limit above", map[string]string{
			"proc/self/cgroup": "0::/system.slice/stele.service\n", "proc/self/mountinfo": mountV2,
			units + "stele.service/cpu.max": "400000 100000\n", units + "cpu.max": "25000 50000\n",
		}, 0.5, "/sys/fs/cgroup/system.slice/cpu.max"},
		{"v2, only a limit above", map[string]string{
			"proc/self/cgroup": "0::/system.slice/deep/er/stele.service\n", "proc/self/mountinfo": mountV2,
			units + "cpu.max": "300000 100000\n",
		}, 3, "/sys/fs/cgroup/system.slice/cpu.max"},
		{"v2, in a namespace of its own", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/cpu.max": "200000 100000\n",
		}, 2, "/sys/fs/cgroup/cpu.max"},
		{"v2, outside its namespace", map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/cpu.max": "200000 100000\n",
			"sys/fs/cgroup/other/cpu.max": "100000 100000\n", // another one
		}, 2, "/sys/fs/cgroup/cpu.max"},
		{"v1", map[string]string{
			"proc/self/cgroup": "3:cpuset:/\n2:cpu,cpuacct:/kubepods/pod1\n1:name=systemd:/x\n0::/\n", "proc/self/mountinfo": mountV1,
			pods + "pod1/cpu.cfs_quota_us": "250000\n", pods + "pod1/cpu.cfs_period_us": "100000\n",
			pods + "cpu.cfs_quota_us": "-1\n", pods + "cpu.cfs_period_us": "100000\n",
		}, 2.5, "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us"},
		{"v1, a limit above", map[string]string{
			"proc/self/cgroup": "2:cpu,cpuacct:/kubepods/pod1/c1\n", "proc/self/mountinfo": mountV1,
			pods + "pod1/c1/cpu.cfs_quota_us": "-1\n", pods + "pod1/c1/cpu.cfs_period_us": "100000\n",
			pods + "pod1/cpu.cfs_quota_us": "100000\n", pods + "pod1/cpu.cfs_period_us": "100000\n",
		}, 1, "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us"},
		{"v1, in a container that shows its own cgroup only", map[string]string{
			"proc/self/cgroup":                   "4:cpu:/docker/abc\n",
			"proc/self/mountinfo":                "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
		}, 0.5, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"},
		{"the mount of another cgroup of that name", map[string]string{
			"proc/self/cgroup":                         "4:cpu:/docker/abcdef/x\n",
			"proc/self/mountinfo":                      "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
			"sys/fs/cgroup/cpu/def/x/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/def/x/cpu.cfs_period_us": "100000",
		}, 0, ""},
		{"both versions: the controller is in one", map[string]string{
			"proc/self/cgroup": "2:cpu,cpuacct:/kubepods\n0::/system.slice\n", "proc/self/mountinfo": mountV1 +
				"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			pods + "cpu.cfs_quota_us": "100000\n", pods + "cpu.cfs_period_us": "50000\n",
		}, 2, "/sys/fs/cgroup/cpu,cpuacct/kubepods/cpu.cfs_quota_us"},
		{"a blank in the name", map[string]string{
			"proc/self/cgroup": "0::/my unit\n", "proc/self/mountinfo": `31 23 0:27 / /cg\040roup rw - cgroup2 cgroup2 rw` + "\n",
			"cg roup/my unit/cpu.max": "100000 100000\n",
		}, 1, "/cg roup/my unit/cpu.max"},
		{"nonsense", map[string]string{
			"proc/self/cgroup": "0::relative\n::\n0\n2:cpu,cpuacct:/a\n0::/a\n", "proc/self/mountinfo": "1 2\n - - -\n" + mountV2 + mountV1,
			"sys/fs/cgroup/a/cpu.max": "-5 0\n", "sys/fs/cgroup/cpu.max": "lots\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "100000",
		}, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, from := quota(tree(test.files)); got != test.want || from != test.from {
				t.Errorf("%v by %q, want %v by %q", got, from, test.want, test.from)
			}
		})
	}
}

// No text in these files does any harm.
func TestQuotaOfAnything(t *testing.T) {
	line := rapid.StringMatching(`[0-9a-z:/.,\\ -]{0,40}`)
	text := rapid.Custom(func(t *rapid.T) string {
		out := rapid.SampledFrom([]string{"", mountV1, mountV2, "0::/a/b\n", "1:cpu:/a/../../b\n"}).Draw(t, "known")
		for _, l := range rapid.SliceOfN(line, 0, 4).Draw(t, "lines") {
			out += l + "\n"
		}
		return out
	})
	rapid.Check(t, func(t *rapid.T) {
		cpus, _ := quota(tree(map[string]string{
			"proc/self/cgroup": text.Draw(t, "cgroup"), "proc/self/mountinfo": text.Draw(t, "mountinfo"),
			"sys/fs/cgroup/cpu.max": text.Draw(t, "max"), "sys/fs/cgroup/a/cpu.max": text.Draw(t, "max of a"),
		}))
		if n := (Limits{CPUs: 4, Quota: cpus}).Threads(); cpus < 0 || n < 1 || n > 4 {
			t.Fatalf("%v CPUs, %d threads", cpus, n)
		}
	})
}

func TestThreads(t *testing.T) {
	for _, test := range []struct {
		cpus  int
		quota float64
		want  int
	}{
		{8, 0, 8}, {8, 8, 8}, {8, 16, 8}, {8, 3, 3}, {8, 2.99, 2}, {8, 1.5, 1}, {8, 0.25, 1}, {1, 4, 1}, {0, 0, 1}, {2, 1e300, 2},
	} {
		if got := (Limits{CPUs: test.cpus, Quota: test.quota}).Threads(); got != test.want {
			t.Errorf("%d CPUs and a quota of %v: %d threads, want %d", test.cpus, test.quota, got, test.want)
		}
	}
}

func TestReadLimits(t *testing.T) {
	files := map[string]string{
		"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/cpu.max": "250000 100000\n",
		"sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,4\n",
		"sys/devices/system/cpu/cpu4/topology/thread_siblings_list": "0,4\n",
		"sys/devices/system/cpu/cpu5/topology/thread_siblings_list": "1,5\n",
	}
	want := Limits{CPUs: 3, Cores: 2, Quota: 2.5, From: "/sys/fs/cgroup/cpu.max"}
	if got := readLimits(tree(files), []int{0, 4, 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := readLimits(tree(nil), nil); got != (Limits{CPUs: runtime.NumCPU()}) {
		t.Errorf("nothing known: %+v", got)
	}
	if got := ReadLimits(); got.CPUs != runtime.NumCPU() || got.Threads() < 1 {
		t.Errorf("here: %+v, and Go counts %d CPUs", got, runtime.NumCPU())
	}
}

func TestFitProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "7")
	FitProcessors(Limits{CPUs: 64, Quota: 3})
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS became %d although the user has set it", got)
	}
	t.Setenv("GOMAXPROCS", "none") // which Go ignores
	for _, quota := range []float64{3.9, 1.5, 0.1} {
		l := Limits{CPUs: 64, Quota: quota}
		FitProcessors(l)
		if got := runtime.GOMAXPROCS(0); got != l.Threads() {
			t.Errorf("a quota of %v CPUs: GOMAXPROCS %d, want %d", quota, got, l.Threads())
		}
	}
}
