//! A secret as a build argument.

use super::secret_in_env::is_secret_name;
use super::{Case, Class, Finding, Rule};
use crate::effects::Deed;

pub static RULE: Rule = Rule {
    id: "secret-in-build-arg",
    title: "a secret as a build argument",
    class: Class::Hygiene,
    why: "A build argument is kept in the image's history: everybody who can pull the image can read it with docker history.",
    instead: "docker build --secret id=NAME,src=FILE and RUN --mount=type=secret,id=NAME",
    references: &["https://docs.docker.com/build/building/secrets/", "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/"],
    fires: &["build --build-arg NPM_TOKEN=abc .", "buildx build --build-arg DB_PASSWORD=x .", "compose build --build-arg API_KEY=x"],
    quiet: &["build --build-arg VERSION=1.2 .", "buildx build --secret id=npm,src=token.txt ."],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in case.requests().filter(|request| request.is("POST", "/build")) {
        for (part, words) in &request.parts {
            if let Some(name) = part.strip_prefix("buildargs/").filter(|name| is_secret_name(name)) {
                findings.push(RULE.found(words).titled(format!("{name} as a build argument")));
            }
        }
    }
    for (deed, words) in case.deeds() {
        if let Deed::BuildArgument(name) = deed
            && is_secret_name(name)
        {
            findings.push(RULE.found(words).titled(format!("{name} as a build argument")));
        }
    }
    findings
}
