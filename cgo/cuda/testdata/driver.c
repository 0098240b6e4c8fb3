/*
 * A CUDA driver for the tests of this package: two devices, memory that is the
 * host's, and kernels that say what they were given. Built with -D:
 *
 *   INIT=n       cuInit answers n
 *   VERSION=n    the driver's CUDA version
 *   WITHOUT_X    leaves the function X out
 *   FAIL_X=n     function X answers n
 *   DOMAIN=n     the PCI domain of device 0, DOMAIN1=n of the other
 *   MIG          each device is a slice of a GPU
 */
#include <cuda.h>
#include <stdio.h>
#include <string.h>

#ifndef INIT
#define INIT 0
#endif
#ifndef VERSION
#define VERSION 12040
#endif
#ifndef DOMAIN
#define DOMAIN 0
#endif
#ifndef DOMAIN1
#define DOMAIN1 0
#endif
#ifndef FAIL_cuDevicePrimaryCtxRetain
#define FAIL_cuDevicePrimaryCtxRetain 0
#endif
#ifndef FAIL_cuDevicePrimaryCtxSetFlags
#define FAIL_cuDevicePrimaryCtxSetFlags 0
#endif
#ifndef FAIL_cuMemAlloc
#define FAIL_cuMemAlloc 0
#endif

enum { DEVICES = 2 };

struct CUcontext_st { int device, held; unsigned flags; };
struct CUmodule_st { char *text; };
struct CUfunction_st { char name[32]; };
struct CUstream_st { CUresult failure; };
struct CUevent_st { unsigned flags; int asked; };

static struct CUcontext_st context[DEVICES];
static _Thread_local CUcontext current;

/* Every function but those about devices needs a context that is held. */
#define NEED_CONTEXT \
	if (!current || !current->held) return CUDA_ERROR_INVALID_CONTEXT

CUresult cuInit(unsigned flags) { return flags ? CUDA_ERROR_INVALID_VALUE : INIT; }

CUresult cuDriverGetVersion(int *v) { *v = VERSION; return CUDA_SUCCESS; }

CUresult cuGetErrorName(CUresult e, const char **name)
{
	*name = e == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : e == 1234 ? "CUDA_ERROR_OF_TOMORROW" : NULL;
	return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult e, const char **text)
{
	*text = e == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory, says the driver" : NULL;
	return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceGetCount(int *n) { *n = DEVICES; return CUDA_SUCCESS; }

/* Asks itself how many devices there are: the answer must be its own. */
CUresult cuDeviceGet(CUdevice *d, int i)
{
	int n = 0;
	cuDeviceGetCount(&n);
	if (i < 0 || i >= n) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	*d = i;
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice d)
{
	snprintf(name, size, "Paper GPU %d", d);
	return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *u, CUdevice d)
{
	for (int i = 0; i < 16; i++) {
		u->bytes[i] = 16 * (d + 1) + i;
	}
	return CUDA_SUCCESS;
}

#ifdef MIG
CUresult cuDeviceGetUuid_v2(CUuuid *u, CUdevice d)
{
	cuDeviceGetUuid(u, d);
	u->bytes[0] = 0xff;
	return CUDA_SUCCESS;
}
#endif

CUresult cuDeviceTotalMem(size_t *n, CUdevice d) { *n = (size_t)(d + 1) << 33; return CUDA_SUCCESS; }

CUresult cuDeviceGetAttribute(int *v, CUdevice_attribute a, CUdevice d)
{
	switch (a) {
	case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID: *v = d == 0 ? DOMAIN : DOMAIN1; break;
	case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID: *v = d == 0 ? 0x65 : 0x17; break;
	case CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID: *v = d; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *v = 9; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *v = 0; break;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *v = 132; break;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *v = 2048; break;
	case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: *v = 65536; break;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *v = 1024; break;
	case CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT: *v = d; break;
	default: *v = -1; return CUDA_ERROR_INVALID_VALUE; /* as for one that a driver does not know */
	}
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags(CUdevice d, unsigned flags)
{
	context[d].flags = flags;
	return FAIL_cuDevicePrimaryCtxSetFlags;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice d)
{
	if (FAIL_cuDevicePrimaryCtxRetain) {
		return FAIL_cuDevicePrimaryCtxRetain;
	}
	if (!FAIL_cuDevicePrimaryCtxSetFlags && context[d].flags != CU_CTX_SCHED_BLOCKING_SYNC) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	context[d].device = d;
	context[d].held++;
	*c = &context[d];
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice d)
{
	if (!context[d].held) {
		return CUDA_ERROR_INVALID_CONTEXT;
	}
	context[d].held--;
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset(CUdevice d) { context[d].held = 0; return CUDA_SUCCESS; }

CUresult cuCtxSetCurrent(CUcontext c) { current = c; return CUDA_SUCCESS; }

CUresult cuMemGetInfo(size_t *available, size_t *total)
{
	NEED_CONTEXT;
	*total = (size_t)(current->device + 1) << 33;
	*available = *total / 2;
	return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr *p, size_t n)
{
	NEED_CONTEXT;
	if (FAIL_cuMemAlloc) {
		return FAIL_cuMemAlloc;
	}
	*p = (CUdeviceptr)malloc(n);
	memset((void *)*p, 0xa5, n);
	return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr p) { NEED_CONTEXT; free((void *)p); return CUDA_SUCCESS; }

#ifndef WITHOUT_cuMemHostAlloc
CUresult cuMemHostAlloc(void **p, size_t n, unsigned flags)
{
	NEED_CONTEXT;
	*p = malloc(n);
	memset(*p, 0x5a, n);
	return flags ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
#endif

CUresult cuMemFreeHost(void *p) { NEED_CONTEXT; free(p); return CUDA_SUCCESS; }

CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned n, CUjit_option *option, void **value)
{
	char *info = NULL, *error = NULL;
	size_t size = 0;

	NEED_CONTEXT;
	for (unsigned i = 0; i < n; i++) {
		switch (option[i]) {
		case CU_JIT_INFO_LOG_BUFFER: info = value[i]; break;
		case CU_JIT_ERROR_LOG_BUFFER: error = value[i]; break;
		case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: size = (size_t)value[i]; break;
		default: break;
		}
	}
	if (strncmp(image, ".version", 8) != 0) {
		snprintf(error, size, "line 1; fatal   : Missing .version directive\nptxas fatal\n");
		return CUDA_ERROR_INVALID_PTX;
	}
	snprintf(info, size, "compiled %zu characters\n", strlen(image));
	*m = malloc(sizeof **m);
	(*m)->text = strdup(image);
	return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule m) { NEED_CONTEXT; free(m->text); free(m); return CUDA_SUCCESS; }

CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name)
{
	char entry[64];

	NEED_CONTEXT;
	snprintf(entry, sizeof entry, ".entry %s(", name);
	if (!strstr(m->text, entry)) {
		return CUDA_ERROR_NOT_FOUND;
	}
	*f = malloc(sizeof **f);
	snprintf((*f)->name, sizeof (*f)->name, "%s", name);
	return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *v, CUfunction_attribute a, CUfunction f)
{
	NEED_CONTEXT;
	*v = 10 + a;
	return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int v)
{
	NEED_CONTEXT;
	return a == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT && v <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *n, CUfunction f, int threads, size_t shared)
{
	NEED_CONTEXT;
	*n = 2048 / threads - (int)shared;
	return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *s, unsigned flags)
{
	NEED_CONTEXT;
	*s = calloc(1, sizeof **s);
	return flags == CU_STREAM_NON_BLOCKING ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamDestroy(CUstream s) { NEED_CONTEXT; free(s); return CUDA_SUCCESS; }
CUresult cuStreamSynchronize(CUstream s) { NEED_CONTEXT; return s->failure; }
CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned flags) { NEED_CONTEXT; return flags; }

/*
 * What the kernels get:
 *   echo(to, b, big, c): writes the shape of the launch and the arguments to
 *     to: seven unsigned numbers, b, 600 bytes of big, 3 bytes of c
 *   fault(): fails, which the stream reports later
 */
struct echo { unsigned shape[7]; unsigned char b; char big[600]; char c[3]; };

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
	unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **param, void **extra)
{
	NEED_CONTEXT;
	if (extra || !s) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	if (strcmp(f->name, "fault") == 0) {
		s->failure = CUDA_ERROR_LAUNCH_FAILED;
	} else if (strcmp(f->name, "echo") == 0) {
		struct echo *to = (struct echo *)*(CUdeviceptr *)param[0];
		unsigned shape[] = {gx, gy, gz, bx, by, bz, shared};
		memcpy(to->shape, shape, sizeof shape);
		to->b = *(unsigned char *)param[1];
		memcpy(to->big, param[2], sizeof to->big);
		memcpy(to->c, param[3], sizeof to->c);
	}
	return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream s)
{
	NEED_CONTEXT;
	memcpy((void *)to, from, n);
	return CUDA_SUCCESS;
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream s)
{
	NEED_CONTEXT;
	memcpy(to, (void *)from, n);
	return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char v, size_t n, CUstream s)
{
	NEED_CONTEXT;
	memset((void *)to, v, n);
	return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *e, unsigned flags)
{
	NEED_CONTEXT;
	if (!(flags & CU_EVENT_BLOCKING_SYNC)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	*e = calloc(1, sizeof **e);
	(*e)->flags = flags;
	return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent e) { NEED_CONTEXT; free(e); return CUDA_SUCCESS; }
CUresult cuEventRecord(CUevent e, CUstream s) { NEED_CONTEXT; e->asked = 0; return CUDA_SUCCESS; }
CUresult cuEventQuery(CUevent e) { NEED_CONTEXT; return e->asked++ ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY; }
CUresult cuEventSynchronize(CUevent e) { NEED_CONTEXT; e->asked = 1; return CUDA_SUCCESS; }

CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b)
{
	NEED_CONTEXT;
	if ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	*ms = 1.5f;
	return CUDA_SUCCESS;
}
