# make reproduce: every table and figure.  make report: all of them on one HTML page.
# make test: what CI runs.  Each sets everything up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Of pip's messages only errors; a retried download or a newer pip is no news here.
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
SMK := Snakefile workflow/rules/*.smk

.PHONY: reproduce report publish test gpu slurm faults notebooks lint format clean

# The newest Python from 3.11 on that is here, or $(PYTHON).
$(VENV)/installed: requirements.lock pyproject.toml
	@test -d $(VENV) || { \
	  for python in $(PYTHON) python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      echo "Creating the environment with $$($$python --version)"; \
	      $$python -m venv $(VENV); break; fi; done; }
	@test -x $(BIN)/python || { echo "Python 3.11 or later is needed (PYTHON=...)"; exit 1; }
	@echo "Installing the packages of requirements.lock (6.5 GB; minutes, the first time)"
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

# One run at a time; the same command goes on after a run that was killed.
reproduce: $(VENV)/installed
	$(BIN)/python workflow/alone.py --cores all $(ARGS)

# The page of what `make reproduce` made with the same ARGS, and what it lacks; without notebooks.
report: $(VENV)/installed
	$(BIN)/python workflow/alone.py report --cores all $(ARGS)

# Unit tests; those that train or explain networks once more, with other rounding and another seed;
# the notebooks' outputs against the committed results; a whole workflow run at demo scale, with the
# notebooks on its results.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 3 --dist loadfile
OTHERWISE := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 PAPER_CODE_TEST_SEED=1
test: lint
	$(PYTEST)
	$(OTHERWISE) $(PYTEST) tests/training tests/inference/test_prediction.py tests/cam/test_cam.py tests/cam/test_drop_in.py
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with notebooks/nbval.cfg notebooks
	$(BIN)/snakemake --cores all --config scale=demo data=phantom

# All that is to be known about this machine's GPU, in at most 8 minutes: benchmarks/results/gpu_*.md
gpu: $(VENV)/installed
	$(BIN)/python benchmarks/gpu.py $(ARGS)

# Runs through a SLURM of one node on this machine, with faults (needs root on Debian or Ubuntu).
slurm: $(VENV)/installed
	$(PIP) install snakemake-executor-plugin-slurm
	$(BIN)/python tests/slurm/loopback.py

# Bad inputs, full disks, broken downloads, and kills of a small run (forty minutes on two busy cores).
KILLS ?= 50
faults: $(VENV)/installed
	FAULT_DRAWS=5000 KILLS=$(KILLS) $(BIN)/python -m pytest tests/faults

# Puts the results of FROM where committed results stand, with the README's answer and the notebooks.
# What made them: snakemake --cores all --configfile config/published.yaml --config data_root=DIR
FROM ?= results/published
publish: $(VENV)/installed
	cp $(FROM)/tables/* tables/
	cp $(FROM)/figures/* figures/
	$(BIN)/python -m paper_code summary --tables tables/*.csv --scale demo --output tables/summary.md \
	  --readme README.md
	$(MAKE) notebooks

# Executes the notebooks against the committed tables/ and figures/ and keeps their outputs.
notebooks: $(VENV)/installed
	$(BIN)/jupyter nbconvert --config notebooks/jupyter_nbconvert_config.py --execute \
	  --to notebook --inplace notebooks/*.ipynb

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check $(SMK)
	$(BIN)/snakemake --lint

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(SMK)

# What the workflow made below results/, and caches; tables/, figures/ and .venv/ stay.
clean:
	rm -rf results logs .snakemake .pytest_cache .ruff_cache .hypothesis
