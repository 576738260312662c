# CellState: `make run` starts the app, `make test` runs every check, `make help` lists all targets.

PORT   ?= 8501
VENV   := .venv
PY     := $(VENV)/bin/python
ARGS   ?=
REQS   := requirements.txt pyproject.toml
CODE   := $(wildcard cellstate train benchmarks tests pages app.py docs/conf.py docs/site data/genes/build.py hatch_build.py)

# Settings of another environment must not affect this one.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_RETRIES ?= 5
export PIP_DEFAULT_TIMEOUT ?= 120

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-fast docs lint format clean

help:
	@echo "make run        start the app on http://127.0.0.1:$(PORT) (another port: make run PORT=8600)"
	@echo "make test       run the linters and every test (some tests: make test ARGS='-k genes')"
	@echo "make test-fast  run the linters and the fast tests"
	@echo "make docs       build the documentation as a site, in docs/_build/html"
	@echo "make lint       check style, types, words and imports"
	@echo "make format     format the code"
	@echo "make clean      delete the environment and every cache"

run: $(VENV)/.for-run
	@exec $(PY) -m cellstate.cli app --port=$(PORT)

# pytest runs last, so that its summary ends the output: one worker a core, one BLAS thread a worker.
test-fast: MARKED := -m "not slow"
test test-fast: $(VENV)/.for-test
	@lint=0; $(MAKE) --no-print-directory lint || lint=1; \
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses=auto --dist=loadfile $(MARKED) $(ARGS); tests=$$?; \
	[ $$lint -eq 0 ] || echo "make $@: a linter failed, see above the tests."; \
	[ $$lint -eq 0 ] && exit $$tests; exit 1

# A dead link or anchor is an error; tutorials that did not change are not executed again.
docs: $(VENV)/.for-docs
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-2} $(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html \
	  docs docs/_build/html && echo "The site is in docs/_build/html: open index.html."

lint: $(VENV)/.for-test
	@status=0; \
	$(PY) -m ruff check --quiet . && echo "ruff: clean" || status=1; \
	$(PY) -m mypy --no-error-summary $(CODE) && echo "mypy: clean" || status=1; \
	$(PY) -m tests.lint.retired_words && echo "words: clean" || status=1; \
	imports=$$(PYTHONPATH=. $(VENV)/bin/lint-imports --no-cache 2>&1) && echo "imports: clean" || { echo "$$imports"; status=1; }; \
	exit $$status

format: $(VENV)/.for-test
	@$(PY) -m ruff check --quiet --fix .
	@$(PY) -m ruff format .

clean:
	$(refuse)
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# One file a purpose: written after an installation, out of date when a list of packages changes.
$(VENV)/.for-run: $(REQS)
	$(call install,requirements.txt)
	@touch $@

$(VENV)/.for-docs: $(REQS) docs/requirements.txt
	$(call install,docs/requirements.txt)
	@touch $@ $(VENV)/.for-run

$(VENV)/.for-test: $(REQS) requirements-dev.txt docs/requirements.txt
	$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.for-docs $(VENV)/.for-run

# An environment that does not start, or that was made in another folder, is made again.
ifneq ($(shell $(PY) -c 'print("sound")' 2>/dev/null) $(shell cat $(VENV)/.folder 2>/dev/null),sound $(CURDIR))
.PHONY: $(VENV)/.for-run $(VENV)/.for-docs $(VENV)/.for-test
endif

# A folder is deleted only where its stamp says that it was made here: for this checkout, or inside it before it moved.
INSIDE := $(filter $(CURDIR)/%,$(abspath $(VENV)))
define refuse
@made=$$(cat $(VENV)/.folder 2>/dev/null); \
if [ -n "$$(ls -A $(VENV) 2>/dev/null)" ] && [ "$$made" != "$(CURDIR)" ] && ! { [ -n "$$made" ] && [ -n "$(INSIDE)" ]; }; then \
  echo "$(VENV) was not made by this checkout's make, so it is left as it is: name another folder with VENV=..." >&2; \
  exit 2; \
fi
endef

define install
$(refuse)
@set -e; \
if [ "$$(cat $(VENV)/.folder 2>/dev/null)" != "$(CURDIR)" ] || ! $(PY) -c 'import pip' 2>/dev/null; then \
  python=; \
  for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
  done; \
  if [ -z "$$python" ]; then \
    echo "CellState needs Python 3.11 or later, and none was found: install it, or name it with make PYTHON=..." >&2; \
    exit 1; \
  fi; \
  rm -rf $(VENV); \
  mkdir -p $(VENV) && printf '%s\n' "$(CURDIR)" > $(VENV)/.folder; \
  "$$python" -m venv $(VENV) || { \
    rm -rf $(VENV); \
    echo "Python could not create an environment: on Debian and Ubuntu, install the package python3-venv." >&2; exit 1; }; \
  echo "Installing CellState into $(VENV): this takes some minutes, once."; \
else \
  echo "Updating $(VENV) with $(1)."; \
fi; \
$(PY) -m pip install -qq -r $(1); \
$(PY) -m pip install -qq --no-deps -e .
endef
