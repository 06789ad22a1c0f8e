# Everything here works from a fresh clone with python3 (3.10 to 3.13), make and a JDK (17 or later).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
ACTIVATE := . .venv/bin/activate
# What gpu-check runs with: it needs torch, numpy, h5py and safetensors, and nothing installed here.
PYTHON ?= python3
GPU_REPORT ?= results/gpu-check.json
# What the set-up depends on; a later change to one of these runs it again.
SETUP_INPUTS := pyproject.toml constraints.txt $(wildcard scripts/*.sh scripts/*.py scripts/*.lock scripts/*.txt)

# A tree that was copied or moved with its .venv needs the set-up again.
ifneq ($(shell test "$$(cat .venv/.setup-done 2>/dev/null)" = "$$(pwd -P)" && echo here),here)
SETUP_INPUTS += moved
endif

# Folders of genomes that are at hand, for model: those in no package are taken from there.
GENOMES ?=
# How many runs `make faults` makes.
TOOL_RUNS ?= 44
PIPELINE_RUNS ?= 8

# How many inputs `make fuzz` mutates, and how.
FUZZ_CASES ?= 10000
FUZZ_SEED ?= 1

.PHONY: moved help setup demo test test-all check bench model faults fuzz gpu-check clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 17

setup: .venv/.setup-done ## make .venv with the package and, where none is on PATH, Nextflow

.venv/.setup-done: $(SETUP_INPUTS)
	@scripts/setup.sh

demo: setup ## classify a small sample with the bundled model, and compare with what it is
	@$(ACTIVATE) && nextflow run main.nf -profile demo --outdir results/demo
	@printf '\nWhat the sample is made of, and how it was called:\n'
	@$(ACTIVATE) && virnucpro report truth results/demo/demo/sequences.tsv assets/demo/truth.tsv
	@printf '\nReport:   results/demo/demo/report.html (open it in a browser)\n'
	@echo "Results:  results/demo/demo/sequences.tsv, a row a record"

test: setup ## what a change must pass: formatter, linter, types, tests; nf-test's suites where it is on PATH
	@scripts/test.sh

test-all: setup ## the same, and the tests that take long
	@scripts/test.sh --all

check: setup ## formatter, linter, types, strict syntax of the pipeline, fast tests
	@$(ACTIVATE) && ruff format --check . && ruff check . && mypy
	@$(ACTIVATE) && python -m pytest -q -m "not slow and not pipeline"

bench: setup ## the benchmark reports and suites, about 25 minutes; peers and results in .bench
	@$(ACTIVATE) && pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@$(ACTIVATE) && virnucpro bench frames
	@$(ACTIVATE) && virnucpro bench embed --sizes 8M,35M,150M --patience 30 --output .bench/report
	@$(ACTIVATE) && virnucpro bench all --quick --output .bench/suites

model: setup ## train the bundled model anew, some hours, after a stop from there; GENOMES names folders
	@$(ACTIVATE) && scripts/collect_genomes.py build/genomes $(GENOMES:%=--also %)
	@$(ACTIVATE) && scripts/marker_genes.py build/genomes
	@$(ACTIVATE) && scripts/train_model.py build/genomes/model_sheet.tsv build/model --work build/model-work
	@echo "Model: build/model, report: build/model-work/evaluation.html"

faults: setup ## kill and resume runs at random, and compare their results; TOOL_RUNS, PIPELINE_RUNS
	@$(ACTIVATE) && python -m tests.faults --tool-runs $(TOOL_RUNS) --pipeline-runs $(PIPELINE_RUNS)

fuzz: setup ## mutate inputs at random, and read each; FUZZ_CASES, FUZZ_SEED
	@$(ACTIVATE) && python -m tests.fuzz --cases $(FUZZ_CASES) --seed $(FUZZ_SEED)

gpu-check: ## tests and speed on a CUDA machine; needs no set-up, only PYTHON with torch
	@PYTHONPATH=. $(PYTHON) -m tests.gpu --output $(GPU_REPORT)

clean: ## remove everything that make, the tests and the pipeline made, but not results
	@rm -rf .venv .bench build dist work .nextflow .nextflow.log* .nf-test .nf-test.log .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
