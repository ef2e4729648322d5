#!/usr/bin/env bash
# Adding a rule with fixes is one new file and one line: a copy of the sources gets a rule from the scaffold, is built, and the rule is
# found, explained, and fixed, in a command and in a Dockerfile.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -f "$file" ] || cp -p --parents "$file" "$copy"
done
cp -rp "$copy" "$copy.before"
trap 'rm -rf "$copy" "$copy.before"' EXIT
cd "$copy"
crates/core/new-rule.sh tried-out >/dev/null

changed=$(diff -rq "$copy.before" . | sed "s|$copy.before|before|" || true)
wanted="Only in ./crates/core/src/rules: tried_out.rs
Files before/crates/core/src/rules/mod.rs and ./crates/core/src/rules/mod.rs differ"
[ "$(sort <<<"$changed")" = "$(sort <<<"$wanted")" ] || { printf 'new-rule.sh changed more:\n%s\n' "$changed" >&2; exit 1; }
lines=$(diff "$copy.before/crates/core/src/rules/mod.rs" crates/core/src/rules/mod.rs | grep -c '^[<>]' || true)
[ "$lines" = 1 ] || { echo "new-rule.sh changed $lines lines of the list" >&2; exit 1; }
rustfmt --edition 2024 --check crates/core/src/rules/tried_out.rs

# A folder of its own: the sources' own program stays what it is. What the sources' build made of the dependencies is used again, by links;
# fender's own packages are made anew, because their files would be written where the sources' are. A copy that is not whole only costs time.
built=${CARGO_TARGET_DIR:-$here/target}
export CARGO_TARGET_DIR=$built/new-rule
rm -rf "$CARGO_TARGET_DIR"
mkdir -p "$CARGO_TARGET_DIR/debug"
cp -al "$built"/debug/{deps,build,.fingerprint} "$CARGO_TARGET_DIR/debug/" 2>/dev/null || true
rm -rf "$CARGO_TARGET_DIR"/debug/{deps,build,.fingerprint}/*fender*
cargo build --locked --quiet --bin fender
fender=$CARGO_TARGET_DIR/debug/fender

mkdir "$copy/try"
cd "$copy/try"
export DOCKER_HOST=unix:///nonexistent.sock HOME=$copy/try XDG_CONFIG_HOME=$copy/try XDG_STATE_HOME=$copy/try
must_say() { grep -qF -- "$1" <<<"$2" || { printf 'not said: %s\n%s\n' "$1" "$2" >&2; exit 1; }; }
must_say tried-out "$("$fender" rules tried-out)"
explained=$("$fender" explain --format json -- run -e EXAMPLE=bad alpine:3.22 || true)
must_say '"tried-out"' "$explained"
must_say '"EXAMPLE=good"' "$explained"
printf 'FROM alpine:3.22\nENV EXAMPLE=bad\nUSER 10001\n' >Dockerfile
must_say tried-out "$("$fender" lint . || true)"
"$fender" lint --fix=tried-out . >/dev/null || true
must_say 'ENV EXAMPLE=good' "$(cat Dockerfile)"
echo "a new rule is one file and one line"
