// Modules. PTX is not compiled: the entries that a text declares are looked up
// among the kernels linked into this library.
#include "emulator.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

// log writes into the buffers of the compiler log.
struct log {
	char *text[2] = {};
	size_t size[2] = {};

	log(unsigned n, CUjit_option *option, void **value)
	{
		for (unsigned i = 0; i < n; i++)
			switch (option[i]) {
			case CU_JIT_INFO_LOG_BUFFER: text[0] = (char *)value[i]; break;
			case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: size[0] = (uintptr_t)value[i]; break;
			case CU_JIT_ERROR_LOG_BUFFER: text[1] = (char *)value[i]; break;
			case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: size[1] = (uintptr_t)value[i]; break;
			default: break;
			}
		for (int i = 0; i < 2; i++)
			if (text[i] && size[i])
				text[i][0] = 0;
	}

	void write(int which, const char *format, ...) __attribute__((format(printf, 3, 4)))
	{
		va_list args;
		va_start(args, format);
		if (text[which])
			vsnprintf(text[which], size[which], format, args);
		va_end(args);
	}
};

// line returns the line number of a position in a text.
int line(const char *text, const char *place)
{
	int n = 1;
	for (; text < place; text++)
		n += *text == '\n';
	return n;
}

// directive returns the number after a word such as .version.
const char *directive(const char *text, const char *word)
{
	const char *p = strstr(text, word);
	return p ? p + strlen(word) : nullptr;
}

CUresult load(CUmodule *module, const char *image, log &log)
{
	if (memcmp(image, "\177ELF", 4) == 0)
		return CUDA_ERROR_INVALID_IMAGE; // a cubin, which cannot run here
	const char *v = directive(image, ".version"), *t = directive(image, ".target"), *end = image + strlen(image);
	int major, minor, target;
	if (!v || sscanf(v, " %d.%d", &major, &minor) != 2 || !t || sscanf(t, " sm_%d", &target) != 1) {
		log.write(1, "ptxas application ptx input, line 1; fatal   : Missing .version directive at start of file");
		return CUDA_ERROR_INVALID_PTX;
	}
	if (10 * major + minor > 10 * (the.version / 1000 - 4) + the.version % 1000 / 10) {
		log.write(1, "ptxas application ptx input, line %d; fatal   : Unsupported .version %d.%d; current version is '%d.%d'",
			line(image, v), major, minor, the.version / 1000 - 4, the.version % 1000 / 10);
		return UNSUPPORTED_PTX_VERSION;
	}
	if (target > 10 * the.major + the.minor)
		return CUDA_ERROR_NO_BINARY_FOR_GPU;
	int depth = 0;
	for (const char *p = image; *p; p++)
		if ((depth += (*p == '{') - (*p == '}')) < 0)
			break;
	if (depth) {
		log.write(1, "ptxas application ptx input, line %d; fatal   : Parsing error near '': syntax error", line(image, end));
		return CUDA_ERROR_INVALID_PTX;
	}
	std::map<std::string, CUfunction> functions;
	CUmodule m = new CUmodule_st{ current, {} };
	for (const char *p = image; (p = directive(p, ".entry"));) {
		char name[64];
		unsigned size;
		// the one parameter is a struct
		if (sscanf(p, " %63[A-Za-z0-9_] ( .param .align %*u .b8 %*[A-Za-z0-9_] [ %u ]", name, &size) != 2)
			size = 0;
		const struct stele_entry *e = size ? stele_host_find(name) : nullptr;
		if (!e || e->params != size) {
			log.write(1, "ptxas application ptx input, line %d; error   : the emulated driver has no such kernel", line(image, p));
			return CUDA_ERROR_INVALID_PTX;
		}
		functions[name] = new CUfunction_st{ m, e };
	}
	if (functions.empty()) {
		log.write(1, "ptxas application ptx input, line %d; fatal   : no entry", line(image, end));
		return CUDA_ERROR_INVALID_PTX;
	}
	log.write(0, "ptxas info    : %d entries, not compiled: the driver is emulated", (int)functions.size());
	m->functions = functions;
	the.modules.insert(m);
	for (auto &f : functions)
		the.functions.insert(f.second);
	*module = m;
	return CUDA_SUCCESS;
}

// The resources of a GPU by compute capability. Shared memory and cache share the
// on-chip memory of an SM in one of a few ways.
struct limits {
	int capability;           // and higher
	int threads, blocks;      // of an SM
	int reserved;             // bytes of shared memory of a block that the system takes
	std::vector<int> shared;  // possible kilobytes of shared memory of an SM
};
const limits all_limits[] = {
	{ 120, 1536, 24, 1024, { 0, 8, 16, 32, 64, 100 } },
	{ 90, 2048, 32, 1024, { 0, 8, 16, 32, 64, 100, 132, 164, 196, 228 } },
	{ 89, 1536, 24, 1024, { 0, 8, 16, 32, 64, 100 } },
	{ 86, 1536, 16, 1024, { 0, 8, 16, 32, 64, 100 } },
	{ 80, 2048, 32, 1024, { 0, 8, 16, 32, 64, 100, 132, 164 } },
	{ 0, 1024, 16, 0, { 32, 64 } },
};

const limits &limits_of(int capability)
{
	const limits *l = all_limits;
	while (capability < l->capability)
		l++;
	return *l;
}

// Registers with ptxas 11.8 for sm_90.
int registers(const struct stele_entry *e)
{
	std::string kind = e->kind;
	return kind == "SCAN" ? 55 : kind == "ROLL" ? 80 : kind == "HASH" ? 66 : kind == "MERKLE" ? 61 : 72;
}

int shared(const struct stele_entry *e) { return strcmp(e->kind, "ROLL") ? 0 : 13312; }

// occupancy returns how many blocks an SM holds. Without a preferred carve-out the
// SM has the smallest shared memory in which one block fits.
int occupancy(const CUfunction_st *f, int threads, int dynamic)
{
	const limits &l = limits_of(10 * the.major + the.minor);
	int warps = (threads + 31) / 32;
	int for_warp = (registers(f->entry) + 7) / 8 * 8 * 32; // allocated in units of 256 per warp
	int blocks = std::min({ l.blocks, l.threads / (32 * warps), 65536 / for_warp / 4 * 4 / warps });
	int need = shared(f->entry) + dynamic;
	if (!need)
		return blocks;
	need += l.reserved;
	int wanted = f->carveout < 0 ? need : std::max(need, l.shared.back() * 1024 / 100 * f->carveout);
	int have = l.shared.back() * 1024;
	for (auto size = l.shared.rbegin(); size != l.shared.rend() && *size * 1024 >= wanted; ++size)
		have = *size * 1024;
	return std::min(blocks, have / need);
}

} // namespace

int threads_per_sm() { return limits_of(10 * the.major + the.minor).threads; }

API cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned n, CUjit_option *option, void **value)
{
	ENTER("cuModuleLoadDataEx");
	lock l(the.mutex);
	log log(n, option, value);
	return load(module, (const char *)image, log);
}

API cuModuleLoadData(CUmodule *module, const void *image)
{
	ENTER("cuModuleLoadData");
	lock l(the.mutex);
	log log(0, nullptr, nullptr);
	return load(module, (const char *)image, log);
}

API cuModuleUnload(CUmodule module)
{
	ENTER("cuModuleUnload");
	lock l(the.mutex);
	wait_idle(l, current);
	if (!the.modules.erase(module))
		return CUDA_ERROR_INVALID_HANDLE;
	for (auto &f : module->functions)
		the.functions.erase(f.second);
	return CUDA_SUCCESS;
}

API cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
	ENTER("cuModuleGetFunction");
	lock l(the.mutex);
	if (!the.modules.count(module))
		return CUDA_ERROR_INVALID_HANDLE;
	auto f = module->functions.find(name);
	if (f == module->functions.end())
		return CUDA_ERROR_NOT_FOUND;
	*function = f->second;
	return CUDA_SUCCESS;
}

API cuFuncGetAttribute(int *value, CUfunction_attribute a, CUfunction f)
{
	ENTER("cuFuncGetAttribute");
	lock l(the.mutex);
	if (!the.functions.count(f))
		return CUDA_ERROR_INVALID_HANDLE;
	switch (a) {
	case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = f->entry->threads; break;
	case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = shared(f->entry); break;
	case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = registers(f->entry); break;
	case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = f->carveout; break;
	case CU_FUNC_ATTRIBUTE_PTX_VERSION: *value = 63; break;
	case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 10 * the.major + the.minor; break;
	default: *value = 0;
	}
	return CUDA_SUCCESS;
}

API cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value)
{
	ENTER("cuFuncSetAttribute");
	lock l(the.mutex);
	if (!the.functions.count(f))
		return CUDA_ERROR_INVALID_HANDLE;
	if (a != CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT || value < -1 || value > 100)
		return CUDA_ERROR_INVALID_VALUE;
	f->carveout = value;
	return CUDA_SUCCESS;
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction f, int threads, size_t dynamic)
{
	ENTER("cuOccupancyMaxActiveBlocksPerMultiprocessor");
	lock l(the.mutex);
	if (!the.functions.count(f))
		return CUDA_ERROR_INVALID_HANDLE;
	if (threads <= 0)
		return CUDA_ERROR_INVALID_VALUE;
	*blocks = threads > (int)f->entry->threads ? 0 : occupancy(f, threads, dynamic);
	return CUDA_SUCCESS;
}
