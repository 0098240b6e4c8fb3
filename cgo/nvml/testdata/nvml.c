/*
 * An NVML for tests: one GPU, which has every name that begins with GPU-, and a
 * slice of it, MIG-1. Only the GPU has sensors, and of those some.
 */
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6 };

struct device { int slice; };
static struct device gpu, slice = { 1 };

int nvmlInit_v2(void) { return SUCCESS; }

const char *nvmlErrorString(int code) { return code == NOT_FOUND ? "Not Found" : "another error"; }

int nvmlDeviceGetHandleByUUID(const char *uuid, struct device **d)
{
	*d = strncmp(uuid, "GPU-", 4) == 0 ? &gpu : strcmp(uuid, "MIG-1") == 0 ? &slice : NULL;
	return *d ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(struct device *d, struct device **parent)
{
	*parent = &gpu;
	return d->slice ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetTemperature(struct device *d, int sensor, unsigned *celsius)
{
	*celsius = 61;
	return d->slice || sensor ? INVALID_ARGUMENT : SUCCESS;
}

int nvmlDeviceGetClockInfo(struct device *d, int kind, unsigned *mhz)
{
	*mhz = kind == 1 ? 1755 : 2619;
	return d->slice ? INVALID_ARGUMENT : SUCCESS;
}
