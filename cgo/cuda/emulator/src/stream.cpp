// Streams, events, and queued work. A stream has a thread of its own, so streams
// run concurrently, and a call returns before its work is done.
#include "emulator.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "../../../../kernels/cuda/abi.h"

namespace {

// work is the thread of a stream.
void work(CUstream s)
{
	lock l(the.mutex);
	for (;;) {
		the.changed.wait(l, [&] { return s->closed || !s->queue.empty(); });
		if (s->queue.empty())
			return; // a closed stream finishes its queue
		std::function<CUresult()> item = std::move(s->queue.front());
		s->queue.pop_front();
		if (!s->ctx->error) {
			l.unlock();
			CUresult r = item();
			l.lock();
			if (r)
				fail(s->ctx, r);
		}
		s->busy--;
		s->ctx->busy--;
		the.changed.notify_all();
	}
}

// push queues an item.
CUresult push(CUstream s, std::function<CUresult()> item)
{
	lock l(the.mutex);
	if (!the.streams.count(s) || s->ctx != current || s->closed)
		return CUDA_ERROR_INVALID_HANDLE;
	s->queue.push_back(std::move(item));
	s->busy++;
	s->ctx->busy++;
	the.changed.notify_all();
	return CUDA_SUCCESS;
}

// start applies the faults that are the same for all kinds of work.
CUresult start(const struct fault &f, CUcontext ctx)
{
	switch (f.kind) {
	case fault::hang:
	case fault::slow:
		sleep_ms(f.ms);
		break;
	case fault::lost:
		lose(*ctx->device, f.ms);
		return CUDA_ERROR_UNKNOWN;
	case fault::code:
		return f.result;
	default:
		break;
	}
	return CUDA_SUCCESS;
}

// place replaces a device address in the parameter of a kernel by the host address,
// and checks the memory that the kernel will access.
struct places {
	CUcontext ctx;
	CUresult error = CUDA_SUCCESS;

	char *operator()(u64 &at, u64 n, u64 align)
	{
		if (at % align && !error)
			error = CUDA_ERROR_MISALIGNED_ADDRESS;
		char *p = find(ctx, at, n);
		if (!p && !error)
			error = CUDA_ERROR_ILLEGAL_ADDRESS;
		at = (u64)p;
		return p;
	}

	struct hits *hits(u64 &at, u64 words)
	{
		u64 device = at;
		struct hits *h = (struct hits *)(*this)(at, 8, 4);
		if (h)
			h = (struct hits *)(*this)(at = device, 8 + 4 * words * h->capacity, 4);
		return h;
	}
};

// spoil adds a hit to the result of a search, or removes one.
void spoil(struct hits *h, u32 words, u32 first, fault::what how)
{
	if (how == fault::lost_hit && h->count)
		h->count--;
	if (how != fault::wrong_hit || h->count >= h->capacity)
		return;
	u32 nonce = first;
	for (u32 i = 0; i < h->count; i++) // a nonce that is no hit
		if (h->nonce[i * words] == nonce)
			nonce++, i = -1;
	h->nonce[h->count * words] = nonce;
	if (words == 2)
		h->nonce[h->count * words + 1] = 0;
	h->count++;
}

// spoil_hashes changes the first hash or root that a kernel writes, or leaves out the
// last one.
void spoil_hashes(char *first, char *last, fault::what how)
{
	if (how == fault::wrong_hit)
		first[0] ^= 1;
	if (how == fault::lost_hit)
		memset(last, 0xa5, 32);
}

// hash_places replaces the addresses in the parameter of hash. It returns what spoils the
// result.
std::function<void(fault::what)> hash_places(places &place, struct hash_params *p)
{
	struct message *m = (struct message *)place(p->messages, sizeof *m * p->count, 16);
	if (!m)
		return [](fault::what) {};
	u64 end = 0, hashes = 0;
	for (u64 i = 0; i < p->count; i++) {
		for (int j = 0; j < 3; j++)
			if (m[i].size[j])
				end = std::max(end, (u64)m[i].at[j] + m[i].size[j]);
		hashes = std::max(hashes, (u64)std::max(m[i].hash, m[i].copy) + 1);
	}
	if (end)
		place(p->data, (end + 3) / 4 * 4, 4);
	char *out = place(p->hashes, 32 * hashes, 16);
	u64 last = p->count - 1;
	return [=](fault::what how) { spoil_hashes(out + 32 * m[0].hash, out + 32 * m[last].hash, how); };
}

// merkle_places is hash_places for merkle.
std::function<void(fault::what)> merkle_places(places &place, struct merkle_params *p)
{
	struct tree *t = (struct tree *)place(p->trees, sizeof *t * p->count, 16);
	if (!t)
		return [](fault::what) {};
	u64 hashes = 0, nodes = 0;
	for (u64 i = 0; i < p->count; i++) {
		u64 end = t[i].nodes;
		for (u64 n = t[i].count; n > 1;)
			end += n = (n + 1) / 2;
		hashes = std::max(hashes, (u64)t[i].first + t[i].count);
		if (end > t[i].nodes)
			nodes = std::max(nodes, end);
	}
	place(p->hashes, 32 * hashes, 16);
	if (nodes)
		place(p->nodes, 32 * nodes, 16);
	char *roots = place(p->roots, 32 * p->count, 16);
	place(p->mutated, (p->count + 31) / 32 * 4, 4);
	u64 last = p->count - 1;
	return [=](fault::what how) { spoil_hashes(roots, roots + 32 * last, how); };
}

// run is a launch.
CUresult run(CUcontext ctx, const struct stele_entry *e, unsigned grid, unsigned block, std::string params)
{
	struct fault f = next_fault("kernel", ctx->device->ordinal);
	if (CUresult r = start(f, ctx))
		return r;
	places place{ ctx };
	std::string kind = e->kind;
	std::function<void()> spoiled = [] {};
	{
		lock l(the.mutex);
		if (kind == "SCAN") {
			struct scan_params *p = (struct scan_params *)&params[0];
			struct hits *h = place.hits(p->hits, 1);
			spoiled = [=] { spoil(h, 1, p->first, f.kind); };
		} else if (kind == "ROLL") {
			struct roll_params *p = (struct roll_params *)&params[0];
			place(p->version, 64ull * block, 4);
			struct hits *h = place.hits(p->hits, 2);
			spoiled = [=] { spoil(h, 2, p->first, f.kind); };
		} else if (kind == "HASH") {
			struct hash_params *p = (struct hash_params *)&params[0];
			if (p->count)
				spoiled = [spoil = hash_places(place, p), how = f.kind] { spoil(how); };
		} else if (kind == "MERKLE") {
			struct merkle_params *p = (struct merkle_params *)&params[0];
			if (p->count)
				spoiled = [spoil = merkle_places(place, p), how = f.kind] { spoil(how); };
		} else {
			struct verify_params *p = (struct verify_params *)&params[0];
			if (p->count) {
				place(p->headers, 80 * p->count, 16);
				if (p->hashes || kind == "LINK")
					place(p->hashes, 32 * p->count, 16);
				u32 *bad = (u32 *)place(p->bad, (p->count + 31) / 32 * 4, 4);
				u64 n = (p->count + 31) / 32;
				spoiled = [=] {
					if (f.kind == fault::wrong_hit)
						bad[0] |= 1;
					if (f.kind == fault::lost_hit)
						memset(bad, 0, 4 * n);
				};
			}
		}
	}
	if (place.error)
		return place.error;
	if (stele_host_launch(e->name, grid, block, params.data()))
		return CUDA_ERROR_LAUNCH_FAILED;
	if (f.kind == fault::wrong_hit || f.kind == fault::lost_hit)
		spoiled();
	return CUDA_SUCCESS;
}

} // namespace

void wait_idle(lock &l, CUcontext ctx)
{
	the.changed.wait(l, [&] { return ctx->busy == 0; });
}

API cuStreamCreate(CUstream *stream, unsigned)
{
	ENTER("cuStreamCreate");
	lock l(the.mutex);
	CUstream s = new CUstream_st;
	s->ctx = current;
	the.streams.insert(s);
	std::thread(work, s).detach();
	*stream = s;
	return CUDA_SUCCESS;
}

API cuStreamDestroy_v2(CUstream s)
{
	ENTER("cuStreamDestroy");
	lock l(the.mutex);
	if (!the.streams.erase(s))
		return CUDA_ERROR_INVALID_HANDLE;
	s->closed = true;
	the.changed.notify_all();
	return CUDA_SUCCESS;
}

API cuStreamQuery(CUstream s)
{
	ENTER("cuStreamQuery");
	lock l(the.mutex);
	if (!the.streams.count(s))
		return CUDA_ERROR_INVALID_HANDLE;
	return s->busy ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

API cuStreamSynchronize(CUstream s)
{
	ENTER("cuStreamSynchronize");
	lock l(the.mutex);
	if (!the.streams.count(s))
		return CUDA_ERROR_INVALID_HANDLE;
	the.changed.wait(l, [&] { return s->busy == 0 || s->ctx->error; });
	return s->ctx->error;
}

API cuStreamWaitEvent(CUstream s, CUevent e, unsigned)
{
	ENTER("cuStreamWaitEvent");
	uint64_t count;
	{
		lock l(the.mutex);
		if (!the.events.count(e))
			return CUDA_ERROR_INVALID_HANDLE;
		count = e->recorded;
	}
	return push(s, [=] {
		lock l(the.mutex);
		the.changed.wait(l, [&] { return e->done >= count || e->ctx->error; });
		return CUDA_SUCCESS;
	});
}

API cuEventCreate(CUevent *event, unsigned flags)
{
	ENTER("cuEventCreate");
	lock l(the.mutex);
	CUevent e = new CUevent_st{ current, flags, 0, 0, {} };
	the.events.insert(e);
	*event = e;
	return CUDA_SUCCESS;
}

API cuEventDestroy_v2(CUevent e)
{
	ENTER("cuEventDestroy");
	lock l(the.mutex);
	return the.events.erase(e) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

API cuEventRecord(CUevent e, CUstream s)
{
	ENTER("cuEventRecord");
	uint64_t count;
	{
		lock l(the.mutex);
		if (!the.events.count(e) || !the.streams.count(s) || e->ctx != s->ctx)
			return CUDA_ERROR_INVALID_HANDLE;
		count = ++e->recorded;
	}
	return push(s, [=] {
		lock l(the.mutex);
		e->done = count;
		e->time = clock_type::now();
		return CUDA_SUCCESS;
	});
}

API cuEventQuery(CUevent e)
{
	ENTER("cuEventQuery");
	lock l(the.mutex);
	if (!the.events.count(e))
		return CUDA_ERROR_INVALID_HANDLE;
	return e->done >= e->recorded ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

API cuEventSynchronize(CUevent e)
{
	ENTER("cuEventSynchronize");
	lock l(the.mutex);
	if (!the.events.count(e))
		return CUDA_ERROR_INVALID_HANDLE;
	uint64_t count = e->recorded;
	the.changed.wait(l, [&] { return e->done >= count || e->ctx->error; });
	return e->ctx->error;
}

API cuEventElapsedTime(float *ms, CUevent a, CUevent b)
{
	ENTER("cuEventElapsedTime");
	lock l(the.mutex);
	for (CUevent e : { a, b }) {
		if (!the.events.count(e) || !e->recorded || e->flags & CU_EVENT_DISABLE_TIMING)
			return CUDA_ERROR_INVALID_HANDLE;
		if (e->done < e->recorded)
			return CUDA_ERROR_NOT_READY;
	}
	*ms = std::chrono::duration<float, std::milli>(b->time - a->time).count();
	return CUDA_SUCCESS;
}

// copy queues an operation on n bytes of device memory.
static CUresult copy(CUstream s, CUdeviceptr at, size_t n, std::function<void(char *)> operation)
{
	CUcontext ctx = current;
	{
		lock l(the.mutex);
		if (!find(ctx, at, n))
			return CUDA_ERROR_INVALID_VALUE;
	}
	return push(s, [=] {
		if (CUresult r = start(next_fault("copy", ctx->device->ordinal), ctx))
			return r;
		char *p;
		{
			lock l(the.mutex);
			p = find(ctx, at, n);
		}
		if (!p)
			return CUDA_ERROR_ILLEGAL_ADDRESS;
		operation(p);
		return CUDA_SUCCESS;
	});
}

// A real driver also accepts pageable memory, but then the copy is not
// asynchronous, or the memory may be freed too early: here it is an error.
static bool is_pinned(const void *p, size_t n)
{
	lock l(the.mutex);
	return pinned(p, n);
}

API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n, CUstream s)
{
	ENTER("cuMemcpyHtoDAsync");
	if (!is_pinned(from, n))
		return CUDA_ERROR_INVALID_VALUE;
	return copy(s, to, n, [=](char *p) { memcpy(p, from, n); });
}

API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream s)
{
	ENTER("cuMemcpyDtoHAsync");
	if (!is_pinned(to, n))
		return CUDA_ERROR_INVALID_VALUE;
	return copy(s, from, n, [=](char *p) { memcpy(to, p, n); });
}

API cuMemsetD8Async(CUdeviceptr at, unsigned char value, size_t n, CUstream s)
{
	ENTER("cuMemsetD8Async");
	return copy(s, at, n, [=](char *p) { memset(p, value, n); });
}

API cuMemsetD32Async(CUdeviceptr at, unsigned value, size_t n, CUstream s)
{
	ENTER("cuMemsetD32Async");
	if (at % 4)
		return CUDA_ERROR_INVALID_VALUE;
	return copy(s, at, 4 * n, [=](char *p) {
		for (size_t i = 0; i < n; i++)
			memcpy(p + 4 * i, &value, 4);
	});
}

API cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
	unsigned shared, CUstream s, void **params, void **extra)
{
	ENTER("cuLaunchKernel");
	const struct stele_entry *e;
	CUcontext ctx = current;
	{
		lock l(the.mutex);
		if (!the.functions.count(f) || f->module->ctx != ctx)
			return CUDA_ERROR_INVALID_HANDLE;
		e = f->entry;
	}
	if (!gx || !bx || gx > 0x7fffffff || bx > 1024 || !params || !params[0] || extra || shared > 49152)
		return CUDA_ERROR_INVALID_VALUE;
	if (gy != 1 || gz != 1 || by != 1 || bz != 1)
		return CUDA_ERROR_INVALID_VALUE; // the kernels have one dimension
	if (bx > e->threads)
		return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
	std::string copied((const char *)params[0], e->params);
	return push(s, [=] { return run(ctx, e, gx, bx, copied); });
}
