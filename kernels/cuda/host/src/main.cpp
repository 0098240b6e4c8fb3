// Runs kernels on request, for tests that are not linked with them. Requests
// come on standard input, answers go to standard output; numbers are
// little-endian words of 32 bits.
//
// Request:  name (length, bytes), grid, block, parameter (length, bytes),
//           number of buffers, and for each: where in the parameter its address
//           belongs, contents (length, bytes).
// Answer:   result of stele_host_launch (100: a request that makes no sense),
//           then the contents of the buffers.
//
// With the argument "layout" it prints the places of what abi.h declares. With
// "meets" it reads hashes, 32 bytes each with the nBits behind, and answers
// with a byte for each.
#include "kernels.h"

#include "../../abi.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>

namespace {

// get reads n bytes; the end of the input is the end of the program.
void get(void *p, size_t n)
{
	if (n && fread(p, 1, n, stdin) != n)
		exit(0);
}

unsigned word()
{
	unsigned v;
	get(&v, sizeof v);
	return v;
}

std::string text()
{
	std::string s(word(), 0);
	get(&s[0], s.size());
	return s;
}

// buffer is memory that ends where no memory is: to read or write beyond it
// ends the program.
struct buffer {
	unsigned where, size;
	char *data;

	size_t pages() const { return (size + 4095ul) / 4096 * 4096; }

	void map()
	{
		void *p = mmap(nullptr, pages() + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED || mprotect((char *)p + pages(), 4096, PROT_NONE)) {
			perror("memory for a kernel");
			exit(1);
		}
		data = (char *)p + pages() - size;
	}
	void unmap() { munmap(data + size - pages(), pages() + 4096); }
};

unsigned launch(const std::string &name, unsigned grid, unsigned block, std::string &params, const std::vector<buffer> &buffers)
{
	const struct stele_entry *e = stele_host_find(name.c_str());
	if (!e)
		return STELE_HOST_NO_ENTRY;
	if (params.size() != e->params)
		return 100;
	for (const buffer &b : buffers) {
		if (b.where + sizeof b.data > params.size())
			return 100;
		memcpy(&params[b.where], &b.data, sizeof b.data);
	}
	return stele_host_launch(name.c_str(), grid, block, params.data());
}

#define SIZE(type) printf(#type " %zu\n", sizeof(struct type))
#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(struct type, field))

void layout()
{
	SIZE(scan_params);
	FIELD(scan_params, job.mid);
	FIELD(scan_params, job.top);
	FIELD(scan_params, moved.one);
	FIELD(scan_params, moved.mask);
	FIELD(scan_params, first);
	FIELD(scan_params, rounds);
	FIELD(scan_params, count);
	FIELD(scan_params, hits);
	SIZE(roll_params);
	FIELD(roll_params, moved.one);
	FIELD(roll_params, moved.mask);
	FIELD(roll_params, w);
	FIELD(roll_params, top);
	FIELD(roll_params, version);
	FIELD(roll_params, first);
	FIELD(roll_params, rounds);
	FIELD(roll_params, count);
	FIELD(roll_params, hits);
	SIZE(version);
	FIELD(version, mid);
	FIELD(version, s3);
	SIZE(verify_params);
	FIELD(verify_params, moved.one);
	FIELD(verify_params, headers);
	FIELD(verify_params, hashes);
	FIELD(verify_params, bad);
	FIELD(verify_params, count);
	SIZE(message);
	FIELD(message, at);
	FIELD(message, size);
	FIELD(message, hash);
	FIELD(message, copy);
	SIZE(hash_params);
	FIELD(hash_params, moved.one);
	FIELD(hash_params, data);
	FIELD(hash_params, messages);
	FIELD(hash_params, hashes);
	FIELD(hash_params, count);
	SIZE(tree);
	FIELD(tree, first);
	FIELD(tree, count);
	FIELD(tree, nodes);
	SIZE(merkle_params);
	FIELD(merkle_params, moved.one);
	FIELD(merkle_params, hashes);
	FIELD(merkle_params, trees);
	FIELD(merkle_params, nodes);
	FIELD(merkle_params, roots);
	FIELD(merkle_params, mutated);
	FIELD(merkle_params, count);
	FIELD(hits, count);
	FIELD(hits, capacity);
	FIELD(hits, nonce);
}

void meets()
{
	for (;;) {
		unsigned char hash[32];
		get(hash, sizeof hash);
		putchar(stele_host_meets(hash, word()));
	}
}

} // namespace

int main(int argc, char **argv)
{
	std::string mode = argc > 1 ? argv[1] : "";
	if (mode == "layout")
		return layout(), 0;
	if (mode == "meets")
		meets();
	for (;;) {
		std::string name = text();
		unsigned grid = word(), block = word();
		std::string params = text();
		std::vector<buffer> buffers(word());
		for (buffer &b : buffers) {
			b.where = word();
			b.size = word();
			b.map();
			get(b.data, b.size);
		}
		unsigned result = launch(name, grid, block, params, buffers);
		fwrite(&result, sizeof result, 1, stdout);
		for (buffer &b : buffers) {
			fwrite(b.data, 1, b.size, stdout);
			b.unmap();
		}
		fflush(stdout);
	}
}
