package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/cgo/nvml"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
)

// devicesResult is what "stele devices --json" prints.
type devicesResult struct {
	Devices []deviceEntry  `json:"devices"`
	Absent  []absentDevice `json:"absent"`
}

// deviceEntry is a device that can be used.
type deviceEntry struct {
	engine.Info
	Sensors *sensorEntry `json:"sensors,omitempty"` // of a GPU
}

// sensorEntry is what the sensors of a GPU tell, or why there are none.
type sensorEntry struct {
	nvml.Reading
	Reason string `json:"reason,omitempty"`
}

// absentDevice is a device that cannot be used, or a kind of which none can.
type absentDevice struct {
	ID     string `json:"id,omitempty"` // of one device; "": all of the kind
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

func devicesCommand() *cli.Command {
	return &cli.Command{
		Name:  "devices",
		Usage: "list the devices and what they can do",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads instead of all that the process may use"},
			cacheFlag(),
			jsonFlag(),
		},
		Action: devices,
	}
}

func devices(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	threads, err := number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return err
	}
	d, err := openCPU(int(threads), "")
	if err != nil {
		return err
	}
	defer d.Close()

	res := devicesResult{Devices: []deviceEntry{{Info: d.Info()}}, Absent: []absentDevice{}}
	gpus, absent := gpu.List(gpuOptions(c, nil)) // opens none: that would take memory and compile kernels
	for _, info := range gpus {
		res.Devices = append(res.Devices, deviceEntry{Info: info, Sensors: readSensors(info.UUID)})
	}
	for _, a := range absent {
		gone := absentDevice{ID: a.ID, Kind: gpu.Kind, Reason: a.Err.Error()}
		if a.ID == gpu.Kind {
			gone.ID = ""
		}
		res.Absent = append(res.Absent, gone)
	}
	if c.Bool("json") {
		return printJSON(c, res)
	}
	return printText(c, res.text())
}

// readSensors reads the sensors of the GPU with this UUID.
func readSensors(uuid string) *sensorEntry {
	reading, err := nvml.Read(uuid)
	if err != nil {
		return &sensorEntry{Reason: err.Error()}
	}
	return &sensorEntry{Reading: reading}
}

// unmeasured stands for a kernel that is chosen when the GPU is first used.
const unmeasured = "not measured yet"

// text is the result for people.
func (r devicesResult) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, d := range r.Devices {
		fmt.Fprintf(w, "%s\t%s\n", d.ID, d.Name)
		if d.Threads > 0 {
			fmt.Fprintf(w, "  threads\t%d\n", d.Threads)
		}
		if d.UUID != "" {
			fmt.Fprintf(w, "  uuid\t%s\n  pci\t%s\n", d.UUID, d.PCI)
		}
		fmt.Fprintf(w, "  features\t%s\n", orNone(strings.Join(d.Features, " ")))
		d.Sensors.write(w)
		fmt.Fprintf(w, "  search\t%s\n", cmp.Or(d.SearchKernel, unmeasured))
		if d.Kind == gpu.Kind {
			fmt.Fprintf(w, "  roll\t%s\n", cmp.Or(d.RollKernel, unmeasured))
		}
		fmt.Fprintf(w, "  verify\t%s\n", d.VerifyKernel)
		for _, k := range d.Kernels {
			state := "available"
			if !k.Available {
				state = "absent: " + k.Reason
			}
			fmt.Fprintf(w, "  kernel %s\t%s\n", k.Name, state)
		}
	}
	for _, a := range r.Absent {
		fmt.Fprintf(w, "%s\tabsent: %s\n", cmp.Or(a.ID, a.Kind), a.Reason)
	}
	w.Flush()
	return b.String()
}

// write writes a line with what the sensors tell, and one for each that is
// absent. There is nothing to write of a nil entry.
func (s *sensorEntry) write(w io.Writer) {
	switch {
	case s == nil:
		return
	case s.Reason != "":
		fmt.Fprintf(w, "  sensors\tabsent: %s\n", s.Reason)
		return
	}
	fmt.Fprintf(w, "  sensors\t%s\n", s)
	for _, name := range slices.Sorted(maps.Keys(s.Absent)) {
		fmt.Fprintf(w, "  sensor %s\tabsent: %s\n", name, s.Absent[name])
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
