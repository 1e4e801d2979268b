# `make help` lists the targets. Everything is set up on the way: a fresh machine with Python >= 3.11 and a
# C compiler needs nothing before `make demo` or `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Evaluations on real posts run where the corpora are; nothing else needs them.
FAIRPOST_CORPORA ?= $(abspath $(wildcard ../shared/corpora))
ifeq ($(FAIRPOST_CORPORA),)
unexport FAIRPOST_CORPORA
else
export FAIRPOST_CORPORA
endif

NATIVE := $(wildcard engine/*.pyx engine/*.pxd engine/kernels/*.h)
# cython-lint knows no folders.
CYTHON := $(wildcard engine/*.pyx engine/*.pxd)
PYTEST := $(BIN)/pytest

.PHONY: help setup build demo test crash soak mutate fuzz lint format types stubs check-stubs bench load pages instructions pictures eval readme clean distclean

help: ## this list
	@echo "fairpost: judges social-commerce posts"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed build/.native ## set up, start the server, judge the sample posts, swap the rules (KEEP=1: leave the server running)
	@$(BIN)/fairpost demo $(if $(KEEP),--keep)

test: $(VENV)/.installed-dev build/.native ## set up and run the tests on all cores (ARGS='-k name' picks some; JOBS=0: in one process)
	@.ci/system --optional pg_ctlcluster postgresql
	@.ci/system --optional chromium
	$(PYTEST) -n $(or $(JOBS),auto) --dist worksteal $(ARGS)

crash: $(VENV)/.installed-dev build/.native ## kill a server under write load, 200 times on each store, and look what is left (ARGS='--rounds 20 --store sqlite')
	@.ci/system --optional pg_ctlcluster postgresql
	PYTHONPATH=tests $(BIN)/python tests/server/crash.py $(ARGS)

soak: $(VENV)/.installed-dev build/.native ## 1,000 activations of alternating rule sets under load, then a worker killed every second for a minute (ARGS='--activations 100')
	$(BIN)/python benchmarks/soak.py $(ARGS)

mutate: $(VENV)/.installed-dev build/.native ## what the shipped rules find when their cases are written by evaders; fails below a floor (ARGS='--pairs --lost 3')
	$(BIN)/fairpost rules mutate $(ARGS)

fuzz: $(VENV)/.installed-fuzz ## fuzz what comes in from outside, under AddressSanitizer and UBSan (SECONDS=60 in all, TARGETS='texts wire', REPLAY=file)
	$(BIN)/python tests/fuzz/run.py --seconds $(or $(SECONDS),60) $(if $(REPLAY),--replay $(REPLAY)) $(TARGETS)

setup: $(VENV)/.installed-dev build/.native ## virtual environment with everything for development, extension built

build: $(VENV)/.ready build/.native ## compile the extension in place where its sources changed (FAIRPOST_DEBUG=1: bounds checks, line tracing, annotated C)

lint: $(VENV)/.installed-dev ## ruff and cython-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(if $(CYTHON),PATH="$(abspath $(BIN)):$$PATH" cython-lint $(CYTHON))

format: $(VENV)/.installed-dev ## let ruff format the Python files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev build/.native ## mypy, on the symlink view that shows folders as packages; tests and benchmarks too
	$(BIN)/mypy -p fairpost.engine -p fairpost.rules -p fairpost.server -p fairpost.client -p fairpost.cli
	$(BIN)/mypy tests
	$(BIN)/mypy --exclude conftest benchmarks

stubs: $(VENV)/.installed-dev ## generate the committed protobuf stubs
	$(BIN)/python proto/generate.py

check-stubs: $(VENV)/.installed-dev ## committed stubs equal freshly generated ones
	$(BIN)/python proto/generate.py --check

bench: $(VENV)/.installed-bench build/.native ## benchmarks beside other matchers; writes benchmarks/RESULTS.md and charts (ARGS='-k peers' picks some and writes nothing)
	@mkdir -p build
	$(PYTEST) benchmarks -q --benchmark-enable --benchmark-quiet --benchmark-disable-gc --benchmark-timer=time.process_time --benchmark-json=build/bench.json $(ARGS)
	$(BIN)/python benchmarks/report.py build/bench.json $(if $(ARGS),,--write)

load: $(VENV)/.installed-dev build/.native ## a server under load from the C++ client that FAIRPOST_LOADGEN names (ARGS='--workers 1,2'; docs/capacity.md)
	PYTHONPATH=tests $(BIN)/python benchmarks/load.py $(ARGS)

pages: $(VENV)/.installed-dev build/.native ## the public pages with 10,000 documents on each store, and under a flood of checks (ARGS='--stores sqlite')
	@.ci/system --optional pg_ctlcluster postgresql
	PYTHONPATH=tests $(BIN)/python benchmarks/pages.py $(ARGS)

instructions: $(VENV)/.installed-dev build/.native ## instructions a post on the scalar path, compared with benchmarks/instructions.json (ARGS=--store: stored anew)
	PYTHONPATH=tests $(BIN)/python benchmarks/instructions.py $(ARGS)

pictures: $(VENV)/.installed-dev build/.native ## pictures of every page into docs/pictures, at 390 and 1280 pixels, in Chinese and English (ARGS='home rules' picks some)
	@.ci/system --optional chromium chromium fonts-noto-cjk
	PYTHONPATH=tests $(BIN)/python -m browser.pictures $(ARGS)

eval: $(VENV)/.installed-dev build/.native ## how well the shipped rules judge: unseen posts, and real ones where the corpora are (ARGS='--only unseen --show 20')
	$(BIN)/python benchmarks/evaluate.py $(FAIRPOST_CORPORA) $(ARGS)

train: $(VENV)/.installed-dev build/.native ## train the shipped text model anew (docs/model.md); QUICK=1 leaves out the sources never trained on
ifeq ($(FAIRPOST_CORPORA),)
	@echo "train: left out: FAIRPOST_CORPORA is not set and there is no ../shared/corpora"
else
	$(BIN)/python benchmarks/train_shipped.py "$(FAIRPOST_CORPORA)" $(if $(QUICK),--quick)
endif

readme: $(VENV)/.installed-dev build/.native ## write the output shown in README and docs/tools.md anew
	$(BIN)/python tests/test_readme.py
	$(BIN)/python tests/test_tools_docs.py

clean: ## remove what was built
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks engine/*.so engine/*.html
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## remove the virtual environment too
	rm -rf $(VENV)

# ---- set-up ---------------------------------------------------------------------------------------------

# What the system has to bring. With apt and root it is installed; otherwise it is named.
$(VENV)/.ready: .ci/system
	@.ci/system "$(PYTHON)"
	@python="$(PYTHON)"; test -x $(BIN)/python || "$${python:-python3}" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'setuptools>=77' 'Cython>=3.1' 'numpy>=2.0'
	@touch $@

# `--no-build-isolation`: the build uses the very numpy and Cython that later rebuilds use, and is quicker.
$(VENV)/.installed: $(VENV)/.ready pyproject.toml setup.py
	@if [ $(VENV)/.installed-dev -nt pyproject.toml ] && [ $(VENV)/.installed-dev -nt setup.py ]; then :; \
	else echo "building fairpost and installing what it needs into $(VENV) (a minute or two) ..."; \
		$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[all]'; fi
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.ready pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[dev,all]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[bench,dev,all]'
	@touch $@

# clang with its sanitizers builds what is fuzzed; atheris brings the fuzzer.
$(VENV)/.installed-fuzz: $(VENV)/.installed-dev .ci/system
	@.ci/system "$(PYTHON)" clang
	$(BIN)/python -m pip install --quiet 'atheris>=3.0'
	@touch $@

# The editable install above has built the extension already; this rebuilds what changed since. The debug build is
# another build: changing the switch rebuilds everything.
build/.native: $(VENV)/.ready setup.py $(NATIVE) build/.debug-$(or $(FAIRPOST_DEBUG),0)
	$(BIN)/python setup.py --quiet build_ext --inplace $$(test ! -e build/.force || echo --force)
	@rm -f build/.force && touch $@

build/.debug-%:
	@mkdir -p build && if ls build/.debug-* >/dev/null 2>&1; then touch build/.force; fi
	@rm -f build/.debug-* && touch $@
