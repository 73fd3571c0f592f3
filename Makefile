# make demo    run the whole pipeline on a built-in phantom; look into demo-output/
# make test    run the tests
# make lint    run the linters and the type checker
# make bench   measure time and error of every method
# make evidence  compare ways through the pipeline on several heads, and say how far its measures of quality can be trusted
# make docs    write the methods' pages anew, with pictures
# make screenshots  draw the panel with the sample data in it, and a report, for the documentation
# make clean   remove what the others made

PYTHON ?= python3
JOBS ?= auto
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
OLDEST := 3.11
# PyTorch for the processor: PyPI's own brings several GB of libraries for GPUs along
PIP_TORCH = $(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0+cpu' 2>/dev/null
TORCH_INDEX := --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 20

.PHONY: venv system demo test lint bench docs evidence screenshots clean

venv: $(READY)

# what the panel's and the views' tests need to draw without a display, and a browser for the reports'
system:
	@Testing/install_system_packages.sh $(PYTHON)

$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(OLDEST)".split("."))))' || \
	  { echo "$(PYTHON) is missing or older than $(OLDEST): name another one, such as make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[figures]'
	@touch $@

$(READY): $(RUNS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@$(PIP_TORCH) || $(PIP_TORCH) $(TORCH_INDEX) || \
	  echo "PyTorch for the processor cannot be installed here: the tests of the GPU's path will be skipped" >&2
	@touch $@

demo: $(RUNS)
	$(BIN)/qsm demo --out demo-output --force

test: system $(READY)
	$(BIN)/python -m pytest -n $(JOBS) -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python Testing/benchmark.py
	$(BIN)/python Testing/costs.py

docs: $(READY)
	$(BIN)/python Testing/make_docs.py --pictures

evidence: $(READY)
	$(BIN)/python Testing/robustness.py
	$(BIN)/python Testing/quality_evidence.py

screenshots: system $(READY)
	$(BIN)/python Testing/screenshots.py
	$(BIN)/python Testing/report_screenshot.py

clean:
	rm -rf $(VENV) demo-output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
