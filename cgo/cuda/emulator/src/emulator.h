// The parts of the emulated driver.
#ifndef STELE_EMULATOR_H
#define STELE_EMULATOR_H

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "kernels.h"
extern "C" {
#include <cuda.h>
}

// API marks a function that the library exports.
#define API extern "C" __attribute__((visibility("default"))) CUresult

// Errors that cuda.h does not have.
const CUresult DEVICE_UNAVAILABLE = (CUresult)46, UNSUPPORTED_PTX_VERSION = (CUresult)222;

using lock = std::unique_lock<std::mutex>;
using clock_type = std::chrono::steady_clock;

// A device. It exists until the process ends.
struct device {
	int ordinal, bus;
	unsigned flags = 0;          // of the primary context
	int retained = 0;            // users of the primary context
	CUcontext_st *primary = nullptr; // NULL: none
	uint64_t used = 0;           // bytes allocated
	clock_type::time_point lost; // the device does not answer until then
};

// A context, and everything created in it. Contexts, streams and events are never
// freed, so that a thread that still uses one can access it.
struct CUcontext_st {
	struct device *device;
	CUresult error = CUDA_SUCCESS; // sticky
	bool gone = false;
	int busy = 0; // items of work queued or running
	std::set<CUstream> streams;
	std::set<CUevent> events;
	std::set<CUmodule> modules;
	std::set<void *> host; // pinned memory
};

struct CUmodule_st {
	CUcontext ctx;
	std::map<std::string, CUfunction> functions;
};

struct CUfunction_st {
	CUmodule module;
	const struct stele_entry *entry;
	int carveout = -1; // preferred percent of shared memory; -1: none
};

// A stream: a queue, and the thread that does its work.
struct CUstream_st {
	CUcontext ctx;
	bool closed = false;
	std::deque<std::function<CUresult()>> queue;
	int busy = 0;
};

struct CUevent_st {
	CUcontext ctx;
	unsigned flags;
	uint64_t recorded = 0, done = 0; // counts
	clock_type::time_point time;
};

// Memory of a device, or pinned memory of the host.
struct allocation {
	CUcontext ctx;
	char *data;
	uint64_t size;
};

// The state of the driver, under one lock. changed is notified after every change
// that a thread may wait for.
struct driver {
	std::mutex mutex;
	std::condition_variable changed;
	bool ready = false;
	int version = 12040, sms = 2, major = 9, minor = 0;
	uint64_t capacity = 1ull << 30;
	std::deque<struct device> devices;
	std::set<CUcontext> contexts;
	std::set<CUstream> streams;
	std::set<CUevent> events;
	std::set<CUmodule> modules;
	std::set<CUfunction> functions;
	std::map<CUdeviceptr, allocation> memory; // of devices
	std::map<char *, allocation> host;         // pinned
};
extern driver &the; // not destroyed when the process ends
extern thread_local CUcontext current;

// The action of a rule of STELE_EMU_FAULT.
struct fault {
	enum what { none, code, hang, wrong_hit, lost_hit, lost, slow } kind = none;
	CUresult result = CUDA_SUCCESS;
	bool sticky = false;
	int ms = -1; // of hang, lost, slow; -1: forever
};

// next_fault counts a call and returns the fault for it. The caller need not hold
// the lock.
fault next_fault(const char *call, int device);
void read_faults();

// enter begins a function of the API: it applies the faults and the state of
// the driver. With need, there must be a current context.
CUresult enter(const char *call, bool need = true);
#define ENTER(...)                                       \
	do {                                                 \
		if (CUresult r_ = enter(__VA_ARGS__)) return r_; \
	} while (0)

void sleep_ms(int ms); // -1: forever
int threads_per_sm();  // at most
void lose(struct device &d, int ms);
bool lost(const struct device &d);

// The caller must hold the lock for the following functions.

// find returns the host memory of n bytes at a device address, or NULL.
char *find(CUcontext ctx, CUdeviceptr at, uint64_t n);
// pinned reports whether n bytes are part of a pinned allocation.
bool pinned(const void *p, uint64_t n);
// wait_idle waits until the context has no work.
void wait_idle(lock &l, CUcontext ctx);
// destroy frees everything created in a context.
void destroy(lock &l, CUcontext ctx);
// fail makes an error sticky.
CUresult fail(CUcontext ctx, CUresult error);

#endif
