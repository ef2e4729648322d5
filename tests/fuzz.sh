#!/usr/bin/env bash
# Runs a fuzz target for some seconds, from the kept corpus: tests/fuzz.sh TARGET [SECONDS]; without a target, lists them.
# Needs cargo-fuzz and a nightly toolchain. What it finds anew lies in target/fuzz/TARGET; what is worth keeping goes by hand
# into tests/fuzz/seeds/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then
  for file in tests/fuzz/fuzz_targets/*.rs; do basename "$file" .rs; done
  exit
fi
command -v cargo-fuzz >/dev/null || { echo "tests/fuzz.sh: cargo install cargo-fuzz" >&2; exit 1; }
mkdir -p "target/fuzz/$1"
exec cargo +nightly fuzz run --fuzz-dir tests/fuzz "$1" "target/fuzz/$1" "tests/fuzz/seeds/$1" -- -max_total_time="${2:-60}" -timeout=10 -rss_limit_mb=2048
