// An NVML library for tests: see emulator.go.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

struct process {
	unsigned int pid;
	unsigned long long memory;
};

enum { MAX_CLOCK = 1980, FULL_POWER = 300000, MIN_LIMIT = 100000, DEFAULT_LIMIT = 450000, MAX_LIMIT = 600000 };

static int gpu;
static unsigned int readings, energy_readings;

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

// What the driver keeps: it outlives the programs that change it.
struct state {
	unsigned int limit;                // milliwatts
	unsigned int clock;                // MHz to which it is locked; 0: not locked
	unsigned long long joules, moment; // energy in microjoules at a moment in nanoseconds
};

static struct state remembered = {.limit = DEFAULT_LIMIT};

static struct state load(void)
{
	struct state s = remembered;
	FILE *f = fopen(setting("STELE_EMU_NVML_STATE", "/dev/null"), "r");
	if (f) {
		struct state in;
		if (fscanf(f, "%u %u %llu %llu", &in.limit, &in.clock, &in.joules, &in.moment) == 4)
			s = in;
		fclose(f);
	}
	return s;
}

static void save(struct state s)
{
	remembered = s;
	FILE *f = fopen(setting("STELE_EMU_NVML_STATE", "/dev/null"), "w");
	if (f) {
		fprintf(f, "%u %u %llu %llu\n", s.limit, s.clock, s.joules, s.moment);
		fclose(f);
	}
}

// draw returns the milliwatts that the GPU draws.
static unsigned int draw(struct state s)
{
	unsigned int full = s.clock ? FULL_POWER / MAX_CLOCK * s.clock : FULL_POWER;
	return full < s.limit ? full : s.limit;
}

// advance counts the energy until now.
static struct state advance(struct state s)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	unsigned long long now = (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
	s.joules += (now - s.moment) / 1000000 * draw(s);
	s.moment = now / 1000000 * 1000000;
	return s;
}

// fault reports whether STELE_EMU_NVML_FAULTS has a word.
static int fault(const char *word)
{
	return strstr(setting("STELE_EMU_NVML_FAULTS", ""), word) != NULL;
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
	*power = draw(load());
	return fault("no-power") ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned int *limit)
{
	(void)device;
	*limit = load().limit;
	return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned int *limit)
{
	(void)device;
	*limit = load().limit;
	return fault("limit-not-supported") ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetPowerManagementDefaultLimit(void *device, unsigned int *limit)
{
	(void)device;
	*limit = DEFAULT_LIMIT;
	return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimitConstraints(void *device, unsigned int *min, unsigned int *max)
{
	(void)device;
	*min = MIN_LIMIT;
	*max = MAX_LIMIT;
	return SUCCESS;
}

int nvmlDeviceSetPowerManagementLimit(void *device, unsigned int limit)
{
	(void)device;
	if (fault("limit-not-permitted"))
		return NO_PERMISSION;
	if (limit < MIN_LIMIT || limit > MAX_LIMIT || limit == (unsigned int)atoi(setting("STELE_EMU_NVML_REFUSED", "0")))
		return INVALID_ARGUMENT;
	struct state s = advance(load());
	s.limit = limit;
	save(s);
	return SUCCESS;
}

int nvmlDeviceGetMaxClockInfo(void *device, int kind, unsigned int *mhz)
{
	(void)device;
	*mhz = kind == 1 ? MAX_CLOCK : 2619;
	return SUCCESS;
}

int nvmlDeviceSetGpuLockedClocks(void *device, unsigned int min, unsigned int max)
{
	(void)device;
	if (fault("clock-not-permitted"))
		return NO_PERMISSION;
	if (fault("clock-not-supported"))
		return NOT_SUPPORTED;
	if (min > max || max > MAX_CLOCK)
		return INVALID_ARGUMENT;
	struct state s = advance(load());
	s.clock = max;
	save(s);
	return SUCCESS;
}

int nvmlDeviceResetGpuLockedClocks(void *device)
{
	(void)device;
	if (fault("clock-not-permitted"))
		return NO_PERMISSION;
	struct state s = advance(load());
	s.clock = 0;
	save(s);
	return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules)
{
	(void)device;
	*millijoules = advance(load()).joules / 1000;
	unsigned int most = (unsigned int)atoi(setting("STELE_EMU_NVML_ENERGY_READINGS", "0"));
	return fault("no-energy") || (most && energy_readings++ >= most) ? NOT_SUPPORTED : SUCCESS;
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
	struct state s = load();
	if (s.clock) {
		*mhz = s.clock;
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
