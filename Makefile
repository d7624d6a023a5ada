# Needs Python 3.11 or newer, make and pip. Everything is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
# A plain `torch` pulls gigabytes of CUDA; this version has a CPU build where CI runs.
TORCH := torch==2.13.0
# Small networks gain nothing from more OpenMP threads, and Torch's spin against each other.
TORCH_ENVIRONMENT := KERAS_BACKEND=torch OMP_NUM_THREADS=1
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
# Most of the time of a small fit on JAX is compilation; equal programs are compiled once.
JAX_ENVIRONMENT := KERAS_BACKEND=jax JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.pytest_cache/jax \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0

.PHONY: demo test test-torch test-tensorflow check bench clean

demo: .venv/jax
	mkdir -p reports
	KERAS_BACKEND=jax $(BIN)/equipoise demo --report reports/demo.html

test: .venv/dev
	$(JAX_ENVIRONMENT) $(PYTEST)

test-torch: .venv/torch
	$(TORCH_ENVIRONMENT) $(PYTEST) -m keras

test-tensorflow: .venv/tensorflow
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 $(PYTEST) -m keras

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/dev .venv/torch .venv/tensorflow
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv reports .pytest_cache .ruff_cache .hypothesis

# Each file below marks that what it names is installed, and is older than nothing it depends on.
.venv/made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/jax: .venv/made pyproject.toml
	$(BIN)/pip install --quiet --editable '.[jax,cli,report]'
	touch $@

.venv/dev: .venv/jax
	$(BIN)/pip install --quiet --editable '.[jax,dev]'
	touch $@

.venv/torch: .venv/dev
	$(BIN)/pip install --quiet '$(TORCH)'
	touch $@

.venv/tensorflow: .venv/dev
	$(BIN)/pip install --quiet --editable '.[tensorflow]'
	touch $@
