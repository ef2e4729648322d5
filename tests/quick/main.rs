//! The quick tests: what needs neither root, nor docker, nor a network. `cargo test` runs them.
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

mod answers_that_do_not_come;
mod any_surroundings;
mod answers;
mod callers;
mod commands;
mod context;
mod documents;
mod endings;
mod allow_here;
mod exceptions;
mod fix_harm;
mod help;
mod house;
mod http;
mod ignoring;
mod lint;
mod lint_ci;
mod lint_config;
mod lint_build_checks;
mod lint_corpus;
mod lint_formats;
mod lint_known;
mod lint_secrets;
mod notes;
mod numbers;
mod other_clients;
mod owned;
mod pictures;
mod policy;
mod policy_test;
mod properties;
mod questions;
mod redirects;
mod rules;
mod scaling;
mod scaling_files;
mod seeds;
mod shim;
mod terminal;
mod unknown;
mod why;
