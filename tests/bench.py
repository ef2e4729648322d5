#!/usr/bin/env python3
"""Benchmarks: their figures as JSON lines on standard output, a table for people on standard error.

    tests/bench.py run [NAME…]            run these benchmarks (all without a name)
    tests/bench.py compare BASE [NAME…]   hold this tree against a commit: each benchmark runs three times in turn on both,
                                          the better figure of each counts; ends with 1 where one is more than a tenth worse

Names are the files of benches/ without their ending. Both trees are built in release mode; the other one lies in
target/bench-base.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = ROOT / "target" / "bench-base"
ROUNDS = 3


def names(chosen):
    return chosen or sorted(path.stem for path in (ROOT / "benches").glob("*.rs"))


def build(folder, target, chosen):
    """Builds the benchmarks of a tree; their programs by name."""
    words = ["cargo", "bench", "--locked", "--no-run"]
    for name in chosen:
        words += ["--bench", name]
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target))
    done = subprocess.run(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    found = re.findall(r"Executable benches/(\w+)\.rs \((.+)\)", done.stderr)
    return {name: (pathlib.Path(folder) / path).resolve() for name, path in found}


def figures(program, folder):
    """Runs a benchmark; its figures by name."""
    done = subprocess.run([program, "--bench"], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} ended with {done.returncode}")
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            one = json.loads(line)
            found[f"{one['bench']}: {one['name']}"] = (one["value"], one["unit"])
    return found


def more_is_better(unit):
    return unit.endswith("/s") or unit == "speed"


def run(chosen):
    chosen = names(chosen)
    programs = build(ROOT, ROOT / "target", chosen)
    for name in chosen:
        for key, (value, unit) in figures(programs[name], ROOT).items():
            bench, _, what = key.partition(": ")
            print(json.dumps({"bench": bench, "name": what, "value": value, "unit": unit}))


def compare(base, chosen):
    chosen = names(chosen)
    commit = subprocess.run(["git", "rev-parse", "--verify", base + "^{commit}"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    tree = BASE / "tree"
    if tree.exists():
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
    try:
        sides = [(tree, build(tree, BASE / "target", chosen)), (ROOT, build(ROOT, ROOT / "target", chosen))]
        best = [{}, {}]
        for name in chosen:
            for _ in range(ROUNDS):
                for side, (folder, programs) in enumerate(sides):
                    for key, (value, unit) in figures(programs[name], folder).items():
                        held = best[side].get(key)
                        better = max if more_is_better(unit) else min
                        best[side][key] = (better(value, held[0]) if held else value, unit)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    if not best[0]:
        sys.exit(f"{base} prints no figures as JSON: it is older than that")
    worse = False
    print(f"{'':<60} {base[:12]:>14} {'this tree':>14} {'times':>7}", file=sys.stderr)
    for key, (value, unit) in best[1].items():
        if key not in best[0]:
            continue
        before = best[0][key][0]
        ratio = value / before if before else 1.0
        slower = 1 / ratio if more_is_better(unit) and ratio else ratio
        worse = worse or slower > 1.1
        print(f"{key[:60]:<60} {before:>10.1f} {unit:<3} {value:>10.1f} {unit:<3} {ratio:>7.2f}", file=sys.stderr)
        print(json.dumps({"name": key, "base": before, "this": value, "unit": unit, "times": round(ratio, 4)}))
    return worse


if len(sys.argv) > 1 and sys.argv[1] == "run":
    run(sys.argv[2:])
elif len(sys.argv) > 2 and sys.argv[1] == "compare":
    sys.exit(1 if compare(sys.argv[2], sys.argv[3:]) else 0)
else:
    sys.exit(__doc__)
