package gpu

import (
	"fmt"
	"strings"

	"stele/cgo/cuda"
)

// Select returns the GPU with this name: "cuda:0", a UUID ("GPU-6f7c...", or
// "MIG-..." for a MIG slice), or a PCI address ("0000:65:00.0", "65:00.0").
// Case does not matter. The error is of the kind [ErrUnknownDevice] and lists the
// GPUs.
func Select(all []cuda.Device, name string) (cuda.Device, error) {
	for _, g := range all {
		pci := strings.TrimLeft(name, "0") // nvidia-smi prints a domain of eight digits
		if strings.EqualFold(name, id(g)) || strings.EqualFold(name, g.UUID) || strings.EqualFold(name, g.PCI) ||
			strings.HasPrefix(name, "0") && strings.Contains(pci, ".") && strings.EqualFold(pci, strings.TrimLeft(g.PCI, "0")) ||
			strings.EqualFold("0000:"+name, g.PCI) {
			return g, nil
		}
	}
	var known []string
	for _, g := range all {
		known = append(known, fmt.Sprintf("%s (%s, %s)", id(g), g.UUID, g.PCI))
	}
	err := fmt.Errorf("%w %q: there are %s", ErrUnknownDevice, name, strings.Join(known, ", "))
	if isMIG(name) {
		err = fmt.Errorf("%w; CUDA shows a process one MIG slice, select it with CUDA_VISIBLE_DEVICES=%s", err, name)
	}
	return cuda.Device{}, err
}

// Choose returns the GPUs with these names, in the order of all. Names are those
// of [Select], separated by commas; "cuda" or "" means all GPUs. Names without a
// GPU are in absent.
func Choose(all []cuda.Device, names string) (some []cuda.Device, absent []Absent) {
	if names == "" {
		return all, nil
	}
	wanted := map[cuda.Device]bool{}
	for name := range strings.SplitSeq(names, ",") {
		if strings.EqualFold(name, Kind) {
			for _, g := range all {
				wanted[g] = true
			}
			continue
		}
		g, err := Select(all, name)
		if err != nil {
			absent = append(absent, Absent{name, err})
			continue
		}
		wanted[g] = true
	}
	for _, g := range all {
		if wanted[g] {
			some = append(some, g)
		}
	}
	return some, absent
}

// Named reports whether a device name has the form of a GPU's ID, UUID or PCI
// address.
func Named(name string) bool {
	lower := strings.ToLower(name)
	return lower == Kind || strings.HasPrefix(lower, Kind+":") || strings.HasPrefix(lower, "gpu-") || isMIG(name) ||
		strings.Count(lower, ":") >= 1 && strings.Contains(lower, ".")
}

// isMIG reports whether a name has the form of the UUID of a MIG slice.
func isMIG(name string) bool {
	return len(name) >= 4 && strings.EqualFold(name[:4], "mig-")
}
