package bench

import (
	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/host/energy"
)

// powercapFlag returns the flag --powercap.
func powercapFlag() cli.Flag {
	return &cli.StringFlag{Name: "powercap", Usage: "read the energy of the CPU in the folder `DIR`", Value: energy.Folder}
}

// meters are the sources of the energy of a run.
type meters struct {
	cpu     *energy.Meter // nil if there is none
	absent  error         // the reason
	gpus    map[string]*bench.GPUMeter
	devices []string // IDs of those in gpus, in order
}

// openMeters opens the counters of the CPU. Those of a GPU are opened by gpu.
func openMeters(c *cli.Context) *meters {
	m := &meters{gpus: map[string]*bench.GPUMeter{}}
	if folder := c.String("powercap"); folder != energy.Folder {
		m.cpu, m.absent = energy.OpenFolder(folder)
	} else {
		m.cpu, m.absent = energy.Open()
	}
	return m
}

// gpu returns the meter of a GPU.
func (m *meters) gpu(d engine.Info) *bench.GPUMeter {
	if m.gpus[d.ID] == nil {
		m.gpus[d.ID] = bench.OpenGPUMeter(d.UUID)
		m.devices = append(m.devices, d.ID)
	}
	return m.gpus[d.ID]
}

// joules returns the energy that the CPU has used since openMeters.
func (m *meters) joules() (float64, error) {
	if m.cpu == nil {
		return 0, m.absent
	}
	return m.cpu.Joules()
}

// sources describes where the energy of each device came from.
func (m *meters) sources() []bench.EnergySource {
	of := bench.EnergySource{Device: cpu.ID}
	if m.cpu != nil {
		of.Name = energy.Source
	}
	if _, err := m.joules(); err != nil {
		of.Absent = err.Error()
	}
	all := []bench.EnergySource{of}
	for _, id := range m.devices {
		name, absent := m.gpus[id].Source()
		all = append(all, bench.EnergySource{Device: id, Name: name, Absent: absent})
	}
	return all
}

// close closes the meters; m may be nil.
func (m *meters) close() {
	if m == nil {
		return
	}
	if m.cpu != nil {
		_ = m.cpu.Close() // it was only read
	}
	for _, gpu := range m.gpus {
		gpu.Close()
	}
}
