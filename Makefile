# The commands of this project; `make` alone lists them. Each installs what it misses (scripts/install-tools.sh) and
# says so. What they build lies outside the checkout, in $(cache): remove it with `make clean-cache`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo retail kafka clients test lint bench bench-jvm golden conformance conformance-random clean-cache

cache := $(or $(STREAMS_CACHE_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rust-streams)
export STREAMS_CACHE_DIR := $(cache)
export CARGO_TARGET_DIR ?= $(cache)/target

# In-memory stores unless STORE=rocksdb, so that the first picture does not wait for RocksDB's C++ (11 to 22
# minutes, once).
STORE ?= memory
ifeq ($(STORE),rocksdb)
tools := bench
features :=
prepare_store = $(prepare_rocksdb)
else ifeq ($(STORE),memory)
tools := demo
features := --no-default-features
prepare_store :=
else
$(error STORE is memory or rocksdb, not `$(STORE)`)
endif

# Links the archive built once in the cache, or the one the caller named in ROCKSDB_LIB_DIR.
define prepare_rocksdb
if [ -z "$${ROCKSDB_LIB_DIR:-}" ]; then
  ROCKSDB_LIB_DIR=$$(scripts/rocksdb-archive.sh)
  export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
fi
endef

retail := cargo run --release --locked $(features) -p streams-examples --bin retail --
retail_flags = $(if $(filter rocksdb,$(STORE)),--store rocksdb) $(if $(DATA_DIR),--data-dir '$(DATA_DIR)') $(if $(PORT),--port '$(PORT)') $(ARGS)

conformance := cargo run --quiet --locked --no-default-features -p streams-conformance --bin conformance --

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22
	echo
	echo "  Build cache: $(cache)"

demo: ## broker, retail pipeline and live view in one process [PORT=] [DATA_DIR=] [STORE=rocksdb] [ARGS=]
	@scripts/install-tools.sh $(tools)
	$(prepare_store)
	$(retail) demo $(retail_flags)

retail: ## replay a file of sales through the pipeline, figures as JSON: DATA=online-retail.csv.gz [as for demo]
	@[ -n "$(DATA)" ] || { echo "usage: make retail DATA=FILE (a CSV file of sales, may be gzipped)" >&2; exit 2; }
	[ -r "$(DATA)" ] || { echo "make retail: cannot read DATA=$(DATA)" >&2; exit 2; }
	scripts/install-tools.sh $(tools)
	$(prepare_store)
	$(retail) replay --data '$(DATA)' $(retail_flags)

kafka: ## Apache Kafka on free ports, in a temporary directory; Ctrl-C removes it all [N=3] [ARGS=]
	@scripts/install-tools.sh demo
	scripts/install-tools.sh jvm
	cargo build --quiet --locked -p kafka-cluster
	exec "$$CARGO_TARGET_DIR/debug/kafka-cluster" --parent "$$PPID" --nodes '$(or $(N),1)' $(ARGS)

clients: ## unmodified Kafka clients, case by case: BROKER=lite|kafka|HOST:PORT [SUITES=librdkafka,..] [CASE=part of a name] [ARGS=--list]
	@scripts/install-tools.sh clients
	python=$$(scripts/clients-venv.sh)
	cargo build --quiet --locked -p broker-lite -p kafka-cluster
	export PYTHONPYCACHEPREFIX='$(cache)/clients/pycache'
	"$$python" tests/clients/run.py --broker '$(or $(BROKER),lite)' --programs "$$CARGO_TARGET_DIR/debug" --suites '$(or $(SUITES),own)' --case '$(CASE)' $(ARGS)

test: ## all tests, on the in-memory and the RocksDB engine [ARGS=]
	@scripts/install-tools.sh test
	$(prepare_rocksdb)
	cargo test --workspace --locked --no-fail-fast $(ARGS)

lint: ## format, clippy, documentation, dependencies: whatever warns, fails
	@scripts/install-tools.sh lint
	$(prepare_rocksdb)
	set -x
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --no-default-features -- -D warnings
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	scripts/deny.sh

bench: ## records per second on one core, and the ratio to a hand-written loop [BENCH=name] [ARGS=]
	@scripts/install-tools.sh bench
	$(prepare_rocksdb)
	cargo build --release --locked -p streams-benches --bins
	for program in $(or $(BENCH),$(filter-out jvm,$(sort $(basename $(notdir $(wildcard benches/src/bin/*))))))
	do
	  echo "== $$program"
	  "$$CARGO_TARGET_DIR/release/$$program" $(ARGS)
	done

bench-jvm: ## five workloads here and in Kafka Streams on Apache Kafka, outputs compared [RECORDS=50000 to try it] [WORKLOAD=] [ARGS=]
	@scripts/install-tools.sh bench
	scripts/install-tools.sh jvm
	$(prepare_rocksdb)
	cargo build --release --locked -p streams-benches -p broker-lite --bins
	"$$CARGO_TARGET_DIR/release/jvm" $(if $(RECORDS),--records '$(RECORDS)') $(if $(WORKLOAD),--workload '$(WORKLOAD)') $(ARGS)

golden: ## ask Apache Kafka anew for the answers that tests hold us to; changes no file unless Kafka's version changed
	@scripts/install-tools.sh demo
	scripts/install-tools.sh jvm
	scripts/oracle.sh oracle.codec.Main tests/fixtures
	cargo run --quiet --locked --no-default-features -p streams-conformance -- write
	scripts/oracle.sh oracle.conformance.Main golden tests/conformance/cases

conformance: ## cases recorded from Kafka Streams, on our side; needs no JVM [FAMILY=] [CASE=] [ARGS=--verbose]
	@scripts/install-tools.sh demo
	$(conformance) run $(if $(FAMILY),--family '$(FAMILY)') $(if $(CASE),--case '$(CASE)') $(ARGS)

conformance-random: ## random topologies on Kafka Streams and on ours, differences minimised [SEED=1] [COUNT=100] [ARGS=]
	@scripts/install-tools.sh demo
	scripts/install-tools.sh jvm
	$(conformance) random --seed '$(or $(SEED),1)' --count '$(or $(COUNT),100)' $(ARGS)

clean-cache: ## remove everything these commands built
	@echo "removing $(cache)"
	rm -rf -- '$(cache)'
