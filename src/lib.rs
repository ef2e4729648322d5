#![deny(unsafe_code)]
//! fender stands in front of `docker`: it works out what a command would do, judges that, and then becomes the real
//! client, or does not.

pub mod api;
pub mod deletion;
pub mod docker_files;
pub mod effects;
pub mod engine;
pub mod exit;
pub mod facts;
pub mod files;
pub mod go_json;
pub mod grammar;
pub mod host;

pub mod answer;
pub mod cli;
pub mod judge;
pub mod lint;
pub mod lookup;
pub mod plan;
pub mod policy;
pub mod process;
pub mod rewrite;
pub mod rules;
pub mod session;
pub mod shim;
pub mod target;
pub mod text;
pub mod trash;
