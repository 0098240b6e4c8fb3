// The driver itself, its devices and their primary contexts.
//
// STELE_EMU_DEVICES (1), STELE_EMU_DRIVER (12040), STELE_EMU_CC (9.0),
// STELE_EMU_SMS (2) and STELE_EMU_MEMORY (bytes per device, 1 GiB) describe them.
#include "emulator.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

driver &the = *new driver;
thread_local CUcontext current;

void sleep_ms(int ms)
{
	if (ms < 0)
		for (;;)
			std::this_thread::sleep_for(std::chrono::hours(1));
	std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

bool lost(const struct device &d) { return clock_type::now() < d.lost; }

void lose(struct device &d, int ms)
{
	lock l(the.mutex);
	d.lost = ms < 0 ? clock_type::time_point::max() : clock_type::now() + std::chrono::milliseconds(ms);
	if (d.primary)
		fail(d.primary, CUDA_ERROR_UNKNOWN);
}

CUresult fail(CUcontext ctx, CUresult error)
{
	if (!ctx->error)
		ctx->error = error;
	the.changed.notify_all();
	return error;
}

CUresult enter(const char *call, bool need)
{
	bool live;
	{
		lock l(the.mutex);
		if (!the.ready)
			return CUDA_ERROR_NOT_INITIALIZED;
		live = current && the.contexts.count(current);
	}
	struct fault f = next_fault(call, live ? current->device->ordinal : -1);
	switch (f.kind) {
	case fault::hang:
	case fault::slow:
		sleep_ms(f.ms);
		break;
	case fault::lost:
		if (live)
			lose(*current->device, f.ms);
		break;
	case fault::code:
		if (f.sticky && live) {
			lock l(the.mutex);
			fail(current, f.result);
		}
		return f.result;
	default:
		break;
	}
	if (!need)
		return CUDA_SUCCESS;
	if (!current)
		return CUDA_ERROR_INVALID_CONTEXT;
	lock l(the.mutex);
	if (!the.contexts.count(current))
		return CUDA_ERROR_CONTEXT_IS_DESTROYED;
	return current->error;
}

// enter_device is enter for functions with a device as argument.
static CUresult enter_device(const char *call, CUdevice ordinal)
{
	ENTER(call, false);
	return ordinal >= 0 && ordinal < (int)the.devices.size() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);
	return v && *v ? strtoull(v, nullptr, 10) : otherwise;
}

API cuInit(unsigned flags)
{
	if (flags)
		return CUDA_ERROR_INVALID_VALUE;
	read_faults();
	struct fault f = next_fault("cuInit", -1);
	if (f.kind == fault::hang || f.kind == fault::slow)
		sleep_ms(f.ms);
	lock l(the.mutex);
	the.version = number("STELE_EMU_DRIVER", the.version);
	if (f.kind == fault::code)
		return f.result;
	if (the.ready)
		return CUDA_SUCCESS;
	the.sms = number("STELE_EMU_SMS", the.sms);
	the.capacity = number("STELE_EMU_MEMORY", the.capacity);
	if (const char *cc = getenv("STELE_EMU_CC"))
		sscanf(cc, "%d.%d", &the.major, &the.minor);
	int n = number("STELE_EMU_DEVICES", 1);
	if (n == 0)
		return CUDA_ERROR_NO_DEVICE;
	// In the order of PCI addresses, if the program requests it.
	const char *order = getenv("CUDA_DEVICE_ORDER");
	bool by_pci = order && strcmp(order, "PCI_BUS_ID") == 0;
	for (int i = 0; i < n; i++) {
		the.devices.emplace_back();
		the.devices[i].ordinal = i;
		the.devices[i].bus = 0x17 + 0x13 * (by_pci ? i : n - 1 - i);
	}
	the.ready = true;
	return CUDA_SUCCESS;
}

API cuDriverGetVersion(int *version)
{
	*version = number("STELE_EMU_DRIVER", the.version);
	return CUDA_SUCCESS;
}

API cuDeviceGetCount(int *count)
{
	ENTER("cuDeviceGetCount", false);
	*count = the.devices.size();
	return CUDA_SUCCESS;
}

API cuDeviceGet(CUdevice *d, int ordinal)
{
	if (CUresult r = enter_device("cuDeviceGet", ordinal))
		return r;
	*d = ordinal;
	return CUDA_SUCCESS;
}

API cuDeviceGetName(char *name, int size, CUdevice d)
{
	if (CUresult r = enter_device("cuDeviceGetName", d))
		return r;
	snprintf(name, size, "Emulated GPU");
	return CUDA_SUCCESS;
}

API cuDeviceGetUuid(CUuuid *uuid, CUdevice d)
{
	if (CUresult r = enter_device("cuDeviceGetUuid", d))
		return r;
	for (int i = 0; i < 16; i++)
		uuid->bytes[i] = (char)(0xe0 + i);
	uuid->bytes[15] = (char)the.devices[d].bus;
	return CUDA_SUCCESS;
}

// With STELE_EMU_MIG each device is a slice of a GPU, with its own UUID.
API cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d)
{
	CUresult r = cuDeviceGetUuid(uuid, d);
	if (r == CUDA_SUCCESS && number("STELE_EMU_MIG", 0))
		uuid->bytes[0] = (char)0xff;
	return r;
}

API cuDeviceTotalMem_v2(size_t *bytes, CUdevice d)
{
	if (CUresult r = enter_device("cuDeviceTotalMem", d))
		return r;
	*bytes = the.capacity;
	return CUDA_SUCCESS;
}

API cuDeviceGetAttribute(int *value, CUdevice_attribute a, CUdevice d)
{
	if (CUresult r = enter_device("cuDeviceGetAttribute", d))
		return r;
	const std::map<int, int> values = {
		{ CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024 },
		{ CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024 },
		{ CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 0x7fffffff },
		{ CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152 },
		{ CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32 },
		{ CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536 },
		{ CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1000000 },
		{ CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, the.sms },
		{ CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 1 },
		{ CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, the.devices[d].bus },
		{ CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1000000 },
		{ CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 256 },
		{ CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, threads_per_sm() },
		{ CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2 },
		{ CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1 },
		{ CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, the.major },
		{ CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, the.minor },
		{ CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536 },
	};
	auto found = values.find(a);
	*value = found == values.end() ? 0 : found->second;
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxSetFlags_v2(CUdevice d, unsigned flags)
{
	if (CUresult r = enter_device("cuDevicePrimaryCtxSetFlags", d))
		return r;
	lock l(the.mutex);
	the.devices[d].flags = flags;
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxGetState(CUdevice d, unsigned *flags, int *active)
{
	if (CUresult r = enter_device("cuDevicePrimaryCtxGetState", d))
		return r;
	lock l(the.mutex);
	*flags = the.devices[d].flags;
	*active = the.devices[d].primary != nullptr;
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRetain(CUcontext *ctx, CUdevice ordinal)
{
	if (CUresult r = enter_device("cuDevicePrimaryCtxRetain", ordinal))
		return r;
	lock l(the.mutex);
	struct device &d = the.devices[ordinal];
	if (lost(d))
		return DEVICE_UNAVAILABLE;
	if (!d.primary) {
		d.primary = new CUcontext_st;
		d.primary->device = &d;
		the.contexts.insert(d.primary);
	}
	d.retained++;
	*ctx = d.primary;
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxRelease_v2(CUdevice ordinal)
{
	if (CUresult r = enter_device("cuDevicePrimaryCtxRelease", ordinal))
		return r;
	lock l(the.mutex);
	struct device &d = the.devices[ordinal];
	if (!d.retained)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (--d.retained == 0 && d.primary) {
		CUcontext ctx = d.primary;
		d.primary = nullptr;
		destroy(l, ctx);
	}
	return CUDA_SUCCESS;
}

API cuDevicePrimaryCtxReset_v2(CUdevice ordinal)
{
	if (CUresult r = enter_device("cuDevicePrimaryCtxReset", ordinal))
		return r;
	lock l(the.mutex);
	struct device &d = the.devices[ordinal];
	if (CUcontext ctx = d.primary) {
		d.primary = nullptr;
		destroy(l, ctx);
	}
	return CUDA_SUCCESS;
}

API cuCtxSetCurrent(CUcontext ctx)
{
	ENTER("cuCtxSetCurrent", false);
	lock l(the.mutex);
	if (ctx && !the.contexts.count(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	current = ctx;
	return CUDA_SUCCESS;
}

API cuCtxGetCurrent(CUcontext *ctx)
{
	ENTER("cuCtxGetCurrent", false);
	*ctx = current;
	return CUDA_SUCCESS;
}

API cuCtxGetDevice(CUdevice *d)
{
	ENTER("cuCtxGetDevice");
	*d = current->device->ordinal;
	return CUDA_SUCCESS;
}

API cuCtxSynchronize()
{
	ENTER("cuCtxSynchronize");
	lock l(the.mutex);
	wait_idle(l, current);
	return current->error;
}

static const struct {
	CUresult code;
	const char *name, *text;
} errors[] = {
#define ERROR(name, text) { name, #name, text }
	ERROR(CUDA_SUCCESS, "no error"),
	ERROR(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
	ERROR(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
	ERROR(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
	{ DEVICE_UNAVAILABLE, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the device is busy or unavailable" },
	ERROR(CUDA_ERROR_NO_DEVICE, "no device is detected"),
	ERROR(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
	ERROR(CUDA_ERROR_INVALID_IMAGE, "the kernel image is invalid"),
	ERROR(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
	ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image for this device"),
	ERROR(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable memory error"),
	ERROR(CUDA_ERROR_INVALID_PTX, "PTX compilation failed"),
	{ UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "PTX version is not supported" },
	ERROR(CUDA_ERROR_OPERATING_SYSTEM, "an operating system call failed"),
	ERROR(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
	ERROR(CUDA_ERROR_NOT_FOUND, "symbol not found"),
	ERROR(CUDA_ERROR_NOT_READY, "not ready"),
	ERROR(CUDA_ERROR_ILLEGAL_ADDRESS, "illegal memory access"),
	ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources for a launch"),
	ERROR(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out"),
	ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context is destroyed"),
	ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION, "illegal instruction"),
	ERROR(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"),
	ERROR(CUDA_ERROR_LAUNCH_FAILED, "launch failure"),
	ERROR(CUDA_ERROR_NOT_PERMITTED, "not permitted"),
	ERROR(CUDA_ERROR_NOT_SUPPORTED, "not supported"),
	ERROR(CUDA_ERROR_UNKNOWN, "unknown error"),
};

API cuGetErrorName(CUresult code, const char **name)
{
	for (const auto &e : errors)
		if (e.code == code)
			return *name = e.name, CUDA_SUCCESS;
	return *name = nullptr, CUDA_ERROR_INVALID_VALUE;
}

API cuGetErrorString(CUresult code, const char **text)
{
	for (const auto &e : errors)
		if (e.code == code)
			return *text = e.text, CUDA_SUCCESS;
	return *text = nullptr, CUDA_ERROR_INVALID_VALUE;
}
