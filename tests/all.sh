#!/usr/bin/env bash
# Everything: formatting, lints, tests, the real client, the real engines, installing, licences. The one command of the README.
#
# It fetches docker's client, compose, buildx and two engines from Debian's packages into a cache folder (nothing is
# installed but iptables), and needs root for the engines. A missing engine is a failure, never a skip. docs/testing.md says what
# each part costs. cargo nextest and cargo deny are used where they are; without them cargo test and tests/licences.py are.
set -euo pipefail
cd "$(dirname "$0")/.."

begun=$SECONDS
step() { printf '\n== %s (after %d:%02d)\n' "$*" $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60)); }

# Whether this machine has memory for the engines' data.
roomy() { [ "$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)" -ge 14 ]; }

# Whatever happens, no engine and no build stays behind.
in_memory=
if [ -z "${FENDER_TEST_RUN-}" ]; then
  FENDER_TEST_RUN=$(mktemp -d)
  # Engines write much and wait for the disk: where memory is plenty, they are in memory, in a file system of their own: /dev/shm is shared
  # with containers of --ipc host. The trash stays on the disk.
  if roomy && mount -t tmpfs -o size=10g,mode=700 fender-tests "$FENDER_TEST_RUN" 2>/dev/null; then in_memory=yes; fi
fi
export FENDER_TEST_RUN
scratch=$(mktemp -d)
building=
end() {
  [ -z "$building" ] || kill -- "-$building" 2>/dev/null || true
  tests/engine.sh stop-all || true
  [ -z "$in_memory" ] || umount "$FENDER_TEST_RUN" || umount -l "$FENDER_TEST_RUN"
  rmdir "$FENDER_TEST_RUN" 2>/dev/null || true
  rm -rf "$scratch"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs tests, and remembers what they print for the count at the end.
tests() { "$@" 2>&1 | tee -a "$scratch/tests"; }

has_nextest() { cargo nextest --version >/dev/null 2>&1; }

step "what the tests need"
[ "$(id -u)" = 0 ] || { echo "tests/all.sh: the engines need root" >&2; exit 1; }
tests/engine.sh fetch

step "formatting, scripts, workflows and spelling"
# Also what belongs to no package: fuzz targets, benchmarks.
git ls-files -z "*.rs" | xargs -0 rustfmt --check --edition 2024
tests/scripts.sh

step "lints"
cargo clippy --locked --all-targets --quiet -- -D warnings
cargo clippy --locked --test engines --quiet -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace --quiet

# One core for a long while: beside the tests, which wait much. The results are shown where they are needed. A session of its own can be
# ended whole.
setsid bash -c 'cargo build --locked --release --quiet && tests/new-rule.sh' >"$scratch/beside" 2>&1 &
building=$!

step "the quick tests"
tests cargo test --locked --no-fail-fast --quiet

step "the quick tests with everything set that may be set"
FENDER_SURROUNDINGS=all cargo test --locked --quiet --test quick any_surroundings::

step "the real client and the real engines"
if has_nextest; then
  tests cargo nextest run --locked --profile engines --test engines
else
  tests cargo test --locked --no-fail-fast --test engines -- --nocapture
fi

step "the program as it is installed, and a new rule with its fixes"
if ! wait "$building"; then
  building=
  cat "$scratch/beside" >&2
  exit 1
fi
building=
cat "$scratch/beside"

step "installing and taking away"
tests/install.sh

step "licences and advisories"
if command -v cargo-deny >/dev/null; then
  # Advisories come from a database on the network: where it cannot be reached, licences, bans and sources are checked still.
  cargo deny --offline check licenses bans sources
  cargo deny check advisories 2>"$scratch/deny" || {
    if grep -qE 'failed to (fetch|acquire|open|load)' "$scratch/deny"; then
      echo "not checked: advisories, whose database cannot be reached"
    else
      cat "$scratch/deny" >&2
      exit 1
    fi
  }
else
  cargo metadata --locked --format-version 1 | tests/licences.py
  echo "not checked: advisories, cargo-deny is not here"
fi
passed=$(sed -nE 's/^test result: ok\. ([0-9]+) passed.*/\1/p; s/^ *Summary .* tests run: ([0-9]+) passed.*/\1/p' "$scratch/tests" |
  awk '{sum += $1} END {print sum + 0}')
printf '\n%d passed, 0 failed\n' "$passed"
printf 'all of it passed, in %d:%02d\n' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
