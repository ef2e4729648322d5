//! The codes with which fender itself ends, and which kind of failure ends with which. Every other code is the real client's.

/// It was done, or there was nothing to say.
pub const DONE: u8 = 0;

/// `lint` found something, or what was asked for could not be done.
pub const FAILED: u8 = 1;

/// Args, files or a policy that fender cannot use.
pub const USAGE: u8 = 2;

/// Docker's own code for "docker itself failed": the command was not run.
pub const NOT_RUN: u8 = 125;

/// The shell's code for a program that cannot be run.
pub const CANNOT_RUN: u8 = 126;

/// The shell's code for "no such program".
pub const NO_CLIENT: u8 = 127;

/// Each code of fender's own, and what it means; `fender --help` ends with them, and the README has the same table.
pub static CODES: &[(u8, &str)] = &[
    (DONE, "done; lint and doctor: nothing found"),
    (FAILED, "lint: problems found; doctor: something to fix; others: it could not be done, or only a part of it"),
    (USAGE, "fender cannot use its arguments, a file or a policy"),
    (NOT_RUN, "not run: refused, answered no, nobody to ask, or fender itself failed"),
    (CANNOT_RUN, "the real client is there and cannot be started"),
    (NO_CLIENT, "there is no real client"),
];

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// What was typed, or a file that was named.
    User,
    /// A policy file.
    Policy,
    /// The engine said no, or did not answer.
    Engine,
    /// Fender's own state on this machine: the trash, locks, standard output.
    Internal,
    /// The command was not run: nobody said yes.
    Unanswered,
    /// There is no real client.
    NoClient,
    /// The real client cannot be started.
    CannotRun,
}

/// What was to be run when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// A command of docker: whatever fails, it was not run.
    Docker,
    /// One of fender's own commands.
    Own,
}

impl FailureKind {
    /// The exit code of a failure of this kind.
    pub const fn code(self, running: Running) -> u8 {
        match (self, running) {
            (FailureKind::NoClient, _) => NO_CLIENT,
            (FailureKind::CannotRun, _) => CANNOT_RUN,
            (FailureKind::Unanswered, _) | (_, Running::Docker) => NOT_RUN,
            (FailureKind::User | FailureKind::Policy, Running::Own) => USAGE,
            (FailureKind::Engine | FailureKind::Internal, Running::Own) => FAILED,
        }
    }
}
