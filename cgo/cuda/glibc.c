//go:build linux && cuda && cgo

/*
 * The program runs on glibc 2.28 and newer, whatever version the compiler has.
 *
 * glibc 2.32 to 2.34 moved the functions of libpthread, libdl and libresolv into
 * libc and gave them new symbol versions. A program linked against a newer glibc
 * requires these versions and does not start on an older one, although the
 * functions are unchanged. So the program defines functions with these names,
 * which the linker prefers, and each calls the oldest version.
 * See docs/decisions/glibc.md; binary_test.go fails if one is missing here.
 */

#define _GNU_SOURCE
#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define VERSION(x86_64) "GLIBC_" x86_64
#elif defined(__GLIBC__) && defined(__aarch64__)
#define VERSION(x86_64) "GLIBC_2.17" /* the first glibc for it */
#endif

#ifdef VERSION

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "bind.h"

/* OLD defines a function that calls a version of the library's. */
#define OLD(result, name, symbol, version, params, args)                  \
	extern __typeof__(name) old_##name;                               \
	__asm__(".symver old_" #name "," symbol "@" VERSION(version));    \
	HIDDEN result name params { return old_##name args; }

OLD(void *, dlopen, "dlopen", "2.2.5", (const char *name, int mode), (name, mode))
OLD(void *, dlsym, "dlsym", "2.2.5", (void *library, const char *name), (library, name))
OLD(int, dlclose, "dlclose", "2.2.5", (void *library), (library))
OLD(char *, dlerror, "dlerror", "2.2.5", (void), ())
OLD(int, dlinfo, "dlinfo", "2.3.3", (void *library, int request, void *value), (library, request, value))

OLD(int, pthread_create, "pthread_create", "2.2.5",
	(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg), (thread, attr, start, arg))
OLD(int, pthread_join, "pthread_join", "2.2.5", (pthread_t thread, void **result), (thread, result))
OLD(int, pthread_detach, "pthread_detach", "2.2.5", (pthread_t thread), (thread))
OLD(int, pthread_getattr_np, "pthread_getattr_np", "2.2.5", (pthread_t thread, pthread_attr_t *attr), (thread, attr))
OLD(int, pthread_attr_getstack, "pthread_attr_getstack", "2.2.5",
	(const pthread_attr_t *attr, void **address, size_t *size), (attr, address, size))
OLD(int, pthread_attr_getstacksize, "pthread_attr_getstacksize", "2.2.5",
	(const pthread_attr_t *attr, size_t *size), (attr, size))
OLD(int, pthread_key_create, "pthread_key_create", "2.2.5", (pthread_key_t *key, void (*destroy)(void *)), (key, destroy))
OLD(int, pthread_setspecific, "pthread_setspecific", "2.2.5", (pthread_key_t key, const void *value), (key, value))
OLD(int, pthread_sigmask, "pthread_sigmask", "2.2.5", (int how, const sigset_t *set, sigset_t *old), (how, set, old))

/* The cgo resolver of Go's package net. */
int res_search(const char *name, int class, int type, unsigned char *answer, int size);
OLD(int, res_search, "__res_search", "2.2.5",
	(const char *name, int class, int type, unsigned char *answer, int size), (name, class, type, answer, size))

/*
 * What the program begins with. Since 2.34 glibc calls the constructors of a
 * program itself; an older one has that done by a function of the program, which
 * the compiler's start files no longer bring.
 */
typedef int start_main(int, char **, char **);
extern HIDDEN start_main *__init_array_start[], *__init_array_end[];

static int construct(int argc, char **argv, char **env)
{
	for (start_main **f = __init_array_start; f < __init_array_end; f++) {
		(*f)(argc, argv, env);
	}
	return 0;
}

int __libc_start_main(start_main *main, int argc, char **argv, start_main *init,
	void (*fini)(void), void (*unload)(void), void *stack);
OLD(int, __libc_start_main, "__libc_start_main", "2.2.5",
	(start_main *main, int argc, char **argv, start_main *init, void (*fini)(void), void (*unload)(void), void *stack),
	(main, argc, argv, init ? init : construct, fini, unload, stack))

#endif
