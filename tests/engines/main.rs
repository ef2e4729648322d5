//! The tests that need root, the real client or real engines. `cargo test` leaves them out (`test = false` in Cargo.toml);
//! `sudo tests/all.sh` runs them, and `sudo cargo test --test engines NAME` some of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by a panic, and says on its streams what it found"
)]

#[path = "../support/mod.rs"]
mod support;

mod at_once;
mod build_checks;
mod callers;
mod changes;
mod changes_truth;
mod client_config;
mod command_changes;
mod compose;
mod compose_plugin;
mod context;
mod data_places;
mod deletion;
mod direct;
mod docker_files;
mod exceptions;
mod faults;
mod fix_harm;
mod harness;
mod kept;
mod kept_apart;
mod limits;
mod lint;
mod load;
mod plan;
mod programs;
mod projects;
mod protection;
mod reach;
mod read_in_place;
mod real_client;
mod real_engine;
mod refusals;
mod restore;
mod scenarios;
mod speed;
mod swarm_changes;
mod syscalls;
mod system_policy;
mod trust;
mod undo;
mod undo_faults;
