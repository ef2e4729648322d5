//! The codes with which fender itself ends a command that docker did not run.

/// Docker's own code for "docker itself failed": the command was not run.
pub const NOT_RUN: u8 = 125;

/// The shell's code for "no such program".
pub const NO_CLIENT: u8 = 127;

/// The shell's code for a program that cannot be run.
pub const CANNOT_RUN: u8 = 126;

/// The code for words that fender itself does not take.
pub const USAGE: u8 = 2;
