# What people do often. `just` lists it; every recipe is one or two commands that also run without just.

_default:
    @just --list --unsorted

# Tests that need neither root nor docker: plain cargo test
quick:
    cargo test --locked

# Formatting, lints, scripts, workflows, spelling
lint:
    cargo fmt --all --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --test engines -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace
    tests/scripts.sh

# Everything, with the real client and the real engines (root)
full:
    tests/all.sh

# Some of the tests with the real client and engines: just engines plan::docker_28 (root)
engines *FILTER:
    cargo test --locked --test engines -- {{ FILTER }} --nocapture

# Pages, tables, pictures and completions that are made from the program
update:
    FENDER_UPDATE=1 cargo test --locked --test quick

# By hand, over a night: more states, lines and contexts, the fuzz targets, mutants (root for the engines)
thorough *PARTS:
    tests/thorough.sh {{ PARTS }}

# One fuzz target for some seconds
fuzz TARGET SECONDS="60":
    tests/fuzz.sh {{ TARGET }} {{ SECONDS }}

# Begin a rule with its fixes: writes its file and adds its line
new-rule NAME:
    crates/core/new-rule.sh {{ NAME }}

# Benchmarks: a table for people, and JSON lines on standard output
bench *NAMES:
    tests/bench.py run {{ NAMES }}

# The list of functions that lie together in the program, made again by tracing it
order:
    CARGO_PROFILE_BENCH_STRIP=none cargo bench --locked --bench order -- --write

# The same for musl, added to the list
order-musl:
    CARGO_PROFILE_BENCH_STRIP=none cargo bench --locked --bench order --target "$(uname -m)-unknown-linux-musl" -- --write --add

# This tree's benchmarks against another commit's, one after the other in the same run
bench-compare BASE="HEAD~1" *NAMES="decision":
    tests/bench.py compare {{ BASE }} {{ NAMES }}
