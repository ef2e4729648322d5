//! Why fender itself could not do something: the kind, which decides the exit code, the chain of causes, and what helps.

use std::fmt;
use std::io::{Write, stderr};

use anyhow::Error;

use crate::exit::{FailureKind, Running};
use crate::ui::screen::shown;
use fender_core::api::EngineProblem;
use fender_core::policy::PolicyProblem;

/// A failure, said in one line: its causes from the outermost to the first one, then what to do.
#[derive(Debug)]
pub struct Failure {
    /// What it is about.
    pub kind: FailureKind,
    /// The outermost cause; those behind it are its sources.
    pub cause: Error,
    /// What to type or to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of this kind. An error keeps the errors behind it, a text has none.
    pub fn new(kind: FailureKind, cause: impl Into<Error>) -> Failure {
        Failure { kind, cause: cause.into(), hint: None }
    }

    /// What was typed, or a file that was named, is wrong.
    pub fn user(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Failure {
        Failure::new(FailureKind::User, Error::msg(text))
    }

    /// Fender's own state cannot be used, or what is asked for is not in it.
    pub fn internal(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Failure {
        Failure::new(FailureKind::Internal, Error::msg(text))
    }

    /// The same failure with what helps against it.
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Says it on standard error, and hands out the exit code.
    pub fn end(&self, running: Running) -> u8 {
        // A closed standard error changes no exit code.
        let _ = writeln!(stderr(), "fender: {}", shown(&self.to_string()));
        self.kind.code(running)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:#}", self.cause)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(formatter, ": {hint}"))
    }
}

impl From<EngineProblem> for Failure {
    fn from(problem: EngineProblem) -> Failure {
        Failure::new(FailureKind::Engine, problem)
    }
}

impl From<PolicyProblem> for Failure {
    fn from(problem: PolicyProblem) -> Failure {
        Failure::new(FailureKind::Policy, Error::new(problem).context("the policy cannot be read"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let engine = error.chain().any(|cause| cause.is::<EngineProblem>());
        Failure::new(if engine { FailureKind::Engine } else { FailureKind::Internal }, error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(FailureKind::Internal, error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::new(FailureKind::Internal, error)
    }
}

/// Ends one of fender's own commands: with its own code, or with the failure's.
pub fn ended(outcome: Result<u8, Failure>) -> u8 {
    outcome.unwrap_or_else(|failure| failure.end(Running::Own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn causes_stand_in_one_line_with_what_helps() {
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let failure = Failure::from(Err::<(), _>(denied()).context("the trash cannot be used").unwrap_err());
        assert_eq!(failure.to_string(), "the trash cannot be used: permission denied");
        let source = failure.cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert_eq!(source, Some(std::io::ErrorKind::PermissionDenied), "the first cause is still there");
        assert_eq!(Failure::user("no such rule").hint("did you mean x?").to_string(), "no such rule: did you mean x?");
    }
}
