// The few CUDA words that the kernels in this folder use, so that clang needs
// no CUDA headers. The .ptx files are made, in this folder, by
//
//	clang-16 -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch=sm_75 -O3 -std=c++17 -S -o NAME.ptx NAME.cu
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __inline static inline __attribute__((device, always_inline))
#define THREAD __nvvm_read_ptx_sreg_tid_x()
#define BLOCK __nvvm_read_ptx_sreg_ctaid_x()
#define WIDTH __nvvm_read_ptx_sreg_ntid_x()
__inline void BARRIER() { asm volatile("bar.sync 0;" : : : "memory"); }
struct alignas(16) quad { u32 x, y, z, w; };
struct alignas(8) pair { u32 x, y; };
