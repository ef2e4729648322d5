#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]
//! The pure part of fender: what a docker command line, a compose file, a Dockerfile or a request would do, what it would
//! delete, and what is wrong with it. Nothing here touches files, the environment, the clock, processes, the network or
//! a terminal: the caller implements these as [`host::Host`], [`engine::Inspect`] and [`plan::Facts`].

pub mod api;
pub mod docker_files;
pub mod endpoint;
pub mod engine;
pub mod files;
pub mod go_json;
pub mod grammar;
pub mod host;
pub mod judge;
pub mod lint;
pub mod lookup;
pub mod lower;
pub mod order;
pub mod plan;
pub mod policy;
pub mod rules;
pub mod target;
pub mod text;
