# m1flow in two commands: `make run` and `make test`. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env run report check test lint clean

CORES ?= all#                         maximum number of cores of a run
CONFIG ?= config/config.yaml#         the study; later files are laid over earlier ones
DOCKER ?= docker#                     program that builds the container image
WORKERS ?= 2#                         parallel test processes
ENGINE ?= transformers#               engine that `make env` installs: transformers, or vllm as well
SKIPS ?= any#                         skipped tests allowed: any, or those listed in tests/helpers/skips.py
BUDGET ?= 32#                         cap on thinking tokens for `make ask`
SERVICE ?= pypi#                      service that `make audit` asks

# The environment is made with the first of these that is new enough.
PYTHONS := python3 python3.12 python3.13 python3.11
NEW_ENOUGH := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

# A stamp is named after the content and place of its lock: a changed pin or a moved folder installs again, a file that
# git merely touched does not. An interrupted installation has no stamp, and is repeated.
stamp = .venv/.$(1)-$(shell (pwd; cat envs/torch.in envs/$(1).lock) | cksum | cut -d' ' -f1)
RUN := $(call stamp,run)
VLLM := $(call stamp,vllm)
DEV := $(call stamp,dev)

STUDY = $(or $(shell sed -n 's/^study:[[:space:]]*\([^[:space:]#]*\).*/\1/p' $(CONFIG) | tail -n 1),demo)
REPORT = results/$(STUDY)/report/index.html

# The question as it was typed: neither make nor the shell may interpret it.
unexport QUESTION
export ASKED := $(value QUESTION)

# Rules call `python`, which must be the environment's.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12
	@echo 'Settings: CORES=$(CORES)  CONFIG="$(CONFIG)"  WORKERS=$(WORKERS)'

env: $(RUN) $(if $(filter vllm,$(ENGINE)),$(VLLM))  ## make the environment in .venv (ENGINE=vllm: for real models on a CPU)

run: $(RUN)  ## run a study (the demo, or CONFIG=...) and name its report
	@python workflow/scripts/check_config.py --configfile $(CONFIG)
	@snakemake --cores $(CORES) --configfile $(CONFIG)
	@echo; echo "Report: $(REPORT)"

report:  ## name the report of a study
	@test -e $(REPORT) || { echo "error: $(REPORT): not written yet; run: make run CONFIG=\"$(CONFIG)\"" >&2; exit 1; }
	@echo $(REPORT)

check: lint  ## the quick tests, under 3 minutes
	@pytest -q -m "not slow and not e2e and not gpu" -n $(WORKERS) --dist worksteal

test: lint  ## lint and every test that needs no GPU
	@pytest -m "not gpu" -n $(WORKERS) --dist loadfile --no-loadscope-reorder --skips $(SKIPS)

lint: $(RUN) $(VLLM) $(DEV)  ## style of Python and Snakemake code
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow/Snakefile rules
	@mypy
	@snakemake --lint

.PHONY: docs
docs: $(RUN) $(DEV)  ## write the generated files: pages of docs/reference, and config/schema.json
	@python docs/write_config.py
	@python docs/write_workflow.py
	@python docs/write_tables.py
	@python docs/write_files.py
	@python docs/write_commands.py

.PHONY: site
site: $(RUN) $(DEV)  ## build the documentation as a site in docs/_build; broken links make it fail
	@sphinx-build -W --keep-going -q -b html docs docs/_build
	@cp docs/_build/README.html docs/_build/index.html

.PHONY: links
links: $(RUN) $(DEV)  ## check that addresses in the documentation answer; needs the network
	@sphinx-build -q -b linkcheck docs docs/_build/links

.PHONY: slurm-check
slurm-check: $(RUN)  ## check whether a SLURM cluster can run a study (CONFIG=...); docs/running/cluster.md
	@python workflow/scripts/check_slurm.py --configfile $(CONFIG)

.PHONY: image
image:  ## build the container image m1flow (DOCKER=podman, GPU=1 for NVIDIA GPUs); docs/running/cluster.md
	@$(DOCKER) build --file containers/Dockerfile --tag m1flow $(if $(filter-out 0,$(GPU)),--build-arg GPU=1) .

.PHONY: ask
ask: $(RUN)  ## ask a model: MODEL=results/demo/models/... BUDGET=32 QUESTION="..." (else typed); docs/guide/asking.md
	@$(if $(ASKED),printf '%s' "$$ASKED" |) python workflow/scripts/ask.py $(or $(MODEL),$(error MODEL: missing; give a model folder, as in make ask MODEL=results/demo/models/tiny_hard_1000)) --budget $(BUDGET) $(ARGS) $(if $(ASKED),-)

.PHONY: locks
locks: $(RUN)  ## compile the locks and conda environments of envs/ from its .in files; needs the network
	@python envs/compile.py --uv .venv/bin/uv

.PHONY: audit
audit: $(RUN)  ## look for known vulnerabilities in the pinned packages (SERVICE=pypi or osv); needs the network
	@python envs/audit.py --service $(SERVICE)

clean:  ## remove the environment and the tools' caches; results stay
	rm -rf .venv .audit docs/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find workflow tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@for python in $(PYTHONS); do \
	  if "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "error: no Python from 3.11 to 3.13 among: $(PYTHONS); install one, then run make again" >&2; exit 1; \
	fi; \
	echo "Installing the pinned packages of envs/run.lock into .venv with $$found: a minute, once."; \
	"$$found" -m venv --clear .venv || { \
	  echo "error: $$found can't make virtual environments; install its venv module (Debian: python3-venv)" >&2; exit 1; }
	@.venv/bin/python envs/install.py run
	@touch $@

$(VLLM) $(DEV): .venv/.%: $(RUN)
	@echo "Adding the packages of envs/$(firstword $(subst -, ,$*)).lock."
	@.venv/bin/python envs/install.py $(firstword $(subst -, ,$*))
	@touch $@
