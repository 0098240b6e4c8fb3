#ifndef STELE_CUDA_BIND_H
#define STELE_CUDA_BIND_H

#include <cuda.h>

/*
 * Hidden: the linker finds these functions for the calls of the program. The
 * driver library, which is loaded later and has functions of the same names, never
 * binds to them.
 */
#define HIDDEN __attribute__((visibility("hidden")))

/* The table of late binding, in forward.c: names, and where each was found. */
extern HIDDEN const int stele_cuda_count;
extern HIDDEN const char *const stele_cuda_symbol[];
extern HIDDEN void *stele_cuda_slot[];

/* The result of a function with an empty slot. */
extern HIDDEN CUresult stele_cuda_absent;

/*
 * Loads a driver library and fills the slots. Returns NULL, or the error of
 * dlopen, which the caller frees; the slots are empty then.
 */
HIDDEN char *stele_cuda_bind(const char *library);

/* The name of symbol i, and whether it was found. */
HIDDEN const char *stele_cuda_name(int i);
HIDDEN int stele_cuda_bound(int i);

/* The driver's own cuInit. */
HIDDEN CUresult stele_cuda_init(void);

/* The UUID of a device: that of a MIG slice itself, if the driver supports it. */
HIDDEN CUresult stele_cuda_uuid(CUuuid *uuid, CUdevice device);

/*
 * cuLaunchKernel with n arguments of any size, stored back to back in args:
 * argument i has size[i] bytes.
 */
HIDDEN CUresult stele_cuda_launch(CUfunction f, const unsigned *grid, const unsigned *block,
	unsigned shared, CUstream stream, const char *args, const unsigned *size, int n);

/* The maximal number of arguments of a launch, and of their bytes in all. */
enum { STELE_CUDA_ARGS = 64, STELE_CUDA_ARG_BYTES = 4096 };

/*
 * cuModuleLoadDataEx with the logs of the PTX compiler, information and errors: up
 * to size bytes each, as C strings.
 */
HIDDEN CUresult stele_cuda_load(CUmodule *module, const void *image, char *info, char *errors, unsigned size);

#endif
