package cuda

import (
	"os"
	"path/filepath"
	"strings"
)

// How to fix a system that lacks what the driver needs.
const (
	// FixUVM is for [LacksUVM].
	FixUVM = "load its module: modprobe nvidia_uvm (for a container, on the host), and if the node is still missing, nvidia-modprobe -u -c 0; a container also needs --device /dev/nvidia-uvm"
	// FixWSL is for [OnWSL] where no GPU can be used.
	FixWSL = "install the NVIDIA driver on Windows, not inside WSL, then run wsl --update and wsl --shutdown there"
)

// wslLibrary is where WSL2 has the libraries of the Windows driver. The loader
// does not know this folder in containers and in some distributions.
const wslLibrary = "usr/lib/wsl/lib"

// OnWSL reports whether the system with its file system at root is WSL. WSL
// accesses the GPU through Windows: it has no kernel module and no /dev/nvidia0.
func OnWSL(root string) bool {
	release, _ := os.ReadFile(filepath.Join(root, "proc/sys/kernel/osrelease"))
	return strings.Contains(strings.ToLower(string(release)), "microsoft")
}

// WSLLibrary returns the path of a driver library in WSL, or "" if it does not
// exist.
func WSLLibrary(root, name string) string {
	path := filepath.Join(root, wslLibrary, name)
	if !exists(path) {
		return ""
	}
	return path
}

// LacksUVM reports whether the kernel module of the driver is loaded but not its
// part for CUDA, nvidia_uvm.
func LacksUVM(root string) bool {
	return exists(filepath.Join(root, "dev/nvidiactl")) && !exists(filepath.Join(root, "dev/nvidia-uvm"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
