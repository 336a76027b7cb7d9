# Everything runs in .venv, which the first goal makes. Each goal can be repeated, and does only what has changed.

PYTHON ?= python3
LAB_ARGS ?=
QUICK ?=
ROUNDS ?= 6
MACHINE_ARGS ?=
BENCH_ARGS ?= $(if $(QUICK),--quick,--publish)

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# One process a core; tests that are still to do move to whichever has nothing left.
SPREAD := -n auto --dist worksteal
# The cells of a notebook share a kernel, so they stay together.
BY_NOTEBOOK := -n auto --dist loadfile
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.installed-bench
DOCS := $(VENV)/.installed-docs
WHEEL := $(VENV)/.installed-wheel
COMPILED := build/.compiled

# A .pxd beside a module marks it as hot; see setup.py.
PXD := $(wildcard pmemobj/*.pxd pmemobj/*/*.pxd)
HOT := $(PXD) $(wildcard $(PXD:.pxd=.py)) $(wildcard pmemobj/crash/*.c)
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help system build lab docs wheel test test-browser test-binder test-wheel test-machine bench crash-corpus crash-figures lint clean

help:  ## list the goals
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22
	@echo
	@echo 'Variables: PYTHON=$(PYTHON)  LAB_ARGS="--ip=0.0.0.0 --port=8889 --no-browser"'
	@echo '           ROUNDS=200 MACHINE_ARGS="--publish" (make test-machine)'
	@echo '           QUICK=1 (make bench, crash-figures)  BENCH_ARGS="--only read --systems builtins,pmemobj"'

# The notebook is the default page, not an argument, so that the address that is printed leads to it.
lab: build  ## open JupyterLab on the index of the course, and print its address
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) \
	    --LabApp.default_url=/lab/tree/notebooks/00_index.ipynb $(LAB_ARGS)

docs: build $(DOCS)  ## make the pages of docs/ as a web site, in build/docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet \
	    -c docs -d build/doctrees . build/docs
	@echo 'pmemobj: build/docs/index.html' >&2

wheel: build $(WHEEL)  ## make a wheel with libpmemobj in it, in dist/
	$(BIN)/python tools/make_wheel.py

# Without a C compiler there is one mode to test, so nothing is left out of it.
test: export PMEMOBJ_CHECK := 1
test: build  ## run every test, compiled and uncompiled, and every notebook
	@if ls pmemobj/_engine/*.so >/dev/null 2>&1; then set -ex; \
	    PMEMOBJ_PURE=0 $(PYTEST) $(SPREAD) -m 'not browser and not fresh_root'; \
	    PMEMOBJ_PURE=1 $(PYTEST) $(SPREAD) -m 'not browser and not fresh_root and not once'; \
	else set -ex; \
	    PMEMOBJ_PURE=1 $(PYTEST) $(SPREAD) -m 'not browser and not fresh_root'; \
	fi
	$(if $(NOTEBOOKS),$(PYTEST) $(BY_NOTEBOOK) --nbval --nbval-current-env --nbval-cell-timeout=120 \
	    -p no:cacheprovider $(NOTEBOOKS))

test-browser: export PMEMOBJ_CHECK := 1
test-browser: build  ## run the tests that drive JupyterLab in Chromium
	@tools/bootstrap.sh $(PYTHON) browser
	$(PYTEST) -n 2 -m browser

# Measured are the compiled modules, and nothing beside them: the checking mode makes each commit cost milliseconds.
test-binder: build  ## set up a fresh machine by binder/ and by the Dockerfile, some minutes, as root
	@tools/bootstrap.sh $(PYTHON) fresh-root
	$(PYTEST) -m fresh_root tests/project/test_binder.py

test-wheel: wheel  ## use the self-contained wheel on a fresh machine without libpmemobj, as root
	@tools/bootstrap.sh $(PYTHON) fresh-root
	$(PYTEST) -m fresh_root tests/project/test_wheel.py

test-machine: build  ## cut the power of a whole emulated machine (ROUNDS=6), some minutes, as root the first time
	@tools/bootstrap.sh $(PYTHON) machine
	PYTHONPATH=tests/support $(BIN)/python -m whole_machine --rounds $(ROUNDS) $(MACHINE_ARGS)

bench: export PMEMOBJ_CHECK := 0
bench: build $(PEERS)  ## measure pmemobj beside its peers, some minutes (QUICK=1: one), into docs/performance.md
	@tools/bootstrap.sh $(PYTHON) bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

crash-corpus: build  ## look for the mistakes of tests/support/crash_corpus, about a minute, and write docs/crash_corpus.md
	PYTHONPATH=tests/support $(BIN)/python -m crash_corpus

crash-figures: build  ## measure crash lab and power cuts against what they are to reach, about 40 minutes (QUICK=1: four), and write docs/power_cuts.md
	@tools/bootstrap.sh $(PYTHON) pmempool
	PYTHONPATH=tests/support $(BIN)/python -m crash_figures $(if $(QUICK),--quick)

lint: $(INSTALLED)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/mypy

build: system $(COMPILED)  ## compile the hot modules whose source has changed

clean:  ## remove what was built or cached, but not .venv
	rm -rf build dist pmemobj/*/*.so .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find benchmarks notebooks pmemobj pmemobj_magics tests -name __pycache__ -prune -exec rm -rf {} +

system:
	@tools/bootstrap.sh $(PYTHON)

# Compiling is left to $(COMPILED), which keeps its objects between runs. They go when flags,
# directives or Cython itself may have changed, since neither Cython nor setuptools notices that.
$(INSTALLED): pyproject.toml setup.py | system
	rm -rf build
	@echo 'pmemobj: installing JupyterLab and the other Python packages into $(VENV), once; this takes some minutes' >&2
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PMEMOBJ_PURE=1 $(BIN)/python -m pip install --quiet --editable '.[notebooks,test,dev]'
	touch $@

$(PEERS): $(INSTALLED)
	@echo 'pmemobj: installing what it is compared with into $(VENV), once' >&2
	PMEMOBJ_PURE=1 $(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@

$(DOCS): $(INSTALLED)
	@echo 'pmemobj: installing what makes the web site into $(VENV), once' >&2
	PMEMOBJ_PURE=1 $(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

$(WHEEL): $(INSTALLED)
	@echo 'pmemobj: installing what makes wheels into $(VENV), once' >&2
	PMEMOBJ_PURE=1 $(BIN)/python -m pip install --quiet --editable '.[wheel]'
	touch $@

# An extension that cannot be made again must not stay behind and shadow its source. Where there
# is a compiler, not to compile is an error, lest a broken build pass for a missing compiler.
$(COMPILED): $(HOT) $(INSTALLED)
	rm -f pmemobj/*/*.so
	if tools/bootstrap.sh $(PYTHON) can-compile; then \
	    echo 'pmemobj: compiling the hot modules, a minute or two; later only what has changed' >&2; \
	    PMEMOBJ_PURE=0 $(BIN)/python setup.py --quiet build_ext --inplace --parallel 2; \
	fi
	mkdir -p $(@D)
	touch $@
