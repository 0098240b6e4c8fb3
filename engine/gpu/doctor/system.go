package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"stele/cgo/cuda"
)

// file returns the trimmed text of a file, or "".
func (w *walk) file(name string) string {
	text, err := os.ReadFile(filepath.Join(w.root, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// hardware looks for NVIDIA GPUs on the PCI bus, and reports whether there is one.
func (w *walk) hardware() bool {
	if w.onWSL() {
		// Only Windows sees the bus. WSL has the driver library if Windows has an
		// NVIDIA driver.
		if cuda.WSLLibrary(w.root, "libcuda.so.1") == "" {
			w.add(Step{Name: "hardware", State: Absent, Reason: "this is WSL, and Windows has no NVIDIA driver"})
			return false
		}
		w.add(Step{Name: "hardware", State: OK, Found: "this is WSL, and Windows has an NVIDIA driver"})
		return true
	}
	const nvidia, display = "0x10de", "0x03"
	const bus = "sys/bus/pci/devices"
	entries, err := os.ReadDir(filepath.Join(w.root, bus))
	if err != nil {
		w.add(Step{Name: "hardware", State: Absent, Reason: "the PCI bus cannot be read: " + err.Error()})
		return false
	}
	var gpus []string
	for _, e := range entries {
		dir := filepath.Join(bus, e.Name())
		if w.file(filepath.Join(dir, "vendor")) == nvidia && strings.HasPrefix(w.file(filepath.Join(dir, "class")), display) {
			gpus = append(gpus, e.Name())
		}
	}
	if len(gpus) == 0 {
		w.add(Step{Name: "hardware", State: Absent, Reason: "there is no NVIDIA GPU on the PCI bus"})
		return false
	}
	w.add(Step{Name: "hardware", State: OK, Found: "NVIDIA GPUs at " + strings.Join(gpus, " ")})
	return true
}

func (w *walk) onWSL() bool { return cuda.OnWSL(w.root) }

// library reports whether the driver library was loaded.
func (w *walk) library(s cuda.Status) {
	if !s.Loaded {
		reason, fix, _ := strings.Cut(s.Reason, "; ")
		if fix == "" {
			fix = fixes[NoDriver]
		}
		w.add(Step{Name: "driver library", State: Missing, Reason: reason, Fix: fix, Class: NoDriver})
		return
	}
	w.add(Step{Name: "driver library", State: OK, Found: s.Library})
}

// driver reports the version of the driver, and whether it started.
func (w *walk) driver(s cuda.Status) {
	reason, fix, _ := strings.Cut(s.Reason, "; ")
	version := fmt.Sprintf("CUDA %d.%d", s.DriverVersion/1000, s.DriverVersion%1000/10)
	if module := w.file("sys/module/nvidia/version"); module != "" {
		version += ", kernel module " + module
	}
	switch {
	case s.DriverVersion == 0:
		w.add(Step{Name: "driver version", State: Skipped, Reason: "the driver does not report it"})
	case s.DriverVersion < cuda.OldestDriver:
		w.add(Step{Name: "driver version", State: Missing, Found: version, Reason: reason, Fix: cmp.Or(fix, fixes[DriverTooOld]), Class: DriverTooOld})
	default:
		w.add(Step{Name: "driver version", State: OK, Found: version})
	}
	switch {
	case s.Usable():
		w.add(Step{Name: "driver start", State: OK})
	case s.DriverVersion > 0 && s.DriverVersion < cuda.OldestDriver && s.InitCode == 0:
		w.add(Step{Name: "driver start", State: Skipped})
	case !s.Started() && w.missing("device nodes"):
		w.add(Step{Name: "driver start", State: Skipped, Reason: reason})
	default:
		class := NoDriver
		if s.InitCode != 0 {
			if c := classOf(&cuda.Error{Code: s.InitCode}); c != 0 {
				class = c
			}
		}
		w.add(Step{Name: "driver start", State: Missing, Reason: reason, Fix: cmp.Or(fix, fixes[class]), Class: class})
	}
}

// missing reports whether a step is missing.
func (w *walk) missing(name string) bool {
	return slices.ContainsFunc(w.report.Steps, func(s Step) bool { return s.Name == name && s.State == Missing })
}

// nodes opens the device nodes, as the driver does.
func (w *walk) nodes() {
	step := Step{Name: "device nodes"}
	names := []string{"dev/nvidiactl", "dev/nvidia-uvm"}
	if w.onWSL() {
		names = []string{"dev/dxg"}
	}
	numbered, _ := filepath.Glob(filepath.Join(w.root, "dev/nvidia[0-9]*")) // the pattern is good
	for _, n := range numbered {
		name, err := filepath.Rel(w.root, n)
		if err == nil {
			names = append(names, name)
		}
	}
	var good, absent []string
	for _, name := range names {
		f, err := os.OpenFile(filepath.Join(w.root, name), os.O_RDWR, 0)
		switch {
		case err == nil:
			f.Close()
			good = append(good, "/"+name)
		case errors.Is(err, fs.ErrNotExist):
			absent = append(absent, "/"+name)
		case errors.Is(err, syscall.EPERM):
			step.State, step.Class = Missing, NotPermitted
			step.Reason = fmt.Sprintf("/%s: denied by the device rules of the container", name)
			step.Fix = "start the container with GPU access: docker run --gpus all, or nvidia.com/gpu in Kubernetes"
		case errors.Is(err, fs.ErrPermission):
			step.State, step.Class = Missing, NotPermitted
			step.Reason = fmt.Sprintf("/%s: user %d has no permission to read and write it", name, os.Geteuid())
			step.Fix = "chmod 666 it, or add the user to its group (often video or render)"
		default:
			step.State, step.Class = Missing, NoDevice
			step.Reason = err.Error()
			step.Fix = "check dmesg for NVRM lines; load the module with nvidia-modprobe -u -c 0"
		}
	}
	step.Found = strings.Join(good, " ")
	switch {
	case step.State == Missing:
	case w.onWSL():
		if step.State = OK; len(absent) > 0 {
			step.State, step.Class = Missing, NoDevice
			step.Reason, step.Fix = "there is no /dev/dxg", cuda.FixWSL
		}
	case len(good) == 0: // an emulated driver
		step.State, step.Reason = Absent, "there is no "+strings.Join(absent, ", ")
		step.Fix = "load the module with nvidia-modprobe -u -c 0; start a container with GPU access"
	case len(numbered) == 0 || slices.Contains(absent, "/dev/nvidiactl"):
		step.State, step.Class, step.Reason = Missing, NoDevice, "there is no /dev/nvidia0 or /dev/nvidiactl"
		step.Fix = "load the module with nvidia-modprobe -c 0; start a container with GPU access"
	case cuda.LacksUVM(w.root):
		step.State, step.Class, step.Reason, step.Fix = Missing, NoDriver, "there is no /dev/nvidia-uvm", cuda.FixUVM
	default:
		step.State = OK
	}
	w.add(step)
}

// container reports the device rules of a container, as far as they are visible.
func (w *walk) container() {
	step := Step{Name: "container", State: OK, Found: "none detected"}
	kind := ""
	switch {
	case w.exists(".dockerenv"):
		kind = "Docker"
	case w.exists("run/.containerenv"):
		kind = "Podman"
	case strings.Contains(w.file("proc/1/cgroup"), "kubepods"):
		kind = "Kubernetes"
	}
	if kind != "" {
		step.Found = kind
		const major = "c 195:" // major number of the nodes nvidia*
		switch rules := w.file("sys/fs/cgroup/devices/devices.list"); {
		case rules == "":
			step.Found += "; its device rules are not visible"
		case strings.Contains(rules, "a *:*") || strings.Contains(rules, major):
			step.Found += "; its device rules allow GPUs"
		default:
			step.State, step.Class = Missing, NotPermitted
			step.Reason = "the device rules of the container do not include the GPUs (" + major + "*)"
			step.Fix = "start the container with GPU access: docker run --gpus all, or nvidia.com/gpu in Kubernetes"
		}
	}
	w.add(step)
}

func (w *walk) exists(name string) bool {
	_, err := os.Stat(filepath.Join(w.root, name))
	return err == nil
}
