//! A compose command that meets the containers of another folder, because both projects have the same name.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Difference, OtherProject, PredictedOperation};
use crate::text::named;

pub static RULE: Rule = Rule {
    id: "foreign-project",
    title: "uses the containers of another project that has the same name",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "Compose finds the containers, networks and volumes of a project by its name alone. Where no name is set, this is the name of \
          the folder. A second folder with this name takes the first one's containers and volumes for its own, replaces them and removes \
          them.",
    instead: "docker compose -p NAME, or name: NAME at the top of the compose file",
    references: &["https://docs.docker.com/compose/how-tos/project-name/"],
    fires: &["compose -p shop up -d", "compose -p shop down -v", "compose -p shop stop", "compose -p shop run web sh"],
    quiet: &["compose up -d", "compose -p shop ps", "compose -p shop config", "compose -p blog up -d"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let met = case.operations().filter_map(|(operation, origins)| match operation {
        PredictedOperation::UsesOtherProject(other) => Some((other, origins)),
        _ => None,
    });
    met.map(|(other, origins)| {
        let mut found = RULE.found(origins).titled(title(other)).because(why(other));
        if !other.suggested.is_empty() {
            let name = &other.suggested;
            found.instead = match other.makes {
                true => format!("docker compose -p {name} {}, or name: {name} in the compose file", other.command),
                false => format!(
                    "if it is meant: docker compose {} in {}; for a project of its own here: docker compose -p {name}, or name: {name} in the compose file",
                    other.command,
                    named(&folders(other))
                ),
            };
        }
        found.unanswered = matches!(other.difference, Difference::Unknown(_));
        match other.difference {
            // The same files at another path are one project for most people.
            Difference::OutOfSight { alike: true, .. } => found.at_most_noted(),
            _ if other.removes_volumes => found,
            _ => found.without_typing(),
        }
    })
    .collect()
}

fn folders(other: &OtherProject) -> Vec<&str> {
    match other.there.is_empty() {
        true => vec!["the other folder"],
        false => other.there.iter().map(String::as_str).collect(),
    }
}

fn title(other: &OtherProject) -> String {
    let OtherProject { name, here, .. } = other;
    let here: Vec<&str> = here.iter().map(String::as_str).collect();
    match other.difference {
        Difference::Unknown(_) => "it is not known whether this project's name is in use by another folder".to_owned(),
        Difference::Files => {
            format!("the project {name} was started from other files: {}, not {}", named(&folders(other)), named(&here))
        }
        _ if other.there.is_empty() => {
            format!("the project {name} was started from a folder that its labels do not name")
        }
        _ => {
            format!("the project {name} was started from {}, not from here ({})", named(&folders(other)), named(&here))
        }
    }
}

fn why(other: &OtherProject) -> String {
    if let Difference::Unknown(why) = &other.difference {
        return format!(
            "Compose finds a project's containers by its name alone, and this could not be looked up: {why}."
        );
    }
    let containers: Vec<&str> = other.containers.iter().map(String::as_str).collect();
    let volumes: Vec<&str> = other.volumes.iter().map(String::as_str).collect();
    let objects = |what: &str, names: &[&str]| match names {
        [one] => format!("its {what} {one}"),
        many => format!("its {what}s {}", named(many)),
    };
    let mut parts = Vec::new();
    if !containers.is_empty() {
        parts.push(format!("{} {}", other.does, objects("container", &containers)));
    }
    if !volumes.is_empty() {
        let verb = if other.removes_volumes { "remove" } else { "use" };
        parts.push(format!("{verb} {}", objects("volume", &volumes)));
    }
    if parts.is_empty() {
        parts.push("put more containers into its networks".to_owned());
    }
    let seen = match other.difference {
        Difference::OutOfSight { gone: true, alike: true } => {
            " That folder is not there any more, and the services use the same images: it may be this project, at the path it had before."
        }
        Difference::OutOfSight { gone: false, alike: true } => {
            " That folder is on another machine or in a container, and the services use the same images: it may be this project."
        }
        Difference::OutOfSight { gone: true, alike: false } => " That folder is not there any more.",
        Difference::OutOfSight { gone: false, alike: false } => {
            " That folder is on another machine or in a container, and the services use other images."
        }
        _ => "",
    };
    format!("{} would {}.{seen}", other.command, parts.join(" and "))
}
