//! fender stands in front of `docker`: it works out what a command would do, judges that, and then becomes the real
//! client, or does not. This package is the edge, the only part with I/O. The pure package `fender-core` works out what a command
//! would do and judges it.

#![warn(missing_docs)]

pub mod allocator;
pub mod apply;
pub mod commands;
pub mod ending;
pub mod engine;
pub mod environment;
pub mod exit;
pub mod failure;
pub mod process;
pub mod session;
pub mod shim;
pub mod trash;
pub mod ui;
