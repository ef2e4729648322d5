#![deny(unsafe_code)]
//! fender stands in front of `docker`: it works out what a command would do, judges that, and then becomes the real
//! client, or does not.

pub mod deletion;
pub mod effects;
pub mod facts;
pub mod files;
pub mod grammar;

pub mod answer;
pub mod cli;
pub mod judge;
pub mod lint;
pub mod plan;
pub mod policy;
pub mod process;
pub mod rewrite;
pub mod rules;
pub mod shim;
pub mod trash;
pub mod written;
