package bench

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Machine identifies the machine of a result.
type Machine struct {
	// ID has 12 hexadecimal digits. Results with the same ID are of the same machine,
	// as far as results show.
	ID   string `json:"id"`
	Name string `json:"name"` // for people: the label, or the processor and the GPUs
}

// Machine returns the identity of the machine. It is the digest of the label, the
// operating system and architecture, the hypervisor, the processor with its cores and
// threads, and the models and UUIDs of the measured GPUs in any order. So a run with --device cpu
// beside runs with GPUs counts as another machine, and so does one with another label.
// Two machines of the same model without GPUs and labels cannot be distinguished.
func (e Environment) Machine() Machine {
	var gpus, models []string
	for _, d := range e.Devices {
		if d.Kind == cpuKind {
			continue
		}
		gpus = append(gpus, d.Name+" "+cmp.Or(d.UUID, d.PCI))
		if !slices.Contains(models, d.Name) {
			models = append(models, d.Name)
		}
	}
	slices.Sort(gpus)
	facts := append([]string{e.Label, e.OS, e.Arch, e.Virtual, e.CPU.Brand, fmt.Sprint(e.CPU.Cores), fmt.Sprint(e.CPU.Threads)}, gpus...)
	digest := sha256.Sum256([]byte(strings.Join(facts, "\x00")))
	name := strings.Join(append([]string{cmp.Or(e.CPU.Brand, "unknown processor")}, models...), ", ")
	return Machine{ID: hex.EncodeToString(digest[:6]), Name: cmp.Or(e.Label, name)}
}

// cpuKind is the kind of a device that is not a GPU.
const cpuKind = "cpu"

// gpuNames lists the GPUs of a result with their models.
func gpuNames(e Environment) string {
	var names []string
	for _, d := range e.Devices {
		if d.Kind != cpuKind {
			names = append(names, d.ID+" "+d.Name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// model returns the model of the GPU that a case used, those of all GPUs for [All], and
// "" for another device.
func (e Environment) model(s Spec) string {
	if s.Device == All {
		return gpuNames(e)
	}
	for _, d := range e.Devices {
		if d.ID == s.Device && d.Kind != cpuKind {
			return d.Name
		}
	}
	return ""
}
