//go:build linux && cuda && cgo

#include "bind.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

CUresult stele_cuda_absent = CUDA_ERROR_NOT_INITIALIZED;

static void *library;

/* Since CUDA 11.4. For a MIG slice it returns the UUID of the slice. */
static CUresult (*own_uuid)(CUuuid *, CUdevice);

char *stele_cuda_bind(const char *name)
{
	memset(stele_cuda_slot, 0, stele_cuda_count * sizeof *stele_cuda_slot);
	stele_cuda_absent = CUDA_ERROR_NOT_INITIALIZED;
	own_uuid = NULL;
	if (library) {
		dlclose(library);
	}
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		return strdup(why ? why : "dlopen failed");
	}
	for (int i = 0; i < stele_cuda_count; i++) {
		stele_cuda_slot[i] = dlsym(library, stele_cuda_symbol[i]);
	}
	own_uuid = (CUresult (*)(CUuuid *, CUdevice))dlsym(library, "cuDeviceGetUuid_v2");
	stele_cuda_absent = CUDA_ERROR_NOT_FOUND;
	return NULL;
}

const char *stele_cuda_name(int i)
{
	return stele_cuda_symbol[i];
}

int stele_cuda_bound(int i)
{
	return stele_cuda_slot[i] != NULL;
}

static void *slot(const char *symbol)
{
	for (int i = 0; i < stele_cuda_count; i++) {
		if (strcmp(stele_cuda_symbol[i], symbol) == 0) {
			return stele_cuda_slot[i];
		}
	}
	return NULL;
}

/*
 * gorgonia.org/cu calls cuInit when the program starts, and ends the program if
 * that fails. So this one always succeeds; stele_cuda_init is the real one.
 */
HIDDEN CUresult cuInit(unsigned flags)
{
	(void)flags;
	return CUDA_SUCCESS;
}

CUresult stele_cuda_init(void)
{
	CUresult (*f)(unsigned) = slot("cuInit");
	return f ? f(0) : stele_cuda_absent;
}

CUresult stele_cuda_uuid(CUuuid *uuid, CUdevice device)
{
	return own_uuid ? own_uuid(uuid, device) : cuDeviceGetUuid(uuid, device);
}

/* Without a driver there are no devices, which is not an error. */
HIDDEN CUresult cuDeviceGetCount(int *count)
{
	CUresult (*f)(int *) = slot("cuDeviceGetCount");
	if (!f) {
		*count = 0;
		return CUDA_SUCCESS;
	}
	return f(count);
}

CUresult stele_cuda_launch(CUfunction f, const unsigned *grid, const unsigned *block,
	unsigned shared, CUstream stream, const char *args, const unsigned *size, int n)
{
	/* Each argument aligned for any type; the driver copies them before it returns. */
	_Alignas(16) char copy[STELE_CUDA_ARG_BYTES + 16 * STELE_CUDA_ARGS];
	void *param[STELE_CUDA_ARGS];
	size_t at = 0, total = 0;

	if (n < 0 || n > STELE_CUDA_ARGS) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	for (int i = 0; i < n; i++) {
		total += size[i];
		if (total > STELE_CUDA_ARG_BYTES) {
			return CUDA_ERROR_INVALID_VALUE;
		}
		memcpy(copy + at, args, size[i]);
		param[i] = copy + at;
		args += size[i];
		at += (size[i] + 15) & ~(size_t)15;
	}
	return cuLaunchKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2],
		shared, stream, param, NULL);
}

CUresult stele_cuda_load(CUmodule *module, const void *image, char *info, char *errors, unsigned size)
{
	CUjit_option option[] = {
		CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
		CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
		CU_JIT_LOG_VERBOSE,
	};
	void *value[] = {
		info, (void *)(uintptr_t)size,
		errors, (void *)(uintptr_t)size,
		(void *)(uintptr_t)1,
	};
	return cuModuleLoadDataEx(module, image, sizeof option / sizeof *option, option, value);
}
