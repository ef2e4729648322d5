//! A name given to an image that may be another image's.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::files::image_archive::ArchiveTag;
use crate::lower::{Body, Origins, PredictedOperation, Request};

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
    // Where compose's files are read, each tag is judged by itself.
    let is_read = case.requests().any(|request| request.value("fromImage").is_some());
    let tags = case.origins_of_operation(&PredictedOperation::PullsTags).filter(|_| !is_read);
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
    let loaded = case.requests().filter(|request| request.is("POST", "/images/load"));
    let named = named.chain(loaded.flat_map(|request| moved_by_load(case, request))).chain(pulled).chain(tags);
    named.chain(case.origins_of_operation(&PredictedOperation::Retags).map(|origins| RULE.found(&origins))).collect()
}

/// An archive gives the names in it. Where it cannot be read before docker reads it, it may be any name.
fn moved_by_load(case: &Case, request: &Request) -> Vec<Finding> {
    let found = |title: String| RULE.found(&request.origins).titled(title);
    let tags = match &request.body {
        Body::Images(Ok(tags)) => tags,
        Body::Images(Err(why)) => {
            let title = "gives images the names in the archive, also names that other images have now";
            return vec![found(title.to_owned()).because(format!("Which names these are is not known: {why}."))];
        }
        _ => {
            let title = "gives images the names in the archive, also names that other images have now";
            return vec![found(title.to_owned())];
        }
    };
    let engine = case.facts.engine();
    let is_same = |tag: &ArchiveTag, id: &str| matches!(&engine, Lookup::Found(known) if tag.is(id, known.containerd));
    let mut moved = Vec::new();
    for tag in tags {
        match case.facts.image(&tag.name) {
            Lookup::Missing => {}
            Lookup::Found(now) if is_same(tag, &now.id) || case.facts.uses_image(&now.id) == Lookup::Missing => {}
            Lookup::Found(_) => moved.push(format!("takes the name {} from the image that has it now", tag.name)),
            Lookup::NoEngine | Lookup::Unknown(_) => {
                moved.push(format!("takes the name {} from an image that may have it now", tag.name));
            }
        }
    }
    moved.into_iter().map(found).collect()
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
