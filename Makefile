# An index of commands. `make run` shows what bulkhead does, `make test` installs
# what the tests need (Debian packages, when missing) and runs every one of them.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec
export GOFLAGS += -buildvcs=false
# As it ships, and so that all of it is compiled once: the race detector alone needs C.
export CGO_ENABLED = 0

# The newest tag, else the newest version of the changelog; "dev" lets the program find out.
VERSION      = $(or $(shell git describe --tags --dirty 2>/dev/null || sed -nE 's/^\#\# \[?([0-9][^] ]*).*/\1/p' CHANGELOG.md 2>/dev/null | head -1),dev)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

.PHONY: build run test deps check unit kernel soak replay fuzz bench rates clean

build: ## bin/bulkhead, static
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/bulkhead ./cmd/bulkhead

run: build ## the main job, live, in about 20 seconds
	@go build -o bin/demo ./cmd/demo
	@bin/demo

test: ## everything below, what .ci/run calls
	$(MAKE) --no-print-directory deps
	$(MAKE) --no-print-directory check
	$(MAKE) --no-print-directory unit
	$(MAKE) --no-print-directory kernel
	$(MAKE) --no-print-directory fuzz

deps: ## Debian packages the tests need
	packaging/install-test-deps.sh

check: ## formatting and static analysis
	@test -z "$$(gofmt -l .)" || { echo 'gofmt would change:'; gofmt -l .; exit 1; }
	go vet ./...
	go vet -tags kernel,replay,rates ./...
	go run $(STATICCHECK) ./...
	go run $(STATICCHECK) -tags kernel,replay,rates ./...
	.ci/vulnerabilities $(GOVULNCHECK)

unit: ## the tests that need no kernel of their own, with the race detector
	CGO_ENABLED=1 go test -count=1 -race -p 4 -v $$(go list ./... | grep -vE '/(acceptance|faults|likeness)$$|^bulkhead/(programs|conf)') 2>&1 | .ci/no-skips
	# Not under the detector: it does not see into the program that the tests start, and without a goroutine there is no race.
	go test -count=1 -v -timeout 20m ./cmd/bulkhead/{acceptance,faults} ./programs/... ./conf/... 2>&1 | .ci/no-skips
	go test -count=1 -v ./cmd/bulkhead/likeness 2>&1 | .ci/no-skips # a dozen daemons of its own: alone

kernel: build ## the tests on a real cgroup v2, here or in a virtual machine; GUEST='-kernel 6.1'
	.ci/kernel-tests $(GUEST) 2>&1 | .ci/no-skips

# A run prints its seed; BULKHEAD_SOAK_SEED (and _KILLS, _UPGRADES as they were) makes the same choices again.
soak: export KERNEL_PKG = cmd/bulkhead/soak
soak: export KERNEL_TIMEOUT = 75m
soak: export BULKHEAD_SOAK_KILLS ?= 50
soak: export BULKHEAD_SOAK_UPGRADES ?= 50
soak: build ## killed 50 times and upgraded 50 times under load; a shorter one is part of kernel
	.ci/kernel-tests -timeout 80m -env BULKHEAD_SOAK_SEED -env BULKHEAD_SOAK_KILLS -env BULKHEAD_SOAK_UPGRADES $(GUEST) 2>&1 | .ci/no-skips

# BULKHEAD_REPLAY_SEED makes the same choices again, BULKHEAD_REPLAY_ONLY=leak,keep plays some; WRITE=1 writes docs/replay.*.
replay: export KERNEL_KIND = replay
replay: export KERNEL_TIMEOUT = 40m
replay: build ## four outages under supervisord and under bulkhead, in a virtual machine; not part of test
	@mkdir -p .cache/replay && rm -f .cache/replay/replay.*
	.ci/kernel-tests -timeout 45m -memory 2G -mitigations -out .cache/replay -env BULKHEAD_REPLAY_SEED -env BULKHEAD_REPLAY_ONLY -env BULKHEAD_REPLAY_SIDE $(GUEST) 2>&1 | .ci/no-skips
	$(if $(WRITE),cp .cache/replay/replay.md .cache/replay/replay.svg docs/)

fuzz: ## the main fuzz targets for half a minute each, the others for 3 s
	.ci/fuzz 30

# No part of test: it measures, and fails on wrong bytes, counts and states only.
bench: build ## bulkhead beside its peers, into docs/benchmarks.md; BENCH='-n 10,200 -rounds 3'
	packaging/install-bench-deps.sh
	@go build -o bin/bench ./cmd/bench
	bin/bench -o docs/benchmarks.md $(BENCH)

rates: export KERNEL_KIND = rates
rates: build ## how far a worker gets over its line, by how fast it grows, and what idleness costs, in a virtual machine
	.ci/kernel-tests $(GUEST) 2>&1 | .ci/no-skips

clean:
	rm -rf bin .cache
