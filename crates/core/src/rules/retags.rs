//! A name given to an image that may be another image's.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "retags",
    title: "takes a tag from another image",
    class: Class::Outage,
    why: "If an image has this name already, it loses the name. New containers from this name then run another \
          program, and the next prune removes the old image if nothing uses it.",
    instead: "a tag that no image has yet; docker image inspect NAME shows whether one has it",
    references: &["https://docs.docker.com/reference/cli/docker/image/tag/"],
    fires: &["tag app:2 app:prod", "load -i images.tar", "import fs.tar app:1", "commit web app:1"],
    quiet: &["commit web", "import fs.tar", "tag app:2 new:1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
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
            Lookup::Found(_) => Some(
                RULE.found(&origins())
                    .titled(format!("takes the name {} from the image that has it now", familiar(&name))),
            ),
            Lookup::NoEngine | Lookup::Unknown(_) => Some(RULE.found(&origins())),
        }
    });
    named.chain(case.origins_of_operation(&PredictedOperation::Retags).map(|origins| RULE.found(&origins))).collect()
}

fn familiar(name: &str) -> String {
    crate::grammar::values::reference(name).map_or_else(|_| name.to_owned(), |reference| reference.familiar_with_tag())
}
