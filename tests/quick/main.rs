//! The quick tests: what needs neither root, nor docker, nor a network. `cargo test` runs them.

#[path = "../support/mod.rs"]
mod support;

mod documents;
mod fix_harm;
mod house;
mod http;
mod lint;
mod owned;
mod pictures;
mod policy;
mod properties;
mod questions;
mod rules;
mod scaling;
mod seeds;
mod shim;
mod surroundings;
mod terminal;
mod unknown;
