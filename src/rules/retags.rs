//! A name given to an image that may be another image's.

use super::{Case, Class, Finding, Rule};
use crate::effects::Deed;
use crate::facts::Known;

pub static RULE: Rule = Rule {
    id: "retags",
    title: "gives an image a name that may be another's",
    class: Class::Outage,
    why: "If an image has that name already, it loses it: the next container from that name is a different program, and the \
          old image is left without a name, for the next prune.",
    instead: "a tag that nothing has yet; docker image inspect NAME shows whether one has",
    references: &["https://docs.docker.com/reference/cli/docker/image/tag/"],
    fires: &["tag app:2 app:prod", "load -i images.tar", "import fs.tar app:1", "commit web app:1"],
    quiet: &["commit web", "import fs.tar", "tag app:2 new:1"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let named = case.requests().filter_map(|request| {
        let repository = request.value("repo").filter(|name| !name.is_empty());
        let name = |repository: &str| match request.value("tag").filter(|tag| !tag.is_empty()) {
            Some(tag) => format!("{repository}:{tag}"),
            None => repository.to_owned(),
        };
        let gives = request.is("POST", "/images/*/tag") || request.is("POST", "/commit") || request.is("POST", "/images/create");
        let words = || request.words.clone();
        if request.is("POST", "/images/load") {
            return Some(RULE.found(&words()).titled("gives images the names that the file says, whoever has them now"));
        }
        let name = name(repository.filter(|_| gives)?);
        let source = request.object("/images/", "/tag").unwrap_or_default();
        match case.facts.image(&name) {
            // Nobody loses the name.
            Known::Missing => None,
            Known::Is(now) if matches!(case.facts.image(source), Known::Is(image) if image.id == now.id) => None,
            Known::Is(_) => Some(RULE.found(&words()).titled(format!("takes the name {} from the image that has it", familiar(&name)))),
            Known::Untold => Some(RULE.found(&words())),
        }
    });
    named.chain(case.words_of_deed(&Deed::Retags).map(|words| RULE.found(&words))).collect()
}

fn familiar(name: &str) -> String {
    crate::grammar::values::reference(name).map_or_else(|_| name.to_owned(), |reference| reference.familiar_with_tag())
}
