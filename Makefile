# callgate: `make demo` shows the main job, `make test` proves it. Everything else is for who works on it.
SHELL := /bin/sh
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup docker demo test test-live test-calls test-rules test-rest lint check supply idle fuzz flood bench ledger-servers soak-ledger replay-profiles life exposure-table numbers paths lab lab-down run faults stories soak restarts prompts dialplan requirements

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## .venv with everything pinned, and the Debian packages that are missing
	@sh docker/setup.sh

docker: setup
	@sh docker/daemon.sh
	@sh docker/base.sh

demo: docker ## real calls through a real Asterisk, refused and granted, as they happen
	@$(PY) docker/demo.py

test: docker ## every test: rules, ledger on real Redis, real Asterisk with real SIP
	@echo "callgate: four groups of tests, two at a time; each is shown when it is done"
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line --old-file=docker --old-file=setup \
	    test-live test-calls test-rest test-rules

# Real calls mostly wait, the rest mostly computes; so the calls begin first, each group in labs of its own, and the
# others run after them. Only what must be covered wholly is measured: that doubles its time.
# A new file of real calls belongs to test-calls, a new folder of tests to the rest, until it is named here.
LIVE := $(patsubst %,tests/system/test_%.py,guard live lock stories)
# Of the fault matrix what takes seconds; `make faults` runs it whole.
FAULTS := $(patsubst %,tests/faults/test_%.py,matrix emergency gate_gone gate_fault)
CALLS := tests/system tests/docker $(FAULTS)
RULES := tests/asterisk_agi tests/core tests/ledger

test-live: docker ## the tests with real calls that control looks after
	@$(PY) -m pytest -q $(LIVE)

test-calls: docker ## the other tests with real calls
	@$(PY) -m pytest -q $(CALLS) $(addprefix --ignore=,$(LIVE))

test-rules: setup ## the tests of what must be covered wholly, branches included: wire, rules, ledger
	@$(PY) -m pytest -q --cov --cov-report=term-missing:skip-covered --cov-fail-under=100 $(RULES)

test-rest: setup ## all other tests
	@$(PY) -m pytest -q tests $(addprefix --ignore=,$(CALLS) tests/faults $(RULES))

lint: setup ## ruff (all rules) and mypy (strict)
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

check: lint supply test ## what must be green before a push

supply: setup ## the dependencies' known vulnerabilities, and the list of all parts (.lab/sbom.cdx.json)
	@$(PY) docker/supply.py

idle: setup ## ten thousand idle connections at the gate, and what twenty calls a second wait beside them
	@PYTHONPATH=tests $(PY) -m bench.idle

fuzz: setup ## ten million dialled strings before two readers, ten million byte streams before the gate (COUNT=, SEED=, WORKERS=), then atheris
	@PYTHONPATH=tests $(PY) -m fuzz.run $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))
	@PYTHONPATH=agi:tests $(PY) -m fuzz.agi_run $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(WORKERS),--workers $(WORKERS))
	@PYTHONPATH=tests $(PY) -m fuzz.fuzz_dialled -max_total_time=120
	@PYTHONPATH=agi:tests $(PY) -m fuzz.fuzz_agi -max_total_time=120

flood: setup ## 10,000 calls a minute at a real gate, what they cost others; kill -9 among 100,000 refusals (SECONDS=, REFUSALS=, KILLS=, SEED=, WORKERS=)
	@PYTHONPATH=agi:tests $(PY) -m flood.run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(REFUSALS),--refusals $(REFUSALS)) \
	    $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(if $(WORKERS),--workers $(WORKERS))

bench: setup ## speed beside phonenumbers and plain look-ups, as ratios of one run; the ledger's memory and speed
	@PYTHONPATH=tests $(PY) -m bench.run

ledger-servers: setup ## the ledger's tests on this machine's Redis, Redis 8 and Valkey 9, alone and as a cluster
	@sh docker/stores.sh
	@for program in redis-server $(CURDIR)/.lab/stores/redis-server $(CURDIR)/.lab/stores/valkey-server; do \
	    CALLGATE_STORE_PROGRAM=$$program $(PY) -m pytest -q tests/ledger || exit; \
	    CALLGATE_STORE_PROGRAM=$$program CALLGATE_STORE_CLUSTER=1 $(PY) -m pytest -q tests/ledger/test_contract_*.py || exit; \
	done

soak-ledger: setup ## a million operations on the ledger: kills, trouble, clock jumps (OPERATIONS=, SEEDS=, KILLS=, SEED=)
	@PYTHONPATH=tests $(PY) -m soak.run $(if $(OPERATIONS),--operations $(OPERATIONS)) $(if $(SEEDS),--seeds $(SEEDS)) \
	    $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

replay-profiles: setup ## five published attacks through replay, beside a calendar-day cap fed by CDRs (writes docs/replay.md)
	@PYTHONPATH=tests $(PY) -m replay.profiles_table --write docs/replay.md

life: setup ## thirteen weeks of ordinary practices: who was refused (about five minutes; writes docs/policy.md)
	@PYTHONPATH=tests $(PY) -m life.life_table --write docs/policy.md

exposure-table: setup ## write the table of docs/exposure.md again
	@PYTHONPATH=tests $(PY) -m properties.exposure_table --write docs/exposure.md

numbers: setup ## write the table of docs/numbers.md again: callgate beside three naive ways
	@PYTHONPATH=tests $(PY) -m bench.naive --write docs/numbers.md

paths: docker ## every way out on a real Asterisk, 100 attempts past the gate (ATTEMPTS=, REFUSED=satellite; writes docs/paths.md)
	@PYTHONPATH=agi:docker:tests $(PY) -m system.paths_table --write docs/paths.md $(if $(ATTEMPTS),--attempts $(ATTEMPTS)) $(if $(REFUSED),--refused $(REFUSED))

lab: docker ## leave the lab running: Asterisk, phones 101 to 105, two carriers, Redis, the gate
	@$(PY) docker/lab_command.py up

lab-down: setup ## end the lab
	@$(PY) docker/lab_command.py down

run: setup ## the daemon on this machine, with the sample settings
	@.venv/bin/callgate --settings policies/callgate.toml serve

faults: docker ## everything that may break, broken on the real stack, and what was seen (EMERGENCY=10000, WORKERS=; writes docs/faults.md)
	@EMERGENCY=$(EMERGENCY) WORKERS=$(WORKERS) PYTHONPATH=agi:docker:tests $(PY) -m faults.run --write docs/faults.md

stories: docker ## five hundred random calls on a real Asterisk, which is killed once: what is booked (COUNT=, SEED=)
	@PYTHONPATH=tests:docker:agi $(PY) -m system.stories $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

soak: docker ## 100,000 calls through a real Asterisk at a steady rate, about an hour (COUNT=, RATE=)
	@PYTHONPATH=tests:docker:agi $(PY) -m system.soak $(if $(COUNT),--calls $(COUNT)) $(if $(RATE),--rate $(RATE))

restarts: docker ## the gate restarted twenty times, twice as a whole, under live calls and steady load, on a real Asterisk (COUNT=, WHOLE=, KILLS=)
	@PYTHONPATH=tests:docker:agi $(PY) -m system.restarts $(if $(COUNT),--count $(COUNT)) $(if $(WHOLE),--whole $(WHOLE)) $(if $(KILLS),--kills $(KILLS))

prompts: ## make the spoken prompts again from the texts (needs espeak-ng and sox)
	@sh docker/prompts.sh

dialplan: setup ## write the sample dialplan again from the sample settings
	@.venv/bin/callgate --settings policies/callgate.toml dialplan >asterisk-conf/callgate.conf
	@.venv/bin/callgate --settings policies/callgate.toml dialplan --last-resort >asterisk-conf/callgate-last-resort.conf

requirements: setup ## pin the dependencies again
	@$(PY) -m pip install --quiet uv
	@for name in run dev; do \
	    .venv/bin/uv pip compile pyproject.toml --extra fast $$([ $$name = dev ] && echo --group dev) --universal --python-version 3.11 \
	        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade -o requirements/$$name.txt; \
	done
	@.venv/bin/uv pip compile --group pyproject.toml:supply --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --upgrade -o requirements/supply.txt
