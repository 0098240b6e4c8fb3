// The kernels of stele.cu for the host. The macro VARIANTS holds the lines of
// variants.txt, each as VARIANT(entry, kind, adds, shifts, rotates, blocks).
#include "../../stele.cu"

#include "kernels.h"

#include <cstring>

thread_local struct place place;

namespace {

// each_thread runs a kernel with independent threads.
template <class P, void (*kernel)(const P &)> void each_thread(unsigned grid, unsigned block, const void *params)
{
	P p;
	memcpy(&p, params, sizeof p);
	for (u32 b = 0; b < grid; b++)
		for (u32 t = 0; t < block; t++) {
			place = { t, b, block, grid };
			kernel(p);
		}
}

// each_tile runs roll: all threads of a block run up to a barrier before the next
// phase begins.
template <class A> void each_tile(unsigned grid, unsigned block, const void *params)
{
	struct roll_params p;
	memcpy(&p, params, sizeof p);
	A a = { p.moved };
	struct schedule tile[TILE];
	for (u32 b = 0; b < grid; b++)
		for (u32 i = 0; i < p.rounds; i++) {
			place = { 0, b, block, grid };
			u64 base = roll_base(i);
			if (base >= p.count)
				break;
			u32 first = p.first + (u32)base, count = p.count - base < TILE ? (u32)(p.count - base) : TILE;
			memset(tile, 0xa5, sizeof tile); // reveals a schedule that was not written
			for (place.thread = 0; place.thread < block; place.thread++)
				roll_fill(a, p, first, tile);
			for (place.thread = 0; place.thread < block; place.thread++)
				roll_hash(a, p, first, count, tile, ((const struct version *)p.version)[place.thread]);
		}
}

// each_tree runs merkle: all threads of a block finish a level before the next one
// begins.
template <class A> void each_tree(unsigned grid, unsigned block, const void *params)
{
	struct merkle_params p;
	memcpy(&p, params, sizeof p);
	A a = { p.moved };
	for (u64 i = 0; i < p.count; i++) {
		struct tree tree = ((const struct tree *)p.trees)[i];
		u64 nodes = p.hashes + 32ull * tree.first, parents = p.nodes + 32ull * tree.nodes;
		bool mutated[128] = {};
		place = { 0, (u32)(i % grid), block, grid };
		for (u32 n = tree.count; n > 1; n = (n + 1) / 2) {
			memset((void *)parents, 0xa5, 32ull * ((n + 1) / 2)); // reveals a node that was not written
			for (place.thread = 0; place.thread < block; place.thread++)
				mutated[place.thread] |= merkle_parents(a, nodes, n, parents);
			nodes = parents;
			parents += 32ull * ((n + 1) / 2);
		}
		for (place.thread = 0; place.thread < block; place.thread++)
			merkle_finish(p, i, nodes, mutated[place.thread]);
	}
}

#define RUN_SCAN(...) 256, sizeof(scan_params), each_thread<scan_params, scan<arithmetic<__VA_ARGS__>>>
#define RUN_ROLL(...) 128, sizeof(roll_params), each_tile<arithmetic<__VA_ARGS__>>
#define RUN_VERIFY(...) 128, sizeof(verify_params), each_thread<verify_params, verify_headers<arithmetic<__VA_ARGS__>>>
#define RUN_LINK(...) 256, sizeof(verify_params), each_thread<verify_params, link_headers>
#define RUN_HASH(...) 128, sizeof(hash_params), each_thread<hash_params, hash_messages<arithmetic<__VA_ARGS__>>>
#define RUN_MERKLE(...) 128, sizeof(merkle_params), each_tree<arithmetic<__VA_ARGS__>>

#define VARIANT(entry, kind, adds, shifts, rotates, blocks) { #entry, #kind, RUN_##kind(adds, shifts, rotates) },
const struct stele_entry entries[] = { VARIANTS };

} // namespace

const struct stele_entry *stele_host_find(const char *name)
{
	for (const struct stele_entry &e : entries)
		if (strcmp(e.name, name) == 0)
			return &e;
	return nullptr;
}

int stele_host_launch(const char *name, unsigned grid, unsigned block, const void *params)
{
	const struct stele_entry *e = stele_host_find(name);
	if (!e)
		return STELE_HOST_NO_ENTRY;
	if (grid == 0 || block == 0 || block > e->threads)
		return STELE_HOST_BAD_SHAPE;
	e->run(grid, block, params);
	return STELE_HOST_DONE;
}

int stele_host_meets(const unsigned char *hash, unsigned nbits)
{
	u32 digest[8];
	memcpy(digest, hash, sizeof digest);
	for (u32 &w : digest)
		w = swap_bytes(w);
	return meets(digest, nbits);
}
