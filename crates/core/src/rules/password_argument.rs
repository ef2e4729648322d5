//! A password as an argument.

use super::{COMMON, Case, Class, Confidence, Decided, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "password-argument",
    title: "a password is an argument",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    why: "The shell saves the password in its history, and every user of this machine can see it in the list of processes while the \
          command runs.",
    instead: "docker login --password-stdin, with the password from a file or a secret store",
    references: &["https://docs.docker.com/reference/cli/docker/login/#password-stdin"],
    fires: &["login -u ann -p hunter2", "login --password=hunter2 registry.example.com"],
    quiet: &["login -u ann --password-stdin", "login registry.example.com", "logout"],
    check,
    decided: Decided::AlwaysNoted,
    hides: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let typed = case.origins_of_operation(&PredictedOperation::TypesPassword);
    typed.map(|origins| RULE.found(&origins)).into_iter().collect()
}
