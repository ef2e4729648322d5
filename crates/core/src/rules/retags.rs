//! A name given to an image that may be another image's.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::{Origins, PredictedOperation, Request};

pub static RULE: Rule = Rule {
    id: "retags",
    title: "takes a tag from another image",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "If an image has this name already, it loses the name. New containers from this name then run another \
          program, and the next prune removes the old image if nothing uses it.",
    instead: "a tag that no image has yet; docker image inspect NAME shows whether one has it",
    references: &["https://docs.docker.com/reference/cli/docker/image/tag/"],
    fires: &[
        "tag app:2 app:prod",
        "load -i images.tar",
        "import fs.tar app:1",
        "commit web app:1",
        "pull app:1",
        "compose pull",
    ],
    quiet: &["commit web", "import fs.tar", "tag app:2 new:1", "pull new:1", "tag app:2 idle:1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let pulled = case.requests().filter_map(|request| moved_by_pull(case, request));
    let tags = case.origins_of_operation(&PredictedOperation::PullsTags);
    let tags = tags.map(|origins| moves(&origins, "moves the project's tags to what the registry has now"));
    let named = case.requests().filter_map(|request| {
        let repository = request.value("repo").filter(|name| !name.is_empty());
        let name = |repository: &str| match request.value("tag").filter(|tag| !tag.is_empty()) {
            Some(tag) => format!("{repository}:{tag}"),
            None => repository.to_owned(),
        };
        let gives = request.is("POST", "/images/*/tag")
            || request.is("POST", "/commit")
            || request.is("POST", "/images/create");
        let origins = || request.origins.clone();
        if request.is("POST", "/images/load") {
            return Some(
                RULE.found(&origins())
                    .titled("gives images the names in the file, also names that other images have now"),
            );
        }
        let name = name(repository.filter(|_| gives)?);
        let source = request.object("/images/", "/tag").unwrap_or_default();
        match case.facts.image(&name) {
            // Nobody loses the name.
            Lookup::Missing => None,
            Lookup::Found(now) if matches!(case.facts.image(source), Lookup::Found(image) if image.id == now.id) => {
                None
            }
            // What nothing stands on loses a name and no more.
            Lookup::Found(now) if case.facts.uses_image(&now.id) == Lookup::Missing => None,
            Lookup::Found(_) => Some(
                RULE.found(&origins())
                    .titled(format!("takes the name {} from the image that has it now", familiar(&name))),
            ),
            Lookup::NoEngine | Lookup::Unknown(_) => Some(RULE.found(&origins())),
        }
    });
    let named = named.chain(pulled).chain(tags);
    named.chain(case.origins_of_operation(&PredictedOperation::Retags).map(|origins| RULE.found(&origins))).collect()
}

/// A pull gives the tag to what the registry has now. Where no image has it yet, nothing loses it.
fn moved_by_pull(case: &Case, request: &Request) -> Option<Finding> {
    let from = request.value("fromImage").filter(|_| request.is("POST", "/images/create"))?;
    let tag = request.value("tag").filter(|tag| !tag.is_empty());
    if tag.is_some_and(|tag| tag.contains(':')) {
        return None; // A digest.
    }
    let Some(tag) = tag else {
        return Some(moves(
            &request.origins,
            &format!("moves every tag of {} to what the registry has now", familiar_name(from)),
        ));
    };
    let name = format!("{from}:{tag}");
    let is_new = case.facts.image(&name) == Lookup::Missing;
    (!is_new)
        .then(|| moves(&request.origins, &format!("moves the tag {} to what the registry has now", familiar(&name))))
}

/// A note on production: it is what a pull is for.
fn moves(origins: &Origins, title: &str) -> Finding {
    RULE.found(origins).titled(title).less_strict()
}

fn familiar_name(name: &str) -> String {
    crate::grammar::values::reference(name).map_or_else(|_| name.to_owned(), |reference| reference.familiar())
}

fn familiar(name: &str) -> String {
    crate::grammar::values::reference(name).map_or_else(|_| name.to_owned(), |reference| reference.familiar_with_tag())
}
