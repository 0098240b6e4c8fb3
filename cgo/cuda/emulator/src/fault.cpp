// Faults on demand. STELE_EMU_FAULT holds rules, separated by commas:
//
//	call:nth:what[:sticky][@device]
//
// call is a function without _v2, or "kernel" for a launch while it runs, or
// "copy" for an asynchronous copy or memset while it runs. nth counts from 1;
// 3+ is the third and all later ones, * all. what is an error code, or
//
//	hang, hang=MS       never returns, or after MS milliseconds
//	slow=MS             takes MS milliseconds longer
//	lost, lost=MS       the device is lost, for good or for MS milliseconds
//	wrong-hit           a kernel reports a hit that is none (verify: header 0 is invalid)
//	lost-hit            a kernel leaves out a hit (verify: all headers are valid)
//
// A sticky error stays with the context. Errors of kernels and copies are always
// sticky. If STELE_EMU_FAULT is "@FILE", the rules are in that file, which is
// read at each call; a change restarts the counting.
#include "emulator.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace {

struct rule {
	std::string call;
	uint64_t first, last;
	int device; // -1: any
	struct fault fault;
	uint64_t seen = 0;
};

std::mutex &guard = *new std::mutex;
std::string &file = *new std::string, &text = *new std::string;
std::vector<rule> &rules = *new std::vector<rule>;
FILE *trace;

[[noreturn]] void reject(const std::string &part)
{
	fprintf(stderr, "emulated driver: STELE_EMU_FAULT: \"%s\" is no call:nth:what[:sticky][@device]\n", part.c_str());
	exit(97);
}

rule parse(const std::string &part)
{
	rule r;
	std::string body = part;
	size_t at = body.find('@');
	r.device = at == std::string::npos ? -1 : atoi(body.c_str() + at + 1);
	body = body.substr(0, at);
	std::vector<std::string> f;
	std::stringstream fields(body);
	for (std::string s; std::getline(fields, s, ':');)
		f.push_back(s);
	if (f.size() < 3 || f.size() > 4 || (f.size() == 4 && f[3] != "sticky"))
		reject(part);
	r.call = f[0];
	r.first = f[1] == "*" ? 1 : strtoull(f[1].c_str(), nullptr, 10);
	r.last = f[1] == "*" || f[1].back() == '+' ? UINT64_MAX : r.first;
	if (r.first == 0)
		reject(part);
	std::string what = f[2];
	size_t is = what.find('=');
	if (is != std::string::npos)
		r.fault.ms = atoi(what.c_str() + is + 1);
	what = what.substr(0, is);
	r.fault.sticky = f.size() == 4;
	if (what == "hang")
		r.fault.kind = fault::hang;
	else if (what == "slow" && r.fault.ms >= 0)
		r.fault.kind = fault::slow;
	else if (what == "lost")
		r.fault.kind = fault::lost;
	else if (what == "wrong-hit")
		r.fault.kind = fault::wrong_hit;
	else if (what == "lost-hit")
		r.fault.kind = fault::lost_hit;
	else if (atoi(what.c_str()) > 0)
		r.fault.kind = fault::code, r.fault.result = (CUresult)atoi(what.c_str());
	else
		reject(part);
	return r;
}

void set(const std::string &now)
{
	text = now;
	rules.clear();
	std::string line = now;
	while (!line.empty() && isspace((unsigned char)line.back()))
		line.pop_back();
	std::stringstream parts(line);
	for (std::string s; std::getline(parts, s, ',');)
		rules.push_back(parse(s));
}

} // namespace

void read_faults()
{
	std::lock_guard<std::mutex> l(guard);
	const char *value = getenv("STELE_EMU_FAULT"), *path = getenv("STELE_EMU_TRACE");
	file = value && value[0] == '@' ? value + 1 : "";
	set(value && file.empty() ? value : "");
	if (path && !trace)
		trace = fopen(path, "a");
}

fault next_fault(const char *call, int device)
{
	std::lock_guard<std::mutex> l(guard);
	if (trace) {
		fprintf(trace, "%s\n", call);
		fflush(trace);
	}
	if (!file.empty()) {
		std::ifstream in(file);
		std::string now((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
		if (now != text)
			set(now);
	}
	struct fault hit;
	for (rule &r : rules)
		if (r.call == call && (r.device < 0 || r.device == device)) {
			r.seen++;
			if (r.seen >= r.first && r.seen <= r.last && hit.kind == fault::none)
				hit = r.fault;
		}
	return hit;
}
