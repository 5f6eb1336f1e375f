# What can be done with a checkout. "make test" needs Go (and a C compiler, for
# the race detector) and nothing else; "make interop" and "make bench-peers"
# need root on Debian 12; "make lint" fetches its tools through the Go proxy.
#
#   make check        all of the following but bench-peers
#   make test         every test that needs only Go, in every module
#   make lint         format, vet, staticcheck, known vulnerabilities, go.mod
#   make fuzz         every fuzz target for FUZZTIME (default 5s)
#   make bench        every Go benchmark; BENCHFLAGS, BENCH=regexp
#   make interop      the suite against real servers; RUN=regexp
#   make results      keeps what conformance showed in the last "make interop"
#   make faults       deliberate faults in s2s, which conformance has to find
#   make bench-peers  Prosody, ejabberd and chatd compared, about five minutes
#   make clean        removes what the above leave behind

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

MODULES := . examples internal/interop

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

FUZZTIME ?= 5s
BENCH ?= .
BENCHFLAGS ?= -benchmem
RUN ?=

# each runs a command in every module, and fails at the end if one did.
each = failed=; for m in $(MODULES); do \
	echo "--- $$m: $(strip $(2))"; (cd "$$m" && $(1)) || failed="$$failed $$m"; \
	done; [ -z "$$failed" ] || { echo "failed in:$$failed" >&2; exit 1; }

.PHONY: all check test lint fmt vet staticcheck vuln tidy fuzz bench interop results faults bench-peers clean

all: test

check: test lint fuzz bench interop faults

test:
	@$(call each, INTEROP=off go test -race -shuffle=on ./..., go test)

lint: fmt vet staticcheck tidy vuln

fmt:
	@echo "--- gofmt"; out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not formatted:"; echo "$$out"; exit 1; } >&2

vet:
	@$(call each, go vet ./..., go vet)

staticcheck:
	@$(call each, go run $(STATICCHECK) ./..., staticcheck)

tidy:
	@$(call each, go mod tidy -diff, go mod tidy)

# A database that cannot be reached is no fault of the checkout; a finding is.
vuln:
	@for m in $(MODULES); do \
		echo "--- $$m: govulncheck"; \
		status=0; out=$$(cd "$$m" && go run $(GOVULNCHECK) ./... 2>&1) || status=$$?; \
		if [ $$status -eq 0 ]; then tail -n 1 <<<"$$out"; \
		elif grep '^govulncheck: fetching vulnerabilities' <<<"$$out"; then \
			echo "left out: the vulnerability database cannot be reached"; break; \
		else echo "$$out" >&2; exit 1; fi; \
	done

fuzz:
	@for m in $(MODULES); do \
		( cd "$$m"; \
		for p in $$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do \
			for t in $$(cat "$$p"/*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
				echo "--- $$p: $$t"; \
				"$(CURDIR)/internal/interop/fuzz.sh" "$$p" "$$t" $(FUZZTIME); \
			done; \
		done ); \
	done

bench:
	@$(call each, INTEROP=off go test -run '^$$' -bench '$(BENCH)' $(BENCHFLAGS) ./..., go test -bench)

interop:
	@internal/interop/run.sh $(if $(RUN),-run '$(RUN)')

results:
	@internal/interop/conformance.sh -keep

faults:
	@cd examples && FAULTS=on go test -count=1 -timeout 20m -run '^TestFaults$$' -v ./s2sconform/own | grep -v '^=== '

bench-peers:
	@internal/interop/bench-peers.sh

clean:
	@[ ! -e .interop ] || PURGE=1 internal/interop/kit/down.sh
	@go clean -testcache
