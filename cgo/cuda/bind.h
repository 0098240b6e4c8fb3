#ifndef STELE_CUDA_BIND_H
#define STELE_CUDA_BIND_H

#include <cuda.h>

/*
 * Hidden: the linker finds these functions for the program's own calls, but
 * the driver library, which is loaded later and has functions of the same
 * names, never ends up in ours.
 */
#define HIDDEN __attribute__((visibility("hidden")))

/* The table of late binding, in forward.c: names, and where each was found. */
extern HIDDEN const int stele_cuda_count;
extern HIDDEN const char *const stele_cuda_symbol[];
extern HIDDEN void *stele_cuda_slot[];

/* What a function without a slot answers. */
extern HIDDEN CUresult stele_cuda_absent;

/*
 * Opens a driver library and fills the slots. Returns NULL, or what dlopen had
 * to say, to be freed by the caller; the slots are then empty.
 */
HIDDEN char *stele_cuda_bind(const char *library);

/* The i-th symbol's name, and whether it was found. */
HIDDEN const char *stele_cuda_name(int i);
HIDDEN int stele_cuda_bound(int i);

/* The driver's own cuInit. */
HIDDEN CUresult stele_cuda_init(void);

/* The UUID of a device: of a MIG slice its own, where the driver knows that. */
HIDDEN CUresult stele_cuda_uuid(CUuuid *uuid, CUdevice device);

/*
 * cuLaunchKernel with arguments of any size: n of them, one after the other in
 * args, size[i] bytes each.
 */
HIDDEN CUresult stele_cuda_launch(CUfunction f, const unsigned *grid, const unsigned *block,
	unsigned shared, CUstream stream, const char *args, const unsigned *size, int n);

/* The most arguments of a launch, and their most bytes in all. */
enum { STELE_CUDA_ARGS = 64, STELE_CUDA_ARG_BYTES = 4096 };

/*
 * cuModuleLoadDataEx with the log of the PTX compiler: up to size bytes each
 * of what it tells and of its errors, as C strings.
 */
HIDDEN CUresult stele_cuda_load(CUmodule *module, const void *image, char *info, char *errors, unsigned size);

#endif
