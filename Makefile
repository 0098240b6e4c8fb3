# Stele: build, test and run. `make help` lists the targets.

GO       ?= go
BIN      := bin/stele
FUZZTIME ?= 10m

# The version in `stele --version`: the newest tag, and how far from it.
VERSION ?= $(shell test -e .git && git describe --tags --always --dirty 2>/dev/null)
COMMIT  ?= $(shell test -e .git && git rev-parse HEAD 2>/dev/null)
# When the commit was made, in seconds since 1970: the time of everything in a package.
SOURCE_DATE_EPOCH ?= $(shell test -e .git && git log -1 --format=%ct 2>/dev/null)
DATE = $(if $(SOURCE_DATE_EPOCH),$(shell date -u -d @$(SOURCE_DATE_EPOCH) +%Y-%m-%dT%H:%M:%SZ))
LDFLAGS = -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# Everything is compiled without the paths of this machine: a build does not depend on
# its folder, and builds, tests and all clones share compiled packages.
export GOFLAGS := $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath

# Tools that are pinned in go.mod, as programs that run in any folder.
STATICCHECK = $(shell $(GO) tool -n staticcheck)

# The generator of the CPU kernels is a module of its own.
GEN := kernels/simd/gen

# With a C compiler on Linux the GPU device is built in, behind the tag cuda; no
# CUDA toolkit and no driver is needed for that (see cgo/cuda/env.sh).
CUDA_ENV = GO='$(GO)' cgo/cuda/env.sh
# Looked for whenever it is asked for: make test may install a compiler first.
HAVE_CC = $(if $(filter linux,$(shell $(GO) env GOOS)),$(shell command -v $$($(GO) env CC) 2>/dev/null))
HAVE_CXX = $(shell command -v g++ 2>/dev/null)
# The GPU device is the only code that needs cgo. The packages net and pebble would use it
# where it is there; so both builds have the same resolver and the same zstd, and share
# most compiled packages.
CUDA_TAGS = -tags cuda,netgo,pebblegozstd
GOBUILD = $(GO) build -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BIN)

# $(call copy,file) replaces a file that the linker wrote by a copy, whose pages mostly lie
# side by side in physical memory. Scattered pages can slow a CPU kernel down: see
# docs/cpu-kernels.md.
copy = @cp $(1) $(1).copy && mv $(1).copy $(1)

.DEFAULT_GOAL := build
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | awk -F '|' '{ printf "  make %-16s%s\n", $$1, $$2 }'
	@echo
	@echo "Variables: GO, VERSION, TESTFLAGS (make test TESTFLAGS=-v),"
	@echo "BENCHFLAGS (make bench BENCHFLAGS='--mode search'), FUZZTIME (10m, or 20000x for a count),"
	@echo "REF, PKG, OLDPKG, BENCH, COUNT, BENCHTIME (make bench-compare REF=main PKG=./engine/pow BENCH=Sum COUNT=10),"
	@echo "GPUCHECKFLAGS (make gpu-check GPUCHECKFLAGS='-out gpu.json'), RUN_FOR (make run RUN_FOR=20s)."

# ---- Build and run ---------------------------------------------------------

.PHONY: build
build: $(if $(HAVE_CC),build-cuda,build-static) ## build bin/stele (the default): build-cuda, or build-static without a C compiler

.PHONY: build-cuda
build-cuda: ## build bin/stele for GPUs and CPUs; it runs without a GPU and a driver too
	$(CUDA_ENV) $(GOBUILD) $(CUDA_TAGS) ./cmd/stele
	$(call copy,$(BIN))

.PHONY: build-static
build-static: ## build bin/stele for CPUs, one static binary in pure Go
	CGO_ENABLED=0 $(GOBUILD) ./cmd/stele
	$(call copy,$(BIN))

# The stripped static program may have this many bytes. docs/dependencies.md says what takes
# them.
SIZE_LIMIT = 46000000

.PHONY: check-size
check-size: ## fail if the stripped static program is larger than SIZE_LIMIT bytes
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	CGO_ENABLED=0 $(GO) build -buildvcs=false -ldflags '-s -w' -o "$$tmp/stele" ./cmd/stele && \
	size=$$(wc -c <"$$tmp/stele") && echo "check-size: $$size bytes of $(SIZE_LIMIT)" && [ "$$size" -le $(SIZE_LIMIT) ]

.PHONY: run
run: build ## see a node at work: records, mining, blocks; Ctrl-C stops it (RUN_FOR=20s: by itself)
	@RUN_FOR='$(RUN_FOR)' sh docs/demo/node.sh $(BIN)

.PHONY: demo
demo: build ## see the engine at work on real Bitcoin blocks: verify, search, benchmark
	@sh docs/demo/blocks.sh $(BIN)

.PHONY: demo-network
demo-network: build ## see three nodes share a chain, split, and agree again, in half a minute
	@sh docs/demo/network.sh $(BIN)

.PHONY: bench
bench: build ## measure every kernel on this machine
	@$(BIN) bench --kernel all $(BENCHFLAGS)

.PHONY: bench-compare
bench-compare: ## compare the Go benchmarks of PKG with those at the commit REF (bench/compare.sh)
	@GO='$(GO)' REF='$(REF)' PKG='$(PKG)' OLDPKG='$(OLDPKG)' BENCH='$(BENCH)' COUNT='$(COUNT)' BENCHTIME='$(BENCHTIME)' bench/compare.sh

.PHONY: bin/gpu-check
bin/gpu-check:
	$(CUDA_ENV) $(GO) build -buildvcs=false -ldflags '-X main.version=$(VERSION)' $(CUDA_TAGS) -o $@ ./cmd/gpu-check
	$(call copy,$@)

.PHONY: gpu-check
gpu-check: bin/gpu-check ## check and measure the CUDA kernels; where there is no Go, carry bin/gpu-check there
	bin/gpu-check $(GPUCHECKFLAGS)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist

# ---- Package ---------------------------------------------------------------

# What make dist builds, in bin/dist. The build with CUDA is made on amd64.
DIST_BUILDS ?= linux-amd64 linux-arm64 linux-amd64-cuda
DIST_BIN    := bin/dist
# Neither folders, nor the machine, nor settings of the user are in these programs.
DIST_ENV    := GOFLAGS=-trimpath GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT=
DIST_BUILD   = $(GO) build -buildvcs=false -ldflags '-s -w -buildid= $(LDFLAGS)' -o $(DIST_BIN)
noop        :=
space       := $(noop) $(noop)
comma       := ,

.PHONY: dist
dist: dist-programs ## build the packages of a release, into dist: archives, .deb, .rpm, image (docs/packages.md)
	@case '$(VERSION) $(SOURCE_DATE_EPOCH)' in ' '*|*' ') echo 'make dist: outside of git, VERSION and SOURCE_DATE_EPOCH must be set'; exit 1;; esac
	rm -rf dist && mkdir dist
	CGO_ENABLED=0 $(GO) run ./cmd/stele/internal/manual/write -out $(DIST_BIN)/manual -version '$(VERSION)' -epoch $(SOURCE_DATE_EPOCH)
	@echo 'cyclonedx-gomod: what is linked into the program'
	@cd packaging && GOFLAGS=-trimpath $(GO) tool cyclonedx-gomod bin -json -std -licenses -assert-licenses -noserial -notimestamp \
		-version '$(VERSION)' -output '$(CURDIR)/dist/stele-$(VERSION:v%=%).cdx.json' '$(CURDIR)/$(DIST_BIN)/$(lastword $(DIST_BUILDS))/stele'
	cd packaging && $(GO) run ./dist -version '$(VERSION)' -epoch $(SOURCE_DATE_EPOCH) -builds $(subst $(space),$(comma),$(strip $(DIST_BUILDS))) \
		-bin '$(CURDIR)/$(DIST_BIN)' -manual '$(CURDIR)/$(DIST_BIN)/manual' -out '$(CURDIR)/dist'

.PHONY: dist-programs
dist-programs: $(addprefix dist-,$(DIST_BUILDS))

.PHONY: dist-linux-amd64 dist-linux-arm64 dist-linux-amd64-cuda
dist-linux-amd64 dist-linux-arm64: dist-linux-%:
	$(DIST_ENV) GOARCH=$* CGO_ENABLED=0 $(DIST_BUILD)/linux-$*/stele ./cmd/stele
dist-linux-amd64-cuda:
	$(DIST_ENV) GOARCH=amd64 $(CUDA_ENV) $(DIST_BUILD)/linux-amd64-cuda/stele $(CUDA_TAGS) ./cmd/stele

.PHONY: test-packaging
test-packaging: ## run the tests of what makes the packages (a module of its own)
	cd packaging && export CGO_ENABLED=0 && $(GO) vet ./... && $(GO) test -vet=off $(TESTFLAGS) $$($(GO) list ./... | grep -v /monitoring$$)

.PHONY: test-dist
test-dist: ## build packages for amd64 twice, in two folders, and compare them
	packaging/dist/reproduce.sh linux-amd64

.PHONY: test-dist-full
test-dist-full: ## build all packages twice, the second time without a cache, and compare them
	packaging/dist/reproduce.sh -full

.PHONY: test-deb
test-deb: dist ## install the packages into a clean Debian 12, compute, and remove them (needs root)
	$(call need,debootstrap,debootstrap rpm)
	packaging/deb/test.sh .cache dist/stele_*_amd64.deb dist/stele-*.x86_64.rpm

.PHONY: build-other
build-other: ## build stele for Windows and macOS, CPUs only (docs/packages.md says what does not work there)
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build -o bin/windows-amd64/ ./cmd/stele
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build -o bin/darwin-arm64/ ./cmd/stele

# ---- Test ------------------------------------------------------------------

TESTS = compilers axe vet test-unit test-race test-cuda test-interop test-packaging test-monitoring build-arm64 build-wasm build-other check-generate test-summary

.PHONY: test
test: $(TESTS) ## run all tests, with and without the race detector

# axe-core checks the accessibility of the web pages, in their tests. It is fetched once.
AXE     := 4.10.3
AXE_SUM := 0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292
AXE_JS  := .cache/axe/axe.min.js

.PHONY: axe
axe: ## fetch axe-core, with which the tests of the web pages check accessibility (needs npm)
	@if [ -e $(AXE_JS) ]; then :; \
	elif command -v npm >/dev/null && mkdir -p .cache/axe && cd .cache/axe && npm pack --silent axe-core@$(AXE) >/dev/null; then \
		echo '$(AXE_SUM)  axe-core-$(AXE).tgz' | sha256sum --check --quiet && tar -xzf axe-core-$(AXE).tgz --strip-components 1 package/axe.min.js; \
	else echo 'NOT RUN: the checks of accessibility, which need npm to fetch axe-core'; fi

.PHONY: list-tests
list-tests: # the parts of make test
	@echo '$(TESTS)'

.PHONY: test-summary
test-summary: # the last lines of make test: what passed, and what could not run here
	@echo 'make test: all tests that can run here passed'
	@[ -n "$$STELE_EPCIS_SCHEMA" ] || echo 'make test: NOT CHECKED: EPCIS documents against the JSON schema of GS1, for want of its file in STELE_EPCIS_SCHEMA'
	@[ -n "$(HAVE_CC)" ] || echo 'make test: NOT RUN for want of a C compiler (install gcc): the race detector, the GPU device'
	@command -v prometheus >/dev/null || echo 'make test: NOT RUN for want of Prometheus (install prometheus): the alert rules and dashboards with a real one'
	@command -v jq >/dev/null && command -v curl >/dev/null || echo 'make test: NOT RUN for want of jq or curl (install jq curl): the archives for HiveOS and mmpOS as these systems use them'
	@command -v shellcheck >/dev/null || echo 'make test: NOT CHECKED for want of shellcheck: the scripts for HiveOS and mmpOS'
	@command -v chromium >/dev/null || echo 'make test: NOT RUN for want of a browser (install chromium): the tests of the web pages in a browser'
	@[ -e $(AXE_JS) ] || echo 'make test: NOT RUN for want of npm, or of its registry: the checks of accessibility of the web pages'
	@[ -n "$(HAVE_CXX)" ] || echo 'make test: NOT RUN for want of a C++ compiler (install g++): the CUDA kernels on the host, the GPU device'

# go test vets too, once more for each way to build. The target vet has done that.
GOTEST = $(GO) test -vet=off

# Packages that are tested at the same time. Some tests wait, for processes, peers and
# browsers; the others use the processors meanwhile.
AT_ONCE = $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null); echo $$((2 * $${n:-1})))

.PHONY: test-unit
test-unit: ## run the tests without cgo, as the binary is built, and those of the generator
	CGO_ENABLED=0 $(GOTEST) -p $(AT_ONCE) $(TESTFLAGS) ./...
	cd $(GEN) && CGO_ENABLED=0 $(GOTEST) $(TESTFLAGS) ./...

# Packages that start no goroutine (nor do their tests, but for kernels/cuda);
# and the commands, which take too long.
UNRACED = ^stele/(kernels/(cuda|internal/(guardtest|prep|selection|timing)|sig)|cgo/cuda/(gen|emulator)|docs|engine/(blockfile|headerchain|host|pow|stratum$$)|internal/(atomicfile|bounded|qr|text)|node/(blobs|chain/(chainfile|corpus)|credit|digitallink|epcis|evidence|export|keystore|match|query|supervision|views|words|ledger/(bundle|casetest|fields|headertree|keyfile|network|recipient|reject|rules)|p2p/(blocksync|book|headersync|relay|slots|wire))|cmd/stele)(/|$$)

# Packages that are not instrumented for the race detector even where others call
# them: leaf packages that compute hashes and curve points, and start no goroutine.
# Their callers are instrumented. A buffer that changes while SHA-256 reads it is not
# reported, nor is it with these packages instrumented: assembly reads it.
VOI = github.com/oasisprotocol/curve25519-voi
UNRACED_CALLS = crypto/sha256 crypto/sha512 $(addprefix crypto/internal/fips140/,sha256 sha512 edwards25519/...) \
	github.com/minio/sha256-simd $(VOI)/curve/... $(VOI)/internal/... stele/kernels/internal/... stele/kernels/simd/pure

# Property tests run with fewer checks under the race detector, which looks for races and
# not for rare inputs; make test-unit does them in full.
RACE_CHECKS  = 20
RACETEST     = $(GOTEST) -p $(AT_ONCE) -race $(foreach p,$(UNRACED_CALLS),-gcflags=$(p)=-race=false) $(TESTFLAGS)
RAPID_IMPORT = {{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{println $$.ImportPath}}{{end}}{{end}}

.PHONY: test-race
test-race: ## run the tests with the race detector (needs a C compiler)
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ]; then \
		echo '$(GO) test -race $(TESTFLAGS) (all packages but the commands, and those where nothing runs at the same time)'; \
		raced=$$($(GO) list ./... | grep -v -E '$(UNRACED)') && properties=$$($(GO) list -f '$(RAPID_IMPORT)' $$raced) && \
		export STELE_CHROMIUM=none && \
		$(RACETEST) $$(echo "$$raced" | grep -v -x -F "$$properties") && \
		$(RACETEST) $$properties -args -rapid.checks=$(RACE_CHECKS); \
	else \
		echo 'NOT RUN: the tests with the race detector, which needs a C compiler such as gcc'; \
	fi

# Packages of the node with property tests, whose default is 100 checks.
PROPERTIES = $$(grep -rl --include='*_test.go' rapid.Check node | xargs -n 1 dirname | sort -u | sed 's|^|./|')

.PHONY: test-long
test-long: ## run the long forms of the randomized tests, and every fuzz target for 50000 inputs
	STELE_LONG=1 $(GO) test -p 1 -timeout 120m $(TESTFLAGS) ./node/...
	$(GO) test -p 1 -timeout 120m $(TESTFLAGS) $(PROPERTIES) -args -rapid.checks=10000
	STELE_LONG=1 $(GO) test -timeout 60m $(TESTFLAGS) -run 'TestNodeKilled|TestKilledInSync' ./cmd/stele/node
	@$(MAKE) --no-print-directory test-arrow
	@$(MAKE) --no-print-directory fuzz FUZZTIME=50000x

# Plans of the laboratory: their first seed, how many, and their size (docs/lab.md).
SEED  ?= 1
SEEDS ?= 3
NODES ?= 20
LABDIR = lab-report

.PHONY: lab
lab: ## run networks of nodes with faults in virtual time, and check that they agree (SEED=1 SEEDS=3 NODES=20)
	CGO_ENABLED=0 $(GO) test -count 1 -timeout 60m -v -run '^TestVirtual$$' ./node/lab -lab.seed=$(SEED) -lab.seeds=$(SEEDS) -lab.nodes=$(NODES) -lab.time=2m -lab.report='$(CURDIR)/$(LABDIR)'

.PHONY: lab-long
lab-long: build-static ## run 200 networks in virtual time, and one of 20 processes
	@$(MAKE) --no-print-directory lab SEEDS=200
	$(BIN) lab --seed $(SEED) --nodes 20 --for 3m --processes --report $(LABDIR)/processes

# Tests that measure the figures of docs/network.md.
P2P_FIGURES = TestRecordsReachAll|TestBlockReachesAll|TestPartitionHeals|TestHalvesAgree|TestLowWorkHeaders|TestSlowPeers|TestMemory|TestIdle|TestSyncRate

.PHONY: figures
figures: ## measure the figures of the network in docs/network.md (10 minutes; lab-long has the rest)
	@status=$$(mktemp); { STELE_LONG=1 CGO_ENABLED=0 $(GO) test -count 1 -timeout 60m -v -run '^($(P2P_FIGURES))$$' ./node/p2p; echo $$? >$$status; } | \
		grep -v level=; ok=$$(cat $$status); rm $$status; exit $$ok # without log lines
	STELE_LONG=1 CGO_ENABLED=0 $(GO) test -count 1 -timeout 60m -v -run '^TestHostileMajority$$' ./node/lab
	STELE_LONG=1 CGO_ENABLED=0 $(GO) test -count 1 -timeout 60m -v -run '^TestKilledInSync$$' ./cmd/stele/node

.PHONY: attack-table
attack-table: ## measure what attacks on scores achieve: the table in docs/credit.md
	CGO_ENABLED=0 $(GO) test -count 1 -v -run '^TestAttacks$$' ./node/credit -attacks

# What the tag cuda changes. In ./cmd/stele that is a test.
TAGGED = ./cgo/... ./engine/gpu/... ./bench/gpucheck/... ./cmd/gpu-check

# The commands whose tests use devices.
DEVICE_COMMANDS = ./cmd/stele $(addprefix ./cmd/stele/,bench devices internal/minerflags mine node scan)

.PHONY: test-interop
test-interop: ## run the tests against other implementations: btcd, ZXing (in a module of their own)
	cd test/interop && export CGO_ENABLED=0 && $(GO) vet ./... && $(GO) test -vet=off -count 1 -timeout 5m $(TESTFLAGS) ./...

.PHONY: test-arrow
test-arrow: ## check that Apache Arrow reads Parquet exports (it takes a minute to compile)
	cd test/interop && CGO_ENABLED=0 $(GO) test -count 1 -tags arrow -run '^TestArrow' $(TESTFLAGS) .

.PHONY: test-metrics
test-metrics: ## check the metrics of a node with promtool, a program of Prometheus
	$(call need,promtool,prometheus)
	CGO_ENABLED=0 $(GOTEST) $(TESTFLAGS) -count 1 -run '^Test(Golden|Promtool)$$' ./node/metrics

.PHONY: test-monitoring
test-monitoring: ## test alert rules and dashboards with Prometheus, which reads a miner and nodes
	$(call need,prometheus,prometheus,true)
	cd packaging && CGO_ENABLED=0 $(GOTEST) -count 1 -timeout 5m $(TESTFLAGS) ./monitoring

.PHONY: test-cuda
test-cuda: ## run the tests of the GPU device, with an emulated driver (needs a C and a C++ compiler)
	@if [ -n "$(HAVE_CC)" ] && [ -n "$(HAVE_CXX)" ]; then \
		echo '$(GO) test $(CUDA_TAGS) $(TESTFLAGS) $(TAGGED), and the commands with devices'; \
		$(CUDA_ENV) $(GOTEST) $(CUDA_TAGS) $(TESTFLAGS) $(TAGGED) && \
		$(CUDA_ENV) $(GOTEST) $(CUDA_TAGS) $(TESTFLAGS) -run '^Test(ScriptsGPU|Bench|Devices|Scan|Mine)' $(DEVICE_COMMANDS); \
	else \
		echo 'NOT RUN: the tests of the GPU device, which need Linux, gcc and g++'; \
	fi

.PHONY: test-kernels
test-kernels: build ## run the tests again with each CPU kernel as the chosen one
	@for k in $$($(BIN) devices | awk '$$1 == "kernel" && $$3 == "available" { print $$2 }'); do \
		echo "STELE_CPU=$$k,pure"; \
		STELE_CPU=$$k,pure CGO_ENABLED=0 $(GOTEST) $(TESTFLAGS) ./kernels/simd/... ./engine/cpu || exit 1; \
	done

.PHONY: test-arm64
test-arm64: qemu ## run the tests of the arm64 kernels in an emulator
	GOARCH=arm64 $(GOTEST) -exec qemu-aarch64 $(TESTFLAGS) ./kernels/simd/... ./kernels/internal/... ./engine/pow/... ./engine/cpu/...

# need installs the Debian packages that bring a program, if that is missing; it
# fails where it cannot, or does as the third argument says:
# $(call need,program,packages[,command])
define need
	@if ! command -v $(1) >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -y -q --no-install-recommends $(2); \
		else \
			echo '$(1) is missing; install $(2)'; $(or $(3),exit 1); \
		fi; \
	fi
endef

.PHONY: qemu
qemu:
	$(call need,qemu-aarch64,qemu-user)

.PHONY: clang
clang:
	$(call need,clang-16,clang-16)

.PHONY: compilers
compilers: # without them make test leaves out what needs them, and reports it
	$(call need,gcc,gcc libc6-dev,true)
	$(call need,g++,g++,true)

.PHONY: build-arm64
build-arm64: ## build everything for arm64
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...

.PHONY: build-wasm
build-wasm: ## build the ledger's pure packages for a browser
	GOOS=js GOARCH=wasm $(GO) build ./node/ledger/...

# The fuzz targets, as folder:name, without those that match FUZZSKIP. FUZZPART=0, 1 or 2
# leaves every third.
FUZZSKIP = ^$$
FUZZ_TARGETS = $$(grep -rE --include='*_test.go' '^func Fuzz' . | grep -v '^./test/' | sed -E 's|/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|:\1|' | grep -v -E '$(FUZZSKIP)' | sort | awk 'FUZZPART == "" || NR % 3 == FUZZPART' FUZZPART=$(FUZZPART))

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@failed=; \
	for t in $(FUZZ_TARGETS); do \
		echo "fuzz $$t"; \
		$(GO) test -run '^$$' -fuzz "^$${t#*:}\$$" -fuzztime $(FUZZTIME) "$${t%:*}" || failed="$$failed $$t"; \
	done; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

# Fuzzing compiles all that a package needs once more. fuzz-short leaves out packages that
# need the database; make test-unit runs their seeds, make test-long the targets.
FUZZ_LARGE = ^./node/(alert|chain|export|feed|lab|seen|stratum|store|supervision)[:/]

.PHONY: fuzz-short
fuzz-short: ## run a third of the small fuzz targets for some seconds each; the number of commits picks the third
	@$(MAKE) --no-print-directory fuzz FUZZTIME=5000x FUZZSKIP='$(FUZZ_LARGE)' FUZZPART=$$(($$(git rev-list --count HEAD 2>/dev/null || echo 0) % 3))

# ---- Check the source ------------------------------------------------------

# Packages with files of their own for arm64.
ARM64 = $$({ find . -name '*_arm64.*'; grep -rlE --include='*.go' '^//go:build.*arm64' .; } | grep -v '^./$(GEN)/' | xargs -n 1 dirname | sort -u)

.PHONY: lint
lint: vet ## check format, vet, staticcheck and known vulnerabilities
	@bad=$$($$($(GO) env GOROOT)/bin/gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w on:"; echo "$$bad"; exit 1; fi
	@echo 'staticcheck, of everything, of what is made for arm64, of the generator, and with the tag cuda'
	@CGO_ENABLED=0 $(STATICCHECK) ./...
	@GOARCH=arm64 $(STATICCHECK) $(ARM64)
	@cd $(GEN) && $(STATICCHECK) ./...
	@cd packaging && $(STATICCHECK) ./...
	@[ -z "$(HAVE_CC)" ] || $(CUDA_ENV) $(STATICCHECK) $(CUDA_TAGS) $(TAGGED)
	@$(MAKE) --no-print-directory vuln

.PHONY: vet
vet: ## run go vet on everything, on the arm64 kernels, on the generator, and with the tag cuda
	CGO_ENABLED=0 $(GO) vet ./...
	GOARCH=arm64 $(GO) vet $(ARM64)
	cd $(GEN) && $(GO) vet ./...
	@[ -z "$(HAVE_CC)" ] || { echo '$(GO) vet $(CUDA_TAGS) $(TAGGED)'; $(CUDA_ENV) $(GO) vet $(CUDA_TAGS) $(TAGGED); }

.PHONY: vuln
vuln: ## check for known vulnerabilities in the code of dependencies that is reached
	@out=$$($(GO) tool govulncheck ./... 2>&1); code=$$?; echo "$$out"; \
	case "$$code $$out" in \
	"0 "*) ;; \
	*"fetching vulnerabilities"*) echo 'NOT CHECKED: vulnerabilities, the database cannot be reached' ;; \
	*) exit 1 ;; \
	esac

# ---- Generated code --------------------------------------------------------

.PHONY: generate
generate: ## write the assembly of the CPU kernels, the counts of their instructions, and the binding to the CUDA driver
	cd $(GEN) && $(GO) run .
	$(GO) run ./bench/limit/count
	cd cgo/cuda && $(GO) run ./gen

.PHONY: architecture
architecture: ## draw the picture and the import tables of docs/architecture.md from the source
	CGO_ENABLED=0 $(GO) test -count 1 -run '^TestArchitecture$$' ./docs -update

.PHONY: kernels
kernels: clang ## write the PTX of the CUDA kernels (needs clang-16; no CUDA toolkit)
	kernels/cuda/generate.sh

.PHONY: check-kernels
check-kernels: clang ## fail if the committed PTX is not what the source compiles to
	@echo 'check-kernels: the PTX in kernels/cuda/generated is what kernels/cuda/stele.cu gives'
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && kernels/cuda/generate.sh "$$tmp/ptx" && \
	cp -R kernels/cuda/generated "$$tmp/committed" && gunzip "$$tmp/ptx"/* "$$tmp/committed"/* && \
	diff -rq "$$tmp/committed" "$$tmp/ptx" || { echo 'run make kernels, and commit what it changes'; exit 1; }

# ptxas and nvdisasm of CUDA 11.8, from Debian's non-free packages.
CUDA_TOOLS = .cache/cuda-11.8

.PHONY: sass
sass: ## count what the CUDA kernels cost on each kind of GPU, into kernels/cuda/sass.txt
	kernels/cuda/get-tools.sh $(CUDA_TOOLS)
	$(GO) run ./kernels/cuda/sass -tools $(CUDA_TOOLS) -write

.PHONY: check-sass
check-sass: ## fail if the registers, spills or slots of the CUDA kernels differ from kernels/cuda/sass.txt
	@echo 'check-sass: the kernels cost what kernels/cuda/sass.txt says, compiled by ptxas 11.8'
	@if kernels/cuda/get-tools.sh $(CUDA_TOOLS); then \
		$(GO) run ./kernels/cuda/sass -tools $(CUDA_TOOLS); \
	else \
		echo 'NOT CHECKED: the cost of the CUDA kernels, ptxas cannot be had'; \
	fi

.PHONY: check-generate
check-generate: ## fail if the committed assembly is not what the generator writes
	@echo 'check-generate: the assembly in kernels/simd, sig and sha256d is what kernels/simd/gen writes'
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	cp -R kernels/simd kernels/sig kernels/sha256d "$$tmp" && \
	find "$$tmp" -name '*.s' -exec grep -l '^// Code generated' {} + | xargs rm && \
	(cd "$$tmp/simd/gen" && $(GO) run .) && \
	diff -rq kernels/simd "$$tmp/simd" && diff -rq kernels/sig "$$tmp/sig" && diff -rq kernels/sha256d "$$tmp/sha256d" || { echo 'run make generate, and commit what it changes'; exit 1; }
