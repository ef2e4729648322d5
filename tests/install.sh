#!/usr/bin/env bash
# Installs for a user with a home of its own, twice, and takes it away: nothing may be left, and what was there stays.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
fail() { echo "tests/install.sh: $*" >&2; exit 1; }
mkdir -p "$home/real"
printf '#!/bin/sh\nif [ "$1" = version ]; then echo 28.5.2; else echo "real: $*"; fi\n' >"$home/real/docker"
chmod +x "$home/real/docker"
printf '# mine\n' >"$home/.bashrc"
cp "$home/.bashrc" "$home/before"
export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
path=$home/real:$(dirname "$(command -v cargo)"):/usr/bin:/bin
run() { HOME=$home PATH=$path SHELL=/bin/bash DOCKER_HOST=unix:///nonexistent "$@"; }

run ./install.sh >"$home/out" 2>&1 || { cat "$home/out"; fail "the first time"; }
grep -q "fender, and the first docker on PATH" "$home/out" || { cat "$home/out"; fail "doctor does not find it in front"; }
grep -q "the real client is $home/real/docker 28.5.2" "$home/out" || { cat "$home/out"; fail "doctor does not find the client"; }
[ "$(grep -c fender "$home/.bashrc")" = 1 ] || fail ".bashrc has not its one line"
run ./install.sh >"$home/out" 2>&1 || { cat "$home/out"; fail "the second time"; }
[ "$(grep -c fender "$home/.bashrc")" = 1 ] || fail ".bashrc has more than its one line"
# A new shell finds fender, which finds the real one.
said=$(HOME=$home PATH=$path bash -c '. "$HOME/.bashrc"; docker ps -a')
[ "$said" = "real: ps -a" ] || fail "a new shell says: $said"
said=$(HOME=$home PATH=$path DOCKER_HOST=unix:///nonexistent setsid --wait bash -c '. "$HOME/.bashrc"; docker run -v /:/h x' 2>&1) && fail "not guarded: $said"
case $said in *host-mount*) ;; *) fail "not guarded: $said" ;; esac
for file in share/bash-completion/completions/fender share/zsh/site-functions/_fender share/fish/vendor_completions.d/fender.fish; do
  [ -s "$home/.local/$file" ] || fail "no $file"
done
run ./install.sh --uninstall >/dev/null
[ ! -e "$home/.local" ] || fail "left: $(find "$home/.local")"
cmp -s "$home/.bashrc" "$home/before" || fail ".bashrc is not as it was"
[ ! -e "$home/.profile" ] || fail ".profile is left"

# A docker of somebody else's in the way is left alone.
mkdir -p "$home/prefix/bin"
cp "$home/real/docker" "$home/prefix/bin/docker"
run ./install.sh --prefix "$home/prefix" >"$home/out" 2>&1
grep -q "left alone $home/prefix/bin/docker" "$home/out" || { cat "$home/out"; fail "it does not say what it left alone"; }
[ -L "$home/prefix/lib/fender/bin/docker" ] || fail "no link beside it"
run ./install.sh --prefix "$home/prefix" --uninstall >/dev/null
cmp -s "$home/real/docker" "$home/prefix/bin/docker" || fail "somebody else's docker is gone"
[ "$(find "$home/prefix" -type f -o -type l | wc -l)" = 1 ] || fail "left: $(find "$home/prefix")"
echo "installed twice and taken away: nothing is left"
