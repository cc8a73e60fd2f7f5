# Everything a newcomer, a developer and CI call. `make` alone lists it.
SHELL := /bin/bash
GO ?= go
NPM ?= npm --loglevel=error
CONFIG ?=
FUZZTIME ?= 20s

.DEFAULT_GOAL := help

.PHONY: help
help: ## List what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build everything and start the gateway on embedded defaults
	@bin/gateway serve $(if $(CONFIG),--config $(CONFIG))

.PHONY: demo
demo: build ## The same with ten tablets and simulated patients, in a store of its own
	@bin/gateway demo

.PHONY: build
build: ui ## Build the screens and the gateway into bin/
	@$(GO) build -ldflags '-s -w' -o bin/gateway ./gateway

.PHONY: ui
ui: kiosk-ui/dist/tablet.html ## Build the screens (needs Node)

# Not `npm ci`: it refuses a lock file without the optional packages of every
# other platform. This installs what the lock file says and leaves it alone.
kiosk-ui/node_modules/.package-lock.json: kiosk-ui/package.json kiosk-ui/package-lock.json
	@cd kiosk-ui && $(NPM) install --no-save --no-audit --no-fund --silent && touch node_modules/.package-lock.json

UI_SOURCES := $(shell find kiosk-ui/src kiosk-ui/public -type f) $(wildcard kiosk-ui/*.html kiosk-ui/*.ts)

kiosk-ui/dist/tablet.html: kiosk-ui/node_modules/.package-lock.json $(UI_SOURCES)
	@cd kiosk-ui && $(NPM) run build --silent

.PHONY: test
test: tools ui lint test-all test-ui test-e2e ## Everything: installs what it needs, then all tests

.PHONY: test-go
test-go: ## The Go tests that need only Go and gcc
	@$(GO) vet ./... && $(GO) test -race -skip 'RealRedis|/RealRedis|MLLPSend' ./...

# The whole suite, a real Redis included.
.PHONY: test-all
test-all:
	@$(GO) vet -tags emulator ./... && $(GO) test -race -tags emulator ./...

.PHONY: test-ui
test-ui: kiosk-ui/node_modules/.package-lock.json ## The tests of the screens' logic
	@cd kiosk-ui && $(NPM) test --silent

.PHONY: test-e2e
test-e2e: build ## The real binary in a real browser
	@cd kiosk-ui && $(NPM) run e2e --silent

# What a target finds stays in testdata/fuzz of its package, where every later
# `go test` tries it again: commit it with the repair.
.PHONY: fuzz
fuzz: ## Every fuzz target of the module, FUZZTIME=20s each
	@list=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	targets=$$(awk '/^Fuzz/ {name[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, name[i]; n = 0}' <<<"$$list"); \
	[ -n "$$targets" ] || { echo "found no fuzz target"; exit 1; }; \
	while read -r package target; do \
		echo "$$target in $$package"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done <<<"$$targets"

.PHONY: lint
lint: kiosk-ui/node_modules/.package-lock.json ## gofmt and biome
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'd:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@cd kiosk-ui && $(NPM) run lint --silent

.PHONY: tools
tools: ## Install what the tests need: redis-server, chromium, fonts, mllp_send
	@.ci/tools

.PHONY: bench
bench: build tools ## The figures, each beside its raw limit measured in the same run
	@$(GO) run ./gateway/bench

.PHONY: clean
clean: ## Remove what was built (never ./data)
	@rm -rf bin kiosk-ui/node_modules kiosk-ui/dist && mkdir -p kiosk-ui/dist && touch kiosk-ui/dist/.gitkeep
