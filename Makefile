# All that is done to Bellhop, a line or two each. `make` alone lists it.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test unit fuzz bench golden fmt lint

# How long each fuzz test looks for something new in `make test`.
FUZZTIME ?= 5s

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## a working server, with a page to try it on, at http://127.0.0.1:3000
	go run ./gateway

test: lint unit fuzz ## everything that CI runs

# -race needs a C compiler; the marks of tests that start are left out, so that what is shown are results.
unit: ## the tests alone, under the race detector
	@command -v $$(go env CC) >/dev/null || { echo "installing gcc, which -race needs"; apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }
	@set -o pipefail; go test -race -v -count=1 ./... | grep -vE '^(=== (RUN|PAUSE|CONT|NAME)|\?  )'

fuzz: ## every fuzz test for FUZZTIME (5s)
	@set -e; for package in $$(go list ./...); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "fuzzing $$package $$name for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

bench: ## what a relayed message and an idle connection cost, beside a bare relay
	go test -run '^$$' -bench . -benchmem ./events ./handlers ./gateway/apigateway
	go run ./gateway/bench

golden: ## rewrite what is heard in testdata/conversations; read the diff as code
	go test . -run TestConversations -count=1 -update
	@git --no-pager diff --stat testdata/conversations

fmt: ## format the code
	gofmt -w .

lint: ## formatting, go vet and staticcheck
	@test -z "$$(gofmt -l .)" || { echo "not formatted (make fmt):"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...
