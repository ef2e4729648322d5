//! A variable of a Dockerfile that nothing sets.

use super::base_variables::sets;
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::{Directive, Dockerfile, SetWhere, Span, UnsetVariable};
use crate::lower::Build;

/// The rule.
pub static RULE: Rule = Rule {
    id: "undefined-variable",
    title: "a variable that nothing sets",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    buildkit: &["UndefinedVar", "UndefinedArgInFrom"],
    why: "The builder puts nothing in its place and goes on: a path, a version or a name becomes another one.",
    instead: "set it before (ARG NAME=value or ENV NAME=value in this stage), or correct its name",
    references: &[
        "https://docs.docker.com/reference/build-checks/undefined-var/",
        "https://docs.docker.com/build/building/variables/#scoping",
    ],
    fires: &["build examples/undefined-variable/0/bad"],
    quiet: &["build examples/undefined-variable/0/good"],
    files: &[
        Example {
            name: "Dockerfile",
            bad: "ARG VERSION=1.4\nFROM alpine:3.22\nCOPY app-$VERSION.jar /app.jar\nUSER 10001\n",
            good: "ARG VERSION=1.4\nFROM alpine:3.22\nARG VERSION\nCOPY app-$VERSION.jar /app.jar\nUSER 10001\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nENV PATH=$PATHS:/opt/bin\nUSER 10001\n",
            good: "FROM alpine:3.22\nENV PATH=$PATH:/opt/bin\nUSER 10001\n",
        },
    ],
    check,
    ..COMMON
};

/// So many uses in one file are looked at: each is searched for in its instruction and compared with the file's names.
const MOST: usize = 64;
/// It is compared with so many names: a shim's build may not wait for more.
const COMPARED: usize = 128;
/// A longer name is no slip of another one, in bytes.
const LONGEST: usize = 64;

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for unset in file.warnings.unset.iter().take(MOST) {
            let is_built = match unset.stage {
                Some(stage) => build.needed.contains(&stage),
                None => file
                    .stages
                    .iter()
                    .zip(0..)
                    .any(|(stage, at)| stage.keyword.start == unset.at.start && build.needed.contains(&at)),
            };
            if is_built {
                findings.extend(finding(case, build, file, unset));
            }
        }
    }
    findings
}

fn finding(case: &Case, build: &Build, file: &Dockerfile, unset: &UnsetVariable) -> Option<Finding> {
    let name = unset.name.as_str();
    // A few letters that are one slip apart.
    let is_short = |other: &str| name.len().max(other.len()) <= LONGEST;
    let meant = names(file)
        .take(COMPARED)
        .filter(|other| *other != name && is_short(other) && strsim::jaro(name, other) >= 0.9)
        .min();
    let base = unset.stage.and_then(|stage| file.first_of(stage)).filter(|stage| stage.image != "scratch");
    if let Some(base) = base {
        let is_set = match case.facts.image(&base.image) {
            Lookup::Found(image) => {
                Some(image.env.iter().any(|line| line.split('=').next().is_some_and(|other| other == name)))
            }
            // Another context may have the image's name.
            _ if build.is_own(&base.image) => None,
            _ => sets(&base.image, name),
        };
        // Images have capital letters in the names of their variables, so others are the file's own.
        let is_own = unset.set_where != SetWhere::Nowhere || meant.is_some() || name.chars().any(char::is_lowercase);
        if is_set.unwrap_or(!is_own) {
            return None;
        }
    }
    let mut finding = RULE.found(&build.origins);
    let (title, instead) = match (unset.set_where, meant) {
        (SetWhere::BeforeStages, _) => (
            format!("${name} is not set in this stage: its ARG stands before FROM"),
            format!("ARG {name} in this stage takes the value over"),
        ),
        (SetWhere::BuildKit, _) => (
            format!("${name} is not set in this stage"),
            format!("ARG {name} in this stage takes BuildKit's value over"),
        ),
        (SetWhere::InFile, _) if unset.stage.is_none() => {
            (format!("${name} is not set for FROM: it is set in a stage"), format!("ARG {name} before the first FROM"))
        }
        (SetWhere::InFile, _) => (
            format!("${name} is not set here: another stage or a later line sets it"),
            format!("set it in this stage, above this line: ARG {name} or ENV {name}=…"),
        ),
        (SetWhere::Nowhere, Some(meant)) => (format!("nothing sets ${name}"), format!("did you mean ${meant}?")),
        (SetWhere::Nowhere, None) => (format!("nothing sets ${name}"), finding.instead.clone()),
    };
    finding.title = title;
    finding.instead = instead;
    // `ENV A=$A:/b`: many write it so that it is right whatever the base image sets.
    if !unset.sets_itself {
        finding = finding.weighed_as(Class::Outage);
    }
    Some(finding.in_file(file.place(&place(file, unset))))
}

/// The one name that is always set, and all that the file sets.
fn names(file: &Dockerfile) -> impl Iterator<Item = &str> {
    let all = file.stages.iter().flat_map(|stage| &stage.instructions).chain(&file.globals);
    let named = all.flat_map(|it| match &it.what {
        Directive::Env(list) => list.iter().map(|(name, _)| name.text.as_str()).collect(),
        Directive::Arg(list) => list.iter().map(|(name, _)| name.text.as_str()).collect(),
        _ => Vec::new(),
    });
    ["PATH"].into_iter().chain(named)
}

/// Where the variable stands in its instruction.
fn place(file: &Dockerfile, unset: &UnsetVariable) -> Span {
    let text = file.text.text.get(unset.at.clone()).unwrap_or_default();
    let found = text.match_indices('$').find_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let braced = rest.strip_prefix('{');
        let after = braced.unwrap_or(rest).strip_prefix(unset.name.as_str())?;
        let is_whole = !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let length = 1 + usize::from(braced.is_some()) * 2 + unset.name.len();
        is_whole.then(|| unset.at.start + at..unset.at.start + (at + length).min(text.len()))
    });
    found.filter(|span| file.text.text.get(span.clone()).is_some()).unwrap_or_else(|| unset.at.clone())
}
