#!/usr/bin/env bash
# Begins a rule: new-rule.sh NAME writes src/rules/NAME.rs and adds its line to src/rules/mod.rs. What it writes is a whole rule with
# a fix of arguments and one of Dockerfiles, to be changed into the rule that is wanted.
set -euo pipefail
cd "$(dirname "$0")/src/rules"

id=${1-}
[[ $id =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ ]] || {
  echo "new-rule.sh NAME: the rule's id, in small letters, such as writable-root" >&2
  exit 2
}
module=${id//-/_}
[ ! -e "$module.rs" ] || { echo "new-rule.sh: $module.rs is there already" >&2; exit 1; }

cat >"$module.rs" <<RULE
//! Sets the variable EXAMPLE to bad.

use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal};
use super::{COMMON, Case, Class, Confidence, Edit, Example, Finding, Rule};
use crate::files::dockerfile::{Directive, Dockerfile, Instruction};
use crate::lower::Build;

pub static RULE: Rule = Rule {
    id: "$id",
    title: "the variable EXAMPLE is set to bad",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    why: "Say here what happens and why it matters, in one or two sentences that a reader understands at once.",
    instead: "-e EXAMPLE=good",
    references: &[],
    fires: &["run -e EXAMPLE=bad safe:1", "service create --env EXAMPLE=bad safe:1"],
    quiet: &["run -e EXAMPLE=good safe:1", "run safe:1"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22\nENV EXAMPLE=bad\nUSER 10001\n",
        good: "FROM alpine:3.22\nENV EXAMPLE=good\nUSER 10001\n",
    }],
    check,
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::Instruction, propose }),
    ..COMMON
};

/// Where a request has the variables of a container.
const VARIABLES: &[&str] = &["/Env", "/TaskTemplate/ContainerSpec/Env"];

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (name, value, origins) in &workload.env {
            if name == "EXAMPLE" && value == "bad" {
                let mut finding = RULE.found(origins).about(workload);
                finding.edits.extend(Edit::replace(origins, "EXAMPLE=good".to_owned(), VARIABLES));
                findings.push(finding);
            }
        }
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let found = |it: &Instruction| RULE.found(&build.origins).in_file(file.place(&it.span));
    bad_ones(build, file).map(found).collect()
}

fn bad_ones<'a>(build: &'a Build, file: &'a Dockerfile) -> impl Iterator<Item = &'a Instruction> {
    let stages = build.needed.iter().filter_map(|stage| file.stages.get(*stage));
    stages.flat_map(|stage| &stage.instructions).filter(|it| match &it.what {
        Directive::Env(list) => list.iter().any(|(name, value)| name.text == "EXAMPLE" && value == "bad"),
        _ => false,
    })
}

fn propose(fixing: &Fixing) -> Vec<Proposal> {
    let bad = bad_ones(fixing.build, fixing.file).filter(|it| !fixing.is_allowed(&it.span));
    bad.map(|it| {
        let text = fixing.file.place(&it.span).marked().replace("EXAMPLE=bad", "EXAMPLE=good");
        fixing.proposal(&it.span, Grade::Safe, &[(it.span.clone(), text)])
    })
    .collect()
}
RULE

# The last class in the list is hygiene: the line moves with the class.
awk -v line="mod $module;" '
  { lines[NR] = $0; if (/^\/\/ The rules\./) listed = 1; if (listed && /^mod [a-z0-9_]+;$/) last = NR }
  END { for (at = 1; at <= NR; at++) { print lines[at]; if (at == last) print line } }
' mod.rs >mod.rs.new
mv mod.rs.new mod.rs

cat <<NEXT
made: crates/core/src/rules/$module.rs, and its line in crates/core/src/rules/mod.rs
next: change it into your rule, then
  cargo test --test quick rules::                 its examples are tests
  FENDER_UPDATE=1 cargo test --test quick         makes docs/rules.md and the README's table again
  a line in CHANGELOG.md: a new finding changes verdicts
NEXT
