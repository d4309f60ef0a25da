# `make demo` and `make test` need Python 3.11 or newer and nothing else; each makes .venv from a committed lock.
# Another Python beside it: make test VENV=.venv-3.13 PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# Both ends of what pyproject.toml allows are locked: Python 3.11 gets the oldest, all that follow the newest.
# An environment that is there is asked rather than PYTHON, which need not be what made it.
END := $(shell $(or $(wildcard $(BIN)/python),$(PYTHON)) -c \
	'import sys; print("newest" if sys.version_info >= (3, 12) else "oldest")' 2> /dev/null || echo newest)
LOCKS := requirements/$(END)
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	pyproject.toml --group build
# Without --universal, since that would resolve for every later Python too.
OLDEST := --python-version 3.11 --python-platform linux
NEWEST := --python-version 3.11 --universal
TWINE := 6.2.0

.PHONY: help demo test check docs evidence profiles neurons series idioms modules results bench bench-peers cost-model large lock release clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Train on the digits, lower, export, verify and compare; results in out/
	$(BIN)/expifref run --out out

test: $(DEV) check ## Check style, types and layers, then run all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

ifeq ($(END),oldest)
# What libraries say about their types gets better: it is the newest that ours are checked against.
check:
	$(MAKE) check VENV=.venv-newest END=newest
else
check: $(DEV) ## Check style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
endif

docs: ## Build the documentation as a site in out/site, its tutorial run anew (2 minutes)
	$(MAKE) VENV=.venv-docs END=newest .venv-docs/.docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

evidence: profiles neurons series idioms modules ## Everything that the documentation claims, anew (2 hours; resumes)

profiles: $(RUNTIME) ## Train, lower for every profile, verify and compare; writes docs/evidence.md (10 minutes)
	$(BIN)/python benchmarks/evidence.py

neurons: $(RUNTIME) ## Firing patterns, and a task that needs delays; writes docs/{firing_patterns,delays}.json (4 minutes)
	$(BIN)/python benchmarks/firing_patterns.py
	$(BIN)/python benchmarks/delays.py --out docs

series: $(VENV)/.series ## Recurrent networks on series; writes docs/series.md (50 minutes; resumes)
	$(BIN)/python benchmarks/series.py

idioms: $(DEV) ## Networks as people write them, on every executor; writes docs/networks.md (10 minutes)
	PYTHONPATH=. $(BIN)/python benchmarks/idioms.py

modules: $(DEV) ## Read 1,000 random modules; writes docs/random_modules.json (25 minutes; resumes)
	PYTHONPATH=. $(BIN)/python benchmarks/random_modules.py

results: $(RUNTIME) ## Train, lower and finetune over word sizes and seeds; writes docs/results.md (an hour; resumes)
	$(BIN)/python benchmarks/results.py

bench: $(DEV) ## Time our executors against others; writes docs/benchmarks.md (10 minutes; BENCH="--group W1 --out out")
	PYTHONPATH=benchmarks $(BIN)/python -m speed.run $(BENCH)

bench-peers: | $(VENV)/bin/python ## Install the other simulators, each in its own environment, for make bench
	PYTHONPATH=benchmarks $(BIN)/python -m speed.install

cost-model: $(RUNTIME) ## Measure what operations cost here and predict other runs; writes docs/cost_model.md (4 minutes)
	$(BIN)/python benchmarks/cost_run.py

large: $(RUNTIME) ## Lower, export and verify 100 million weights; writes docs/large_networks.md (10 minutes; 2 GB in out/large)
	$(BIN)/python benchmarks/large_network.py

lock: $(DEV) ## Resolve the locks anew from pyproject.toml
	$(COMPILE) $(OLDEST) --resolution lowest-direct --output-file requirements/oldest/runtime.lock
	$(COMPILE) $(OLDEST) --group dev --constraint requirements/oldest/runtime.lock --output-file requirements/oldest/dev.lock
	$(COMPILE) $(NEWEST) --output-file requirements/newest/runtime.lock
	$(COMPILE) $(NEWEST) --group dev --constraint requirements/newest/runtime.lock --output-file requirements/newest/dev.lock
	$(COMPILE) $(NEWEST) --group docs --constraint requirements/newest/runtime.lock --output-file requirements/newest/docs.lock

$(VENV)/.docs: requirements/newest/docs.lock $(RUNTIME)
	$(PIP) --requirement requirements/newest/docs.lock
	touch $@

# Its data is wanted, not its code, so nothing that it needs.
$(VENV)/.series: requirements/aeon.txt $(RUNTIME)
	$(PIP) --no-deps --requirement requirements/aeon.txt
	touch $@

release: $(DEV) ## Build wheel and sdist in dist/, check both, and run the demo of the wheel in an empty environment
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist
	$(BIN)/uv tool run twine==$(TWINE) check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/python -m venv dist/try
	dist/try/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCKS)/runtime.lock
	dist/try/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	cd dist && try/bin/expifref run --out demo
	rm -rf dist/try dist/demo

clean: ## Remove the environment and everything that was made
	rm -rf .venv .venv-* out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .grimp_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "expifref needs Python 3.11 or newer; say PYTHON=... to make")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(LOCKS)/runtime.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) --requirement $(LOCKS)/runtime.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(DEV): $(LOCKS)/dev.lock $(RUNTIME)
	$(PIP) --requirement $(LOCKS)/dev.lock
	touch $@
