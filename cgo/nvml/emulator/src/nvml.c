// An NVML library for tests: see emulator.go.
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

struct process {
	unsigned int pid;
	unsigned long long memory;
};

static const unsigned int milliwatts = 300000;
static int gpu;
static unsigned int readings;

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

int nvmlInit_v2(void) { return SUCCESS; }

const char *nvmlErrorString(int result) { return result == SUCCESS ? "Success" : "emulated error"; }

int nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
	if (length < sizeof "550.54.15")
		return INSUFFICIENT_SIZE;
	strcpy(version, "550.54.15");
	return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device)
{
	*device = &gpu;
	return strncmp(uuid, "GPU-", 4) == 0 && strncmp(uuid, "GPU-00000000", 12) != 0 ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius)
{
	(void)device, (void)sensor;
	*celsius = 61;
	return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned int *power)
{
	(void)device;
	*power = milliwatts;
	return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *limit)
{
	(void)device;
	*limit = 450000;
	return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules)
{
	(void)device;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	*millijoules = (unsigned long long)now.tv_sec * milliwatts + (unsigned long long)now.tv_nsec / 1000000 * milliwatts / 1000;
	return SUCCESS;
}

int nvmlDeviceGetFanSpeed(void *device, unsigned int *percent)
{
	(void)device, (void)percent;
	return NOT_SUPPORTED;
}

int nvmlDeviceGetClockInfo(void *device, int kind, unsigned int *mhz)
{
	(void)device;
	if (kind != 1) { // not that of the SMs
		*mhz = 2619;
		return SUCCESS;
	}
	const char *clocks = setting("STELE_EMU_NVML_CLOCKS", "1980");
	unsigned int count = 1;
	for (const char *c = clocks; *c; c++)
		count += *c == ',';
	unsigned int skip = readings++ / 2 % count; // one before a slice and one after it
	while (skip--)
		clocks = strchr(clocks, ',') + 1;
	*mhz = (unsigned int)atoi(clocks);
	return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons)
{
	(void)device;
	*reasons = strtoull(setting("STELE_EMU_NVML_THROTTLE", "0"), NULL, 0);
	return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses(void *device, unsigned int *count, struct process *processes)
{
	(void)device;
	unsigned int room = *count;
	*count = (unsigned int)atoi(setting("STELE_EMU_NVML_PROCESSES", "1"));
	if (room < *count)
		return INSUFFICIENT_SIZE;
	for (unsigned int i = 0; i < *count; i++)
		processes[i] = (struct process){.pid = 1000 + i, .memory = 1 << 20};
	return SUCCESS;
}

int nvmlDeviceGetGraphicsRunningProcesses(void *device, unsigned int *count, struct process *processes)
{
	(void)device, (void)processes;
	*count = 0;
	return SUCCESS;
}
