#!/usr/bin/env bash
# More of everything, by hand: tests/thorough.sh [plan|changes|commands|client|contexts|refusals|scaling|fuzz|mutants]… (without a word: all of them).
#
#   plan      1,000 states on each of the three engines (root, about two hours)
#   changes   300 compose commands on each of the three engines (root, half an hour)
#   commands  1,000 commands on each engine against what docker changes, 300 in swarms, 1,000 sequences on protected objects (root)
#   client    50,000 command lines against the real client (about an hour)
#   contexts  20,000 build contexts against the old builder, 2,000 against BuildKit (root)
#   refusals  5,000 lines of Dockerfiles against BuildKit (root, six minutes)
#   scaling   inputs four times as large as in the quick tests, each flag with every filler
#   fuzz      each fuzz target for ten minutes (cargo-fuzz, nightly)
#   mutants   cargo mutants on rules and policy: what could be changed without a test that fails (cargo-mutants, many hours)
#
# The score of the mutants is the last line; docs/testing.md has the one that was measured last.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- plan changes commands client contexts refusals scaling fuzz mutants

engines() { cargo test --locked --no-fail-fast --test engines -- --nocapture "$@"; }

for part in "$@"; do
  printf '\n== %s\n' "$part"
  case $part in
  commands)
    FENDER_COMMAND_CASES=1000 FENDER_COMMAND_SEED="${FENDER_COMMAND_SEED:-1000}" engines command_changes::docker
    FENDER_SWARM_CASES=300 FENDER_SWARM_SEED="${FENDER_SWARM_SEED:-1000}" engines swarm_changes::
    FENDER_PROTECT_CASES=1000 FENDER_PROTECT_SEED="${FENDER_PROTECT_SEED:-1000}" engines protected_objects_survive
    ;;
  plan) FENDER_PLAN_CASES=1000 FENDER_PLAN_SEED="${FENDER_PLAN_SEED:-1000}" engines plan:: ;;
  changes) FENDER_CHANGES_CASES=300 FENDER_CHANGES_SEED="${FENDER_CHANGES_SEED:-1000}" engines changes_truth:: ;;
  client) FENDER_CLIENT_CASES=50000 engines real_client:: ;;
  contexts) FENDER_CONTEXT_CASES=20000 engines context:: ;;
  refusals) FENDER_REFUSAL_CASES=5000 FENDER_REFUSAL_SEED="${FENDER_REFUSAL_SEED:-1000}" engines refusals:: ;;
  scaling) FENDER_SCALING=4 cargo test --locked --test quick scaling ;;
  fuzz)
    for target in $(tests/fuzz.sh); do
      echo "-- $target"
      tests/fuzz.sh "$target" 600
    done
    ;;
  mutants)
    command -v cargo-mutants >/dev/null || { echo "tests/thorough.sh: cargo install cargo-mutants" >&2; exit 1; }
    # Ends with 2 where a mutant survived: that is the result, not an error.
    # shellcheck disable=SC2086 # MUTANTS is words, such as --shard 1/20.
    cargo mutants --workspace --output target --file 'crates/core/src/rules/**' --file 'crates/core/src/policy/**' \
      --file 'src/policy/**' --baseline skip --timeout 120 ${MUTANTS:-} -- --package fender --lib --test quick || [ $? = 2 ]
    caught=$(wc -l <target/mutants.out/caught.txt) missed=$(wc -l <target/mutants.out/missed.txt)
    timeout=$(wc -l <target/mutants.out/timeout.txt)
    echo "mutants: $((caught + timeout)) of $((caught + timeout + missed)) caught"
    ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
