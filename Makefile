# SPDX-License-Identifier: MIT
#
# The newcomer's door: each target installs what it lacks (tools/setup), then calls Meson.

PYTHON = /usr/bin/python3
PREFIX = /usr/local
ARGS =
FUZZ =
SECONDS = 60
RELEASE = --buildtype=release -Db_lto=true -Db_lto_threads=0 -Dtests=false
SOURCES = $(shell git ls-files '*.c' '*.h')

.DEFAULT_GOAL = help
.PHONY: help build run test bench fuzz format tidy install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /    make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

build: node_modules/.package-lock.json ## optimised programs: build/sluice, build/examples/
	@tools/setup build
	@[ -f build/build.ninja ] || { rm -rf build && meson setup build $(RELEASE); }
	@ninja -C build

run: build ## the hub with two simulated cameras; prints the address to open
	@exec tools/run-demo

test: node_modules/.package-lock.json ## everything: builds, checks, unit, end-to-end and browser tests (ARGS="--list")
	@tools/setup build test browser node
	@exec $(PYTHON) tools/test $(ARGS)

bench: build node_modules/.package-lock.json ## ours beside npm ws and a floor program: ratios
	@tools/setup bench
	@exec $(PYTHON) bench/run $(ARGS)

fuzz: ## a minute for each fuzzer (FUZZ=ws SECONDS=600)
	@tools/setup build fuzz
	@exec $(PYTHON) tools/fuzz --seconds $(SECONDS) $(FUZZ)

format: ## rewrite our C files as .clang-format says
	@tools/setup test
	@clang-format-14 -i $(SOURCES)

tidy: ## only the static checks
	@tools/setup build test
	@exec $(PYTHON) tools/test --only tidy

# What was just installed is found by programs only after ldconfig, which root alone can run.
install: build ## library, headers and program (PREFIX=/usr/local)
	@meson configure build -Dprefix=$(PREFIX) && ninja -C build
	@if mkdir -p "$(DESTDIR)$(PREFIX)/lib" 2>/dev/null && [ -w "$(DESTDIR)$(PREFIX)/lib" ]; then \
	    meson install -C build --no-rebuild; \
	else sudo env DESTDIR="$(DESTDIR)" meson install -C build --no-rebuild && sudo /sbin/ldconfig; fi
	@[ "$$(id -u)" -ne 0 ] || [ -n "$(DESTDIR)" ] || /sbin/ldconfig

node_modules/.package-lock.json: package.json package-lock.json
	@tools/setup node
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## remove everything that was built
	@rm -rf build build-* node_modules
