//! `fender completions SHELL`.

use std::io::{Write, stdout};

use clap::Command;
use clap_complete::{Shell, generate};

use crate::exit::DONE;
use crate::failure::Failure;

pub fn text(shell: Shell, mut command: Command) -> String {
    let mut out = Vec::new();
    generate(shell, &mut command, "fender", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

pub fn run(shell: Shell, command: Command) -> Result<u8, Failure> {
    stdout().write_all(text(shell, command).as_bytes())?;
    Ok(DONE)
}
