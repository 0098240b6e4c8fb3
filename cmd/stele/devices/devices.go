// Package devices is the command "stele devices", which lists devices, their kernels and
// sensors.
package devices

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
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/host"
)

// result is what "stele devices --json" prints.
type result struct {
	Devices []deviceEntry  `json:"devices"`
	Absent  []absentDevice `json:"absent"`
}

// deviceEntry is a usable device.
type deviceEntry struct {
	engine.Info
	// Microarchitecture is the design of the CPU's cores; "" if it is not known.
	Microarchitecture string       `json:"microarchitecture,omitempty"`
	Sensors           *sensorEntry `json:"sensors,omitempty"` // of a GPU
}

// sensorEntry holds the readings of the sensors of a GPU, or why there are none.
type sensorEntry struct {
	nvml.Reading
	Reason string `json:"reason,omitempty"`
}

// absentDevice is a device that cannot be used, or a kind of which no device can.
type absentDevice struct {
	ID     string `json:"id,omitempty"` // of one device; "": all of the kind
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "devices",
		Usage: "list devices, their kernels and sensors",
		Description: "Lists every CPU and GPU, its kernels, and why a device or kernel is unavailable. It\n" +
			"does not open GPUs; \"stele doctor\" tests them.\n\n" +
			"  stele devices",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads", DefaultText: "all that the process may use"},
			deviceflags.Cache(),
			cmdline.JSONFlag(),
		},
		Action: Run,
	}
}

// Run is the action of the command.
func Run(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	threads, err := cmdline.Number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return err
	}
	d, err := deviceflags.OpenCPU(int(threads), "")
	if err != nil {
		return err
	}
	defer d.Close()

	res := result{Devices: []deviceEntry{{Info: d.Info(), Microarchitecture: host.ReadMachine().Microarchitecture}}, Absent: []absentDevice{}}
	gpus, absent := gpu.List(deviceflags.GPUOptions(c, nil)) // opens no GPU, which would take memory and compile kernels
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
		return cmdline.PrintJSON(c, res)
	}
	return cmdline.PrintText(c, res.text())
}

// readSensors reads the sensors of the GPU with this UUID.
func readSensors(uuid string) *sensorEntry {
	reading, err := nvml.Read(uuid)
	if err != nil {
		return &sensorEntry{Reason: err.Error()}
	}
	return &sensorEntry{Reading: reading}
}

// unmeasured stands for a kernel that is chosen when the GPU is used for the first
// time.
const unmeasured = "not measured yet"

// text is the result for people.
func (r result) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, d := range r.Devices {
		fmt.Fprintf(w, "%s\t%s\n", d.ID, d.Name)
		if d.Microarchitecture != "" {
			fmt.Fprintf(w, "  cores\t%s\n", d.Microarchitecture)
		}
		if d.Multiprocessors > 0 {
			fmt.Fprintf(w, "  multiprocessors\t%d\n", d.Multiprocessors)
		}
		if d.Threads > 0 {
			fmt.Fprintf(w, "  threads\t%d\n", d.Threads)
		}
		if d.UUID != "" {
			fmt.Fprintf(w, "  uuid\t%s\n  pci\t%s\n", d.UUID, d.PCI)
		}
		fmt.Fprintf(w, "  features\t%s\n", orNone(strings.Join(d.Features, " ")))
		d.Sensors.write(w)
		fmt.Fprintf(w, "  search\t%s\n", cmp.Or(d.SearchKernel, unmeasured))
		if d.Kind == gpu.Kind || d.RollKernel != "" {
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

// write writes a line with the readings, and one for each absent sensor. It writes
// nothing for a nil entry.
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
