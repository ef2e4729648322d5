//! The containers of a project's services.

use super::compose::{DEPENDS_ON, Model, PROJECT, Project, SERVICE, is_one_off};
use super::inventory::{Container, Inventory};

/// These services, and all that compose starts before them: as the files say, or without files the labels of their containers.
fn with_needs<'a>(
    named: &'a [String],
    model: Option<&'a Model>,
    containers: impl Iterator<Item = &'a Container> + Clone,
) -> Vec<&'a str> {
    let mut all: Vec<&str> = named.iter().map(String::as_str).collect();
    let mut at = 0;
    while let Some(service) = all.get(at).copied() {
        at += 1;
        let needs: Vec<&str> = match model {
            Some(model) => {
                let services = model.services.iter().filter(|it| it.name == service);
                services.flat_map(|it| &it.needs).map(String::as_str).collect()
            }
            None => {
                let of_service = containers.clone().filter(|it| it.label(SERVICE) == Some(service));
                let labels = of_service.filter_map(|it| it.label(DEPENDS_ON));
                labels.flat_map(|label| label.split(',').filter_map(|entry| entry.split(':').next())).collect()
            }
        };
        for need in needs.into_iter().filter(|need| !need.is_empty()) {
            if !all.contains(&need) {
                all.push(need);
            }
        }
    }
    all
}

/// The containers of a project's services: of those that are named, or of all that the files have. With `needs` those of services that
/// are started before them, too.
pub fn containers_of_services<'a>(
    project: &'a Project,
    named: &'a [String],
    needs: bool,
    inventory: &'a Inventory,
) -> Vec<&'a Container> {
    let of_project =
        || inventory.containers.iter().filter(|it| it.label(PROJECT) == Some(&project.name) && !is_one_off(it));
    let model = project.model.as_ref();
    let wanted: Option<Vec<&str>> = match (named.is_empty(), needs) {
        (true, _) => model.map(|model| model.services.iter().map(|it| it.name.as_str()).collect()),
        (false, true) => Some(with_needs(named, model, of_project())),
        (false, false) => Some(named.iter().map(String::as_str).collect()),
    };
    let is_wanted = |service: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(&service));
    of_project().filter(|it| it.label(SERVICE).is_some_and(is_wanted)).collect()
}
