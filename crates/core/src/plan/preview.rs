//! What compose itself says it would do: the lines of its dry run (`docker compose --progress plain --dry-run …`). Compose 2.26 and 2.40
//! print the same lines there; `--progress json` exists only since 2.29 (docs/decisions/0037).

use crate::grammar::parse::Invocation;

/// In front of each line that says what would be done: compose `pkg/progress/event.go`, `DRYRUN_PREFIX`.
const PREFIX: &str = "DRY-RUN MODE - ";
/// What compose says where it can show no more, although it has shown everything that it does to containers of services.
const ENDS_HERE: &str = "interactive run is not supported in dry-run mode";
/// What the dry run of compose 2.26 to 2.40 ends with where a new container gets a configuration or a secret whose content is in the files or
/// in a variable: there is no container into which it could be copied. 2.26 copies while it creates, 2.40 while it starts what it created.
const NO_CONTAINER: (&str, &str) = ("Could not find the file ", " in container ");

/// What one line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

/// What compose would do to one object: compose `pkg/progress/event.go`, as far as it changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewedAction {
    /// `Creating`.
    Creates,
    /// `Recreate`: a new container takes the name, and the old one is removed.
    Replaces,
    /// `Removing`; of a network that is made again also `Removed` alone.
    Removes,
    /// `Starting`.
    Starts,
    /// `Stopping`.
    Stops,
    /// `Killing`.
    Kills,
    /// `Restarting`.
    Restarts,
    /// `Paused`.
    Pauses,
    /// `Unpaused`.
    Unpauses,
}

/// One line that says of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub resource: Resource,
    /// The object's name on the engine.
    pub name: String,
    /// What is done to it.
    pub doing: PreviewedAction,
}

/// Everything that a dry run said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// What changes, in compose's order.
    pub events: Vec<Event>,
    /// Services whose image is pulled or built first: which image that will be is not known.
    pub unsure: Vec<String>,
    /// Volumes that are not as the files say. Compose asks whether to remove them with their data and make them again.
    pub differing: Vec<String>,
    /// It ended with an error, so that it may have shown only a part: why.
    pub failed: Option<String>,
    /// It ended while compose started what it had created: everything has been shown but what else is started.
    pub ended_in_start: bool,
}

/// The words that make compose say what it would do, and do nothing.
pub fn preview_words(invocation: &Invocation) -> Option<Vec<String>> {
    let command = *invocation.named_by.get(1)?;
    let (above, own) = invocation.words.split_at_checked(command)?;
    let dry = ["--progress", "plain", "--dry-run"].map(str::to_owned);
    // The dry run of `watch` does not end. What it does first is to build and start the services.
    if matches!(invocation.canonical(), "compose watch" | "compose alpha watch") {
        let up = ["up", "-d", "--build"].map(str::to_owned);
        return Some(above.iter().cloned().chain(dry).chain(up).chain(invocation.operand_texts()).collect());
    }
    Some(above.iter().cloned().chain(dry).chain(own.iter().cloned()).collect())
}

impl Preview {
    /// From what compose printed on both streams; `success` is whether it ended without an error.
    pub fn read(output: &str, errors: &str, success: bool) -> Preview {
        let mut preview = Preview::default();
        let mut last = "";
        let mut made: Vec<&str> = Vec::new();
        for line in output.lines().chain(errors.lines()) {
            if let Some(volume) = differing_volume(line) {
                preview.differing.push(volume.to_owned());
            }
            let Some((_, said)) = line.split_once(PREFIX) else {
                last = if line.trim().is_empty() { last } else { line.trim() };
                continue;
            };
            match said.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["Container", name, "Created" | "Recreated", ..] => made.push(name),
                ["Container" | "Network" | "Volume", ..] => {}
                // What it says of services, and the error that it ends with.
                _ => last = said.trim(),
            }
            preview.add(said);
        }
        let ends_here = output.contains(ENDS_HERE) || errors.contains(ENDS_HERE);
        preview.ended_in_start = !success && no_container(last).is_some_and(|name| made.contains(&name));
        preview.failed = (!success && !ends_here && !preview.ended_in_start).then(|| last.to_owned());
        preview
    }

    fn add(&mut self, said: &str) {
        let words: Vec<&str> = said.split_whitespace().collect();
        let resource = match words.first() {
            Some(&"Container") => Resource::Container,
            Some(&"Network") => Resource::Network,
            Some(&"Volume") => Resource::Volume,
            _ => return self.add_service(&words),
        };
        let [_, name, status, ..] = words.as_slice() else { return };
        let doing = match (*status, resource) {
            ("Creating", _) => PreviewedAction::Creates,
            ("Recreate", _) => PreviewedAction::Replaces,
            ("Removing", _) | ("Removed", Resource::Network) => PreviewedAction::Removes,
            ("Starting", _) => PreviewedAction::Starts,
            ("Stopping", _) => PreviewedAction::Stops,
            ("Killing", _) => PreviewedAction::Kills,
            ("Restarting", _) => PreviewedAction::Restarts,
            ("Paused", _) => PreviewedAction::Pauses,
            ("Unpaused", _) => PreviewedAction::Unpauses,
            _ => return,
        };
        // Compose 2.26 quotes the names of volumes.
        let event = Event { resource, name: name.trim_matches('"').to_owned(), doing };
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// `web Pulling`, `db Built` (2.40), `build service db` (2.26).
    fn add_service(&mut self, words: &[&str]) {
        let service = match words {
            [service, "Pulling" | "Pulled" | "Building" | "Built", ..] | ["build", "service", service, ..] => *service,
            _ => return,
        };
        if !self.unsure.iter().any(|known| known == service) {
            self.unsure.push(service.to_owned());
        }
    }

    /// The names of one kind to which this is done.
    pub fn names(&self, resource: Resource, doing: PreviewedAction) -> impl Iterator<Item = &str> {
        self.events.iter().filter(move |it| it.resource == resource && it.doing == doing).map(|it| it.name.as_str())
    }

    /// Whether a container of this name is removed, with or without another one in its place.
    pub fn takes(&self, name: &str) -> bool {
        let is_done = |doing: PreviewedAction| self.names(Resource::Container, doing).any(|known| known == name);
        is_done(PreviewedAction::Replaces) || is_done(PreviewedAction::Removes)
    }

    /// Whether it shows that nothing is removed or replaced, for certain.
    pub fn takes_nothing(&self) -> bool {
        let takes = |event: &Event| matches!(event.doing, PreviewedAction::Replaces | PreviewedAction::Removes);
        self.failed.is_none()
            && self.unsure.is_empty()
            && self.differing.is_empty()
            && !self.events.iter().any(takes)
            && !self.makes_volumes()
    }

    /// A volume that is made may be one that is there already: with `--yes` compose removes it without a line of its own.
    fn makes_volumes(&self) -> bool {
        self.names(Resource::Volume, PreviewedAction::Creates).next().is_some()
    }
}

/// The container that was not there to copy a file into, by the name that it has in the end: one that takes another's place is created under
/// the id of that one and its name.
fn no_container(error: &str) -> Option<&str> {
    let (before, after) = NO_CONTAINER;
    let (_, name) = error.strip_prefix(before)?.rsplit_once(after)?;
    let is_id = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(name.split_once('_').filter(|(id, _)| is_id(id)).map_or(name, |(_, name)| name))
}

/// The question of compose `pkg/compose/create.go`: `Volume "x" exists but doesn't match configuration in compose file. …`.
fn differing_volume(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once("Volume \"")?.1.split_once('"')?;
    rest.starts_with(" exists but doesn't match").then_some(name)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::plan::ItemChange;
    use crate::plan::compose::{Makes, Model, PROJECT, Project, ProjectChange, SERVICE, ServiceModel, taken};
    use crate::plan::inventory::{Container, Inventory};

    fn doing(preview: &Preview, resource: Resource, doing: PreviewedAction) -> Vec<&str> {
        preview.names(resource, doing).collect()
    }

    /// As compose 2.40 prints it where `db` has changed and `side` shares its network.
    #[test]
    fn what_is_recreated_is_read() {
        let errors = " DRY-RUN MODE -  Container shop-side-1  Stopping \n DRY-RUN MODE -  Container shop-side-1  Stopped \n \
                      DRY-RUN MODE -  Container shop-db-1  Recreate \n DRY-RUN MODE -  Container shop-db-1  Recreated \n \
                      DRY-RUN MODE -  Container shop-side-1  Recreate \n DRY-RUN MODE -  Container shop-web-1  Running \n";
        let preview = Preview::read("", errors, true);
        assert_eq!(doing(&preview, Resource::Container, PreviewedAction::Replaces), ["shop-db-1", "shop-side-1"]);
        assert_eq!(doing(&preview, Resource::Container, PreviewedAction::Stops), ["shop-side-1"]);
        assert_eq!(preview.failed, None);
        assert!(!preview.takes_nothing());
    }

    #[test]
    fn the_names_of_both_versions_are_the_same() {
        for line in [" DRY-RUN MODE -  Volume shop_data  Creating ", " DRY-RUN MODE -  Volume \"shop_data\"  Creating "]
        {
            assert_eq!(
                doing(&Preview::read("", line, true), Resource::Volume, PreviewedAction::Creates),
                ["shop_data"]
            );
        }
    }

    #[test]
    fn what_is_up_to_date_is_no_change() {
        let preview = Preview::read("", " DRY-RUN MODE -  Container shop-db-1  Running \n", true);
        assert!(preview.takes_nothing() && preview.events.is_empty());
    }

    #[test]
    fn images_that_are_built_or_pulled_leave_it_open() {
        for line in
            [" DRY-RUN MODE -  db  Built ", " DRY-RUN MODE -    build service db ", " DRY-RUN MODE -  db Pulling "]
        {
            let preview = Preview::read("", line, true);
            assert_eq!(preview.unsure, ["db"], "{line}");
            assert!(!preview.takes_nothing());
        }
    }

    /// Compose replaces what shares something with a container that it replaces.
    #[test]
    fn what_shares_with_a_service_that_is_built_may_be_replaced() {
        let service = |name: &str, shares: &[&str]| ServiceModel {
            name: name.to_owned(),
            shares: shares.iter().map(|name| (*name).to_owned()).collect(),
            ..ServiceModel::default()
        };
        let services =
            vec![service("last", &["side"]), service("side", &["db"]), service("db", &[]), service("web", &[])];
        let containers = services.iter().map(|it| Container {
            names: vec![format!("/shop-{}-1", it.name)],
            labels: [(PROJECT.to_owned(), "shop".to_owned()), (SERVICE.to_owned(), it.name.clone())].into(),
            ..Container::default()
        });
        let inventory = Inventory { containers: containers.collect(), ..Inventory::default() };
        let project = Project { name: "shop".to_owned(), model: Some(Model { services, ..Model::default() }) };
        let preview = Rc::new(Preview::read("", " DRY-RUN MODE -  db  Built ", true));
        let makes = Makes { preview, unclear: None, forced: None, assumes_yes: false };
        let change = ProjectChange { project, makes: Some(makes), ..ProjectChange::default() };
        let taken = taken(&change, &inventory).containers;
        let mut names: Vec<&str> =
            taken.iter().filter_map(|it| inventory.containers.get(it.at)?.label(SERVICE)).collect();
        names.sort_unstable();
        assert_eq!(names, ["db", "last", "side"]);
        assert!(taken.iter().all(|it| it.change == ItemChange::MaybeReplaced));
    }

    #[test]
    fn a_volume_that_differs_is_found_in_the_question() {
        let question = "Volume \"shop_data\" exists but doesn't match configuration in compose file. Recreate (data will be lost)? ";
        assert_eq!(Preview::read(question, "", true).differing, ["shop_data"]);
    }

    /// As compose 2.40 and 2.26 print it of a service with a configuration whose content is in the file.
    #[test]
    fn a_file_that_cannot_be_copied_ends_the_dry_run_where_it_is_copied() {
        let error = " DRY-RUN MODE -  Could not find the file / in container 25eb0f37dd85_shop-web-1\n";
        let created = " DRY-RUN MODE -  Network shop_side  Removed \n DRY-RUN MODE -  Container shop-web-1  Recreate \n \
                       DRY-RUN MODE -  Container shop-db-1  Created \n";
        let new =
            Preview::read("", &format!("{created} DRY-RUN MODE -  Container shop-web-1  Recreated \n{error}"), false);
        assert!(new.ended_in_start && new.failed.is_none());
        let old = Preview::read("", &format!("{created}{error}"), false);
        assert!(!old.ended_in_start);
        let why = "Could not find the file / in container 25eb0f37dd85_shop-web-1";
        assert_eq!(old.failed.as_deref(), Some(why));
        assert_eq!(doing(&old, Resource::Network, PreviewedAction::Removes), ["shop_side"]);
        for (said, made) in [
            ("Could not find the file / in container shop-db-1", true),
            ("Could not find the file / in container other", false),
            ("Could not find the file /etc/x in container feedfeedfeed_shop-db-1", true),
            ("shop-db-1", false),
        ] {
            let preview = Preview::read("", &format!("{created} DRY-RUN MODE -  {said}\n"), false);
            assert_eq!((preview.ended_in_start, preview.failed.is_none()), (made, made), "{said}");
        }
    }

    #[test]
    fn an_error_is_no_answer() {
        let failed = Preview::read("", "service \"db\" has no container to start\n", false);
        assert_eq!(failed.failed.as_deref(), Some("service \"db\" has no container to start"));
        assert!(!failed.takes_nothing());
        // `run` without --detach shows what it does to the services, and ends there.
        let lines =
            " DRY-RUN MODE -  Container shop-db-1  Running \ninteractive run is not supported in dry-run mode\n";
        assert_eq!(Preview::read("", lines, false).failed, None);
    }
}
