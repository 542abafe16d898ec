# Everything a newcomer needs: `make demo`, then `make test`. Each does all the set-up itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test test-slow check benchmark fidelity clean

setup: $(STAMP)

# uv comes from pip inside a small bootstrap environment, so nothing on the machine is changed.
$(STAMP): requirements.lock pyproject.toml
	@test -x $(VENV)/bootstrap/bin/uv || { \
	  echo "Setting up: fetching uv"; \
	  $(PYTHON) -m venv $(VENV)/bootstrap || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 4; }; \
	  $(VENV)/bootstrap/bin/python -m pip install -q uv; }
	@test -x $(BIN)/python || $(VENV)/bootstrap/bin/uv venv -q --allow-existing -p '>=3.10,<3.13' $(VENV)
	@echo "Setting up: installing the locked packages"
	@$(VENV)/bootstrap/bin/uv pip install -q -p $(BIN)/python -r requirements.lock
	@$(VENV)/bootstrap/bin/uv pip install -q -p $(BIN)/python --no-deps -e .
	@touch $@

demo: setup
	$(BIN)/python infer.py --motion vfa

test: setup
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -x

benchmark: setup
	$(BIN)/python -m tests.performance

# How good an animation is: docs/fidelity.md. OPTIONS="--quick --out build" for a small try.
fidelity: setup
	$(BIN)/python -m tests.performance.fidelity $(OPTIONS)

# Methods against exact truth in a few minutes: a small synthetic suite, all weight-free metrics, the leaderboard.
DEMO := results/benchmark-demo
benchmark-demo: setup
	$(BIN)/bench run --suite synthetic --methods oracle,static,copy,vfa-landmarks,vfa --out $(DEMO)/run \
	  --people 2 --clips 1 --crossed 1 --frames 32 --size 192 --workers 2
	$(BIN)/bench leaderboard $(DEMO)/run --out $(DEMO)/leaderboard

clean:
	rm -rf $(VENV) build *.egg-info
