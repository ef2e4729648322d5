//! A secret in a step of a Dockerfile.

use super::secrets::weighed;
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::{Directive, Instruction};
use crate::files::script_secrets::{ScriptSecret, in_script};
use crate::lower::Build;

pub static RULE: Rule = Rule {
    id: "secret-in-run",
    title: "secret in a RUN step",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    why: "The step is stored in the image's history, and the secret in the repository. Everybody who can pull the image can read it with \
          docker history.",
    instead: "RUN --mount=type=secret,id=NAME, and docker build --secret id=NAME,src=FILE",
    references: &["https://docs.docker.com/build/building/secrets/"],
    fires: &["build examples/secret-in-run/0/bad"],
    quiet: &["build examples/secret-in-run/0/good"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22\nRUN curl -fsSu ci:hunter2 -o /tool https://example.com/tool\nUSER 10001\n",
        good: "FROM alpine:3.22\nRUN --mount=type=secret,id=netrc,target=/root/.netrc curl -fsSn -o /tool https://example.com/tool\nUSER 10001\n",
    }],
    check,
    hides: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.builds().flat_map(in_dockerfile).collect()
}

/// One finding for each step that has a secret, in every stage that is built.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let found = |instruction: &Instruction| {
        let (secret, step) = in_step(instruction)?;
        let finding = RULE
            .found(&build.origins)
            .titled(format!("secret in {step}: {}", secret.what))
            .in_file(file.place(&instruction.keyword));
        Some(weighed(finding, secret.certainty))
    };
    file.instructions_of(&build.needed).filter_map(found).collect()
}

/// The secret of a step, and what kind of step it is.
fn in_step(instruction: &Instruction) -> Option<(ScriptSecret, &'static str)> {
    match &instruction.what {
        Directive::Run(command) => Some((in_script(&command.script())?, "a RUN step")),
        // A file that is written down here.
        Directive::Copy { here, .. } => {
            Some((here.iter().find_map(|here| in_script(&here.text))?, "a file of the Dockerfile"))
        }
        _ => None,
    }
}
