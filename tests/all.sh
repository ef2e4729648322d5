#!/usr/bin/env bash
# Everything: formatting, lints, tests, the real client, the real engines, licences. The one command of the README.
#
# It fetches docker's client, compose, buildx and two engines from Debian's packages into a cache folder (nothing is
# installed but iptables), and needs root for the engines. A missing engine is a failure, never a skip.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "what the tests need"
tests/engine.sh fetch
[ "$(id -u)" = 0 ] || { echo "tests/all.sh: the engines need root" >&2; exit 1; }

step "formatting"
cargo fmt --check
step "lints"
cargo clippy --locked --all-targets --quiet -- -D warnings
cargo clippy --locked --test engines --quiet -- -D warnings
step "shell scripts"
for script in install.sh tests/engine.sh tests/all.sh tests/install.sh; do bash -n "$script"; done

step "the program as it is installed"
cargo build --locked --release
step "the quick tests"
cargo test --locked --no-fail-fast
step "the real client and the real engines"
cargo test --locked --no-fail-fast --test engines -- --nocapture
step "installing and taking away"
tests/install.sh
step "licences and advisories"
if command -v cargo-deny >/dev/null; then
  # Advisories come from a database on the network: where there is none, licences, bans and sources are checked still.
  cargo deny --offline check licenses bans sources
else
  cargo metadata --locked --format-version 1 | tests/licences.py
fi
printf '\nall of it passed\n'
