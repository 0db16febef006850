# Everything a developer does. Every target sets up first: `make setup` costs about a second when nothing is missing.
# What the targets do stands in scripts/, so that it can be read, checked and run by hand.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup build run test test-full test-real lint bench bench-netboot bench-logs fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## what building and testing need: Debian packages, npm, tauri-driver (Rust and Node must be there)
	@scripts/setup.sh

build: setup ## target/release/statusinator and target/release/statusinator-window
	@scripts/build.sh

run: setup ## build, then show the simulated board; ARGS="--speed 20" are passed on
	@scripts/run.sh $(ARGS)

# Setup is the first group of the tests, so that its time is in their table.
test: ## everything that proves the program, in groups with their times; ONLY="unit qemu" picks groups
	@scripts/test.sh $(ONLY)

test-full: ## the same with nothing sampled: FULL=1 is what the tests see
	@FULL=1 scripts/test.sh $(ONLY)

test-real: setup build ## against real far sides, built once into a cache outside; ONLY="matchbox" picks parts, REAL=all fails a skip
	@scripts/test-real.sh $(ONLY)

lint: setup ## formatting, clippy, cargo-deny where installed, svelte-check, eslint, prettier, shellcheck
	@scripts/lint.sh

bench: setup ## build, then measure start-up and memory, N=5 runs each
	@scripts/bench.sh $(N)

bench-netboot: setup ## boot servers beside dnsmasq and nginx, into benches/RESULTS.md; ARGS="--row http --runs 3"
	@scripts/bench-netboot.sh $(ARGS)

bench-logs: setup ## log lines into counters beside a Go reader and jq, into benches/RESULTS-LOGS.md; ARGS="--row count --runs 3"
	@scripts/bench-logs.sh $(ARGS)

fuzz: setup ## every parser of netboot and logs for SECS=60 seconds each, with a nightly compiler and cargo-fuzz
	@scripts/fuzz.sh $(SECS)
