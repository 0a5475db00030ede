# Every target sets up what it needs in .venv; a stamp file per set of extras makes that quick
# the second time. PYTHON picks the interpreter that the environment is made with.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SETUP_LAB := $(VENV)/.stamp-lab
SETUP_TEST := $(VENV)/.stamp-test
SETUP_BENCH := $(VENV)/.stamp-bench
# Not `python -m pytest`: that would put the root on sys.path, where `import engine` works.
PYTEST := $(VENV)/bin/pytest
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

NOTEBOOKS := notebooks
START := $(NOTEBOOKS)/00_start.ipynb
# Jupyter refuses to run as root unless told that this is meant (containers, CI).
ROOT_ARGS := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)
LAB_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup lab test unit notebooks browser check types bench wheel clean

help:
	@echo "make lab        JupyterLab at the first tutorial"
	@echo "make test       all tests: unit, doctests, notebooks, browser"
	@echo "make check      formatting, lint and types"
	@echo "make types      types only"
	@echo "make notebooks  the tutorials' tests only"
	@echo "make bench      timings against NumPy, JAX, PyTensor (and PyTorch when installed)"
	@echo "make wheel      build dist/*.whl"

setup: $(SETUP_TEST)

# Without Debian's python3-venv this leaves half an environment behind, which must not count.
$(PY):
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(SETUP_LAB): pyproject.toml | $(PY)
	$(PIP) --editable '.[lab]'
	touch $@

$(SETUP_TEST): pyproject.toml | $(PY)
	$(PIP) --editable '.[lab,test,dev]'
	touch $@ $(SETUP_LAB)

$(SETUP_BENCH): pyproject.toml | $(PY)
	$(PIP) --editable '.[lab,bench]'
	touch $@ $(SETUP_LAB)

# JupyterLab shows the saved pictures of notebooks that it trusts.
lab: $(SETUP_LAB)
	@$(VENV)/bin/jupyter trust $(NOTEBOOKS)/*.ipynb >/dev/null
	$(VENV)/bin/jupyter lab $(ROOT_ARGS) $(LAB_ARGS) $(START)

# Runs every kind of test, then fails when any of them failed.
test: $(SETUP_TEST)
	@failed=; for part in unit notebooks browser; do \
	  echo "== $$part"; $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi; echo "all tests passed"

# Doctests are among these (tests/package/test_doctests.py).
unit: $(SETUP_TEST)
	$(PYTEST) -n 2 tests --ignore=tests/notebooks --ignore=tests/browser $(PYTEST_ARGS)

notebooks: $(SETUP_TEST)
	$(PYTEST) -n 2 tests/notebooks $(PYTEST_ARGS)
	$(PYTEST) --nbval-lax --nbval-cell-timeout=60 -n 2 --dist loadfile $(NOTEBOOKS) $(PYTEST_ARGS)

browser: $(SETUP_TEST)
	$(PYTEST) tests/browser $(PYTEST_ARGS)

check: $(SETUP_TEST)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	@$(MAKE) --no-print-directory types

# mypy can't follow an editable mapping of folders to packages; a tree of links shows it the
# names that the package is imported by.
types: $(SETUP_TEST)
	@rm -rf .types && mkdir -p .types/arignote
	@ln -s $(CURDIR)/engine/* $(CURDIR)/viz $(CURDIR)/kernel_ext .types/arignote/
	MYPYPATH=.types $(VENV)/bin/mypy --package arignote

bench: $(SETUP_BENCH)
	$(PY) tests/bench/run.py $(BENCH_ARGS)

wheel: $(SETUP_TEST)
	rm -rf build dist
	$(PY) -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build
	@ls dist/*.whl

clean:
	rm -rf .venv .types .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
