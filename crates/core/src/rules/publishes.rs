//! What goes to a registry, where others get it.

use super::secret_in_env::is_secret;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::grammar::values::reference;
use crate::lower::{PredictedOperation, Request};
use crate::text::named;

pub static RULE: Rule = Rule {
    id: "publishes",
    title: "sends images to a registry",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "Whoever may read the registry gets the image, and a tag that is there already then names this image. Without a registry in \
          its name an image goes to Docker Hub, where a repository is public unless somebody made it private.",
    instead: "a name with the registry and one tag: docker push registry.example.com/app:1.4",
    references: &["https://docs.docker.com/reference/cli/docker/image/push/"],
    fires: &[
        "push app:1",
        "push -a registry.example.com/app",
        "buildx build --push -t registry.example.com/app:1 .",
        "buildx build -o type=registry -t registry.example.com/app:1 .",
        "buildx bake --push",
        "buildx imagetools create -t registry.example.com/app:1 registry.example.com/app:2",
        "manifest push --purge registry.example.com/app:1",
        "trust revoke registry.example.com/app:1",
        "compose push",
        "push registry.example.com/leaky:1",
        "commit leaky app:3",
    ],
    quiet: &[
        "push registry.example.com/app:1",
        "push localhost:5000/app:1",
        "push not-here:1",
        "buildx build -t app:1 .",
        "buildx imagetools create --dry-run -t app:1 app:2",
        "buildx imagetools inspect app:1",
        "manifest inspect app:1",
    ],
    check,
    ..COMMON
};

/// The registry of names that have none.
const HUB: &str = "docker.io";

fn check(case: &Case) -> Vec<Finding> {
    let mut findings: Vec<Finding> = case.requests().filter_map(|request| with_secret(case, request)).collect();
    for request in case.requests().filter(|request| request.is("POST", "/images/*/push")) {
        let typed = request.object("/images/", "/push").unwrap_or_default();
        let parsed = reference(typed).ok();
        let hub = parsed.as_ref().is_none_or(|parsed| parsed.domain == HUB);
        let name = parsed.map_or_else(|| typed.to_owned(), |parsed| parsed.familiar());
        // Without a tag all of them are sent.
        let tag = request.value("tag").filter(|tag| !tag.is_empty());
        let all = tag.is_none();
        if tag.is_some_and(|tag| case.facts.image(&format!("{typed}:{tag}")) == Lookup::Missing) {
            continue;
        }
        let title = match (all, hub) {
            (true, true) => format!("sends every tag of {name} to Docker Hub"),
            (true, false) => format!("sends every tag of {name} to its registry"),
            (false, true) => format!("sends {name} to Docker Hub"),
            (false, false) => continue,
        };
        findings.push(RULE.found(&request.origins).titled(title));
    }
    for request in case.requests().filter(|request| request.method == "POST") {
        let Some(typed) = request.object("/plugins/", "/push") else { continue };
        if reference(typed).is_ok_and(|parsed| parsed.domain == HUB) {
            findings.push(RULE.found(&request.origins).titled(format!("sends the plugin {typed} to Docker Hub")));
        }
    }
    for (operation, origins) in case.operations() {
        let title = match operation {
            PredictedOperation::Publishes(what) => format!("sends {what} to a registry"),
            PredictedOperation::RevokesSignatures => "removes the image's signatures at its registry".to_owned(),
            _ => continue,
        };
        findings.push(RULE.found(origins).titled(title));
    }
    findings
}

/// An image that is pushed, or made to be, with a secret in its environment. Everybody who gets the image can read that.
fn with_secret(case: &Case, request: &Request) -> Option<Finding> {
    let pushes = request.is("POST", "/images/*/push");
    let environment = if pushes {
        let name = request.object("/images/", "/push")?;
        let tag = request.value("tag").filter(|tag| !tag.is_empty());
        let name = tag.map_or_else(|| name.to_owned(), |tag| format!("{name}:{tag}"));
        case.facts.image(&name).then(|image| Lookup::Found(image.env))
    } else if request.is("POST", "/commit") {
        case.facts.container(request.value("container")?).then(|container| Lookup::Found(container.env))
    } else {
        return None;
    };
    let set = |line: &str| line.split_once('=').is_some_and(|(name, value)| is_secret(name, value));
    let title = match environment {
        Lookup::Found(lines) => {
            let changed =
                request.query.iter().filter(|(key, _)| key == "changes").filter_map(|(_, change)| env_of(change));
            let names: Vec<String> = lines.into_iter().chain(changed).filter(|line| set(line)).map(name_of).collect();
            if names.is_empty() {
                return None;
            }
            format!("the image has a secret in its environment: {}", named(&names))
        }
        // Who pushes has the image; there is nothing to send without it.
        Lookup::Missing | Lookup::NoEngine => return None,
        Lookup::Unknown(why) => format!("the image may have a secret in its environment: {why}"),
    };
    let mut finding = RULE.found(&request.origins).titled(title).of_class(Class::Escape);
    finding.why = "Everybody who gets the image can read its environment with docker inspect, and deleting the variable in a later \
                   layer does not remove it."
        .to_owned();
    finding.instead = "build the image without it, and give the secret to the container when it starts".to_owned();
    Some(finding)
}

/// `ENV NAME=value` of `commit --change`, as far as it sets one variable.
fn env_of(change: &str) -> Option<String> {
    let (instruction, rest) = change.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let line = if rest.contains('=') { rest.to_owned() } else { rest.replacen(' ', "=", 1) };
    instruction.eq_ignore_ascii_case("env").then_some(line)
}

fn name_of(line: String) -> String {
    line.split_once('=').map_or(line.clone(), |(name, _)| name.to_owned())
}
