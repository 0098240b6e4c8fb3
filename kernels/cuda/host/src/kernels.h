/* The kernels, compiled for the host. */
#ifndef STELE_HOST_KERNELS_H
#define STELE_HOST_KERNELS_H

#ifdef __cplusplus
extern "C" {
#endif

struct stele_entry {
	const char *name; /* as in variants.txt */
	const char *kind; /* SCAN, ROLL, VERIFY, LINK, HASH or MERKLE */
	unsigned threads; /* maximal threads per block */
	unsigned params;  /* bytes of the parameter */
	void (*run)(unsigned grid, unsigned block, const void *params);
};

/* Returns the entry with this name, or NULL. */
const struct stele_entry *stele_host_find(const char *name);

enum { STELE_HOST_DONE, STELE_HOST_NO_ENTRY, STELE_HOST_BAD_SHAPE };

/*
 * Runs all threads of a launch one after the other: grid blocks of block threads.
 * The addresses in the parameter are host addresses. Safe for concurrent use.
 */
int stele_host_launch(const char *name, unsigned grid, unsigned block, const void *params);

/* Reports whether a hash of 32 bytes meets the target of nBits, as verify does. */
int stele_host_meets(const unsigned char *hash, unsigned nbits);

#ifdef __cplusplus
}
#endif
#endif
