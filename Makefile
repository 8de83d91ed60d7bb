# Targets for users and contributors; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_PROCESSES ?= 2
STUDY_JOBS ?= 2

.PHONY: help house quickstart studies test test-slow test-machines test-wheel test-frameworks test-clients test-playground lint format docs docs-tables pictures check clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"diffkeras needs Python 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}; give another one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments; install its venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "making $(VENV) and installing into it, which takes 2 to 5 minutes, in silence"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --config-settings editable_mode=compat --editable '.[test,lint,docs]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable distributions/benchmark
	@touch $@

quickstart: $(STAMP)  ## generate, train two surrogates and evaluate them, at a reduced scale
	$(BIN)/diffkeras generate --config configs/quickstart.yaml
	@echo "a small encoder-decoder, which trains for some minutes:"
	$(BIN)/diffkeras train --config configs/quickstart.yaml --overwrite
	$(BIN)/diffkeras evaluate saved_models/quickstart
	@echo "for comparison, rounds of conjugate gradients with learned windows and no network:"
	$(BIN)/diffkeras train --config configs/quickstart_corrected.yaml --overwrite
	$(BIN)/diffkeras evaluate saved_models/quickstart_corrected

studies: $(STAMP)  ## run the reduced studies: several hours; times are measured one run at a time
	for file in configs/studies/*_reduced.yaml paper/studies/*_reduced.yaml; do \
	    case $$file in *training_time*) jobs=1;; *) jobs=$(STUDY_JOBS);; esac; \
	    $(BIN)/diffkeras study --config $$file --jobs $$jobs || exit 1; \
	done

test: $(STAMP)  ## run the tests, in two processes
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-slow: $(STAMP)  ## run the long and large tests as well
	$(BIN)/python -m pytest -m 'not wheel' -n $(TEST_PROCESSES) --dist loadfile

test-machines: $(STAMP)  ## run the tests that compute with other kernels of BLAS, and with plain NumPy
	$(BIN)/python -m benchmarks.machines

test-wheel: $(STAMP)  ## build what is released, and try it in bare environments (up to 9 GB, minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt build twine
	$(BIN)/python -m pytest -m wheel tests/test_setup.py

test-frameworks: $(STAMP)  ## install PyTorch and JAX as well (up to 3 GB), and test fields in them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --config-settings editable_mode=compat --editable '.[frameworks]'
	$(BIN)/python -m pytest tests/frameworks docs/tests/test_gallery.py

test-clients: $(STAMP)  ## install AnnData as well, and test the examples for other programs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --config-settings editable_mode=compat --editable '.[clients]'
	$(BIN)/python -m pytest docs/tests/test_clients.py

test-playground: $(STAMP)  ## open the pages of `make docs` and draw on the playground in headless Chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --config-settings editable_mode=compat --editable '.[browser]'
	@mkdir -p docs/_build
	$(BIN)/python -m pytest -m 'slow or not slow' --basetemp docs/_build/playground docs/tests/test_playground.py docs/tests/test_playground_page.py docs/tests/test_pages.py docs/tests/test_site.py
	@ls docs/_build/playground/*[0-9]/*.png 2>/dev/null || echo "no pictures: Chromium isn't installed (Debian: apt-get install chromium)"

lint: $(STAMP)  ## check style, format, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## build the documentation into docs/_build/html
	$(BIN)/python -m docs.tables --check
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q -b html docs docs/_build/html

docs-tables: $(STAMP)  ## write the pages' tables from what was measured and from the code
	$(BIN)/python -m docs.tables

pictures: $(STAMP)  ## draw the pages' pictures that need no trained run (others: python -m docs.pictures --help)
	$(BIN)/python -m docs.pictures

house: $(STAMP)  ## count files and lines by room, and the files that three calls enter
	$(BIN)/python -m benchmarks.house --paths 2>/dev/null

check: lint test docs  ## all that CI runs

clean:  ## remove the environment and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache docs/_build docs/worked_examples
