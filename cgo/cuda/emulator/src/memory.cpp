// Device memory, and pinned host memory. Device addresses are invalid on the host,
// so that a mix-up fails. Fresh memory holds 0xa5, and freed memory is invalid.
#include "emulator.h"

#include <cstring>
#include <sys/mman.h>

static const CUdeviceptr base = 0x0a0000000000, step = 4096;

static char *map(uint64_t size)
{
	void *p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? nullptr : (char *)memset(p, 0xa5, size);
}

char *find(CUcontext ctx, CUdeviceptr at, uint64_t n)
{
	auto m = the.memory.upper_bound(at);
	if (m == the.memory.begin())
		return nullptr;
	--m;
	uint64_t offset = at - m->first;
	if (m->second.ctx != ctx || offset > m->second.size || n > m->second.size - offset)
		return nullptr;
	return m->second.data + offset;
}

bool pinned(const void *p, uint64_t n)
{
	auto m = the.host.upper_bound((char *)p);
	if (m == the.host.begin())
		return false;
	--m;
	uint64_t offset = (char *)p - m->first;
	return offset <= m->second.size && n <= m->second.size - offset;
}

API cuMemAlloc_v2(CUdeviceptr *at, size_t size)
{
	ENTER("cuMemAlloc");
	if (!size)
		return CUDA_ERROR_INVALID_VALUE;
	lock l(the.mutex);
	static CUdeviceptr next = base;
	struct device &d = *current->device;
	if (size > the.capacity - d.used)
		return CUDA_ERROR_OUT_OF_MEMORY;
	char *data = map(size);
	if (!data)
		return CUDA_ERROR_OUT_OF_MEMORY;
	d.used += size;
	the.memory[next] = { current, data, size };
	*at = next;
	next += (size + 2 * step - 1) / step * step; // there is always a gap
	return CUDA_SUCCESS;
}

API cuMemFree_v2(CUdeviceptr at)
{
	ENTER("cuMemFree");
	lock l(the.mutex);
	wait_idle(l, current);
	auto m = the.memory.find(at);
	if (m == the.memory.end() || m->second.ctx != current)
		return CUDA_ERROR_INVALID_VALUE;
	munmap(m->second.data, m->second.size);
	current->device->used -= m->second.size;
	the.memory.erase(m);
	return CUDA_SUCCESS;
}

API cuMemGetInfo_v2(size_t *free, size_t *total)
{
	ENTER("cuMemGetInfo");
	lock l(the.mutex);
	*total = the.capacity;
	*free = the.capacity - current->device->used;
	return CUDA_SUCCESS;
}

API cuMemHostAlloc(void **p, size_t size, unsigned)
{
	ENTER("cuMemHostAlloc");
	if (!size)
		return CUDA_ERROR_INVALID_VALUE;
	lock l(the.mutex);
	char *data = map(size);
	if (!data)
		return CUDA_ERROR_OUT_OF_MEMORY;
	the.host[data] = { current, data, size };
	*p = data;
	return CUDA_SUCCESS;
}

API cuMemFreeHost(void *p)
{
	ENTER("cuMemFreeHost");
	lock l(the.mutex);
	wait_idle(l, current);
	auto m = the.host.find((char *)p);
	if (m == the.host.end())
		return CUDA_ERROR_INVALID_VALUE;
	munmap(m->second.data, m->second.size);
	the.host.erase(m);
	return CUDA_SUCCESS;
}

void destroy(lock &l, CUcontext ctx)
{
	wait_idle(l, ctx);
	the.contexts.erase(ctx);
	ctx->gone = true;
	for (auto m = the.memory.begin(); m != the.memory.end();) {
		if (m->second.ctx != ctx) {
			++m;
			continue;
		}
		munmap(m->second.data, m->second.size);
		ctx->device->used -= m->second.size;
		m = the.memory.erase(m);
	}
	for (auto m = the.host.begin(); m != the.host.end();) {
		if (m->second.ctx != ctx) {
			++m;
			continue;
		}
		munmap(m->second.data, m->second.size);
		m = the.host.erase(m);
	}
	for (CUstream s : the.streams)
		if (s->ctx == ctx)
			s->closed = true; // ends its thread
	for (auto e = the.events.begin(); e != the.events.end();)
		e = (*e)->ctx == ctx ? the.events.erase(e) : std::next(e);
	for (auto s = the.streams.begin(); s != the.streams.end();)
		s = (*s)->ctx == ctx ? the.streams.erase(s) : std::next(s);
	for (auto m = the.modules.begin(); m != the.modules.end();) {
		if ((*m)->ctx != ctx) {
			++m;
			continue;
		}
		for (auto &f : (*m)->functions)
			the.functions.erase(f.second);
		m = the.modules.erase(m);
	}
	the.changed.notify_all();
}
