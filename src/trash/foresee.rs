//! How much space keeping will need, and what an undo will not restore. It is found out before the question, so that the question can say it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fender_core::api::EngineProblem;
use fender_core::plan::inventory::short;
use fender_core::plan::{CopySource, Keeping, KeepingCopy, NeighbourContainer, ObjectKind, Plan, Recoverable};
use serde::Deserialize;
use serde_json::Value;

use super::settings::needed_containers;
use super::speed::{self, Speeds};
use super::store::TrashStore;
use crate::engine::answers::{ContainerSettings, ListedContainer, ListedImage, read};
use crate::engine::connection::{Client, Connection};
use crate::engine::list::List;
use crate::engine::many::{about, many};
use crate::engine::paths;

/// How long the engine may take for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of so many containers each is looked at; of more only those that go.
const LOOKED_AT: usize = 200;
/// The settings of so many containers are read before a question; of more only after the answer, where somebody waits for the question.
const BEFORE_QUESTION: usize = 50;
/// The sizes of so many images are asked one by one; of more the list is read.
const IMAGES_ONE_BY_ONE: usize = 8;

/// When the settings of many containers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsRead {
    /// Before this is done, however many there are.
    Now,
    /// Many of them later, with a warning in the plan that says so.
    Later,
}

/// What the engine says of its containers and images.
#[derive(Default)]
struct Around {
    containers: Vec<NeighbourContainer>,
    /// Settings by the container's id.
    settings: HashMap<String, Value>,
    /// Bytes by the image's id.
    images: HashMap<String, u64>,
}

/// Estimates time and room for what the plan promises to keep, and finds what does not come back.
pub fn foresee(connection: &Connection, plan: &mut Plan, is_local: bool, reading: SettingsRead) {
    let mut around = Around::default();
    if plan.of(ObjectKind::Container).next().is_some() {
        match connection.within(PATIENCE, look(&connection.client, plan, reading)) {
            Ok((looked, is_read)) => {
                around = looked;
                if !is_read {
                    plan.left_unread();
                }
            }
            Err(problem) => plan.warnings.push(format!(
                "whether what other containers share can be restored is not known, because the engine did not say it: {problem}"
            )),
        }
        let store = TrashStore::at(super::folder());
        let engine = plan.engine.clone();
        depend(plan, &around, &|id| store.made_anywhere(&engine, id).ok().flatten());
    }
    let speeds = speed::recall(&super::folder(), &plan.engine, is_local);
    plan.keeping = estimate(plan, &around, speeds, connection.objects_at_once());
}

/// What the plan's own lists say is not asked again; the settings of the containers are asked several at once. Also whether they were read.
async fn look(client: &Arc<Client>, plan: &Plan, reading: SettingsRead) -> Result<(Around, bool), EngineProblem> {
    let listed = plan.neighbours.clone().unwrap_or_default();
    let containers = async {
        if plan.neighbours.is_some() {
            return Ok::<_, EngineProblem>(listed.containers.clone());
        }
        let List(containers): List<ListedContainer> = client.get(paths::CONTAINERS).await?;
        let named = |it: ListedContainer| NeighbourContainer { id: it.id, image_id: it.image_id, names: it.names };
        Ok(containers.into_iter().map(named).collect())
    };
    let images = async {
        if let Some(sizes) = &listed.image_sizes {
            return Ok::<_, EngineProblem>(sizes.clone());
        }
        if let Some(ids) = images_below(plan, &listed.containers) {
            let answers = many(client, ids.iter().map(|id| paths::image(id)).collect()).await;
            let mut sizes = HashMap::new();
            for (id, answer) in ids.into_iter().zip(answers) {
                let image = about::<SizedImage>(answer)?;
                sizes.extend(image.map(|image| (id, u64::try_from(image.size).unwrap_or(0))));
            }
            return Ok(sizes);
        }
        let List(images): List<ListedImage> = client.get(paths::IMAGES).await?;
        Ok(images.into_iter().map(|image| (image.id, u64::try_from(image.size).unwrap_or(0))).collect())
    };
    let settings = async {
        let containers: Vec<NeighbourContainer> = containers.await?;
        let going: HashSet<&str> = plan.of(ObjectKind::Container).map(|item| item.id.as_str()).collect();
        let all = containers.len() <= LOOKED_AT;
        let asked: Vec<String> =
            containers.iter().map(|it| it.id.clone()).filter(|id| all || going.contains(id.as_str())).collect();
        if reading == SettingsRead::Later && asked.len() > BEFORE_QUESTION {
            return Ok((containers, None));
        }
        let answers = many(client, asked.iter().map(|id| paths::container(id)).collect()).await;
        let mut settings = HashMap::new();
        for (id, answer) in asked.into_iter().zip(answers) {
            let Some(inspect) = about::<Value>(answer)? else { continue };
            let _: ContainerSettings = read(&inspect)?;
            settings.insert(id, inspect);
        }
        Ok::<_, EngineProblem>((containers, Some(settings)))
    };
    let ((containers, settings), images) = tokio::try_join!(settings, images)?;
    let is_read = settings.is_some();
    Ok((Around { containers, settings: settings.unwrap_or_default(), images }, is_read))
}

/// The images below the layers that are kept; None where the plan's lists do not say them, or where they are many.
fn images_below(plan: &Plan, containers: &[NeighbourContainer]) -> Option<BTreeSet<String>> {
    let images: HashMap<&str, &str> = containers.iter().map(|it| (it.id.as_str(), it.image_id.as_str())).collect();
    let with_layer = plan.of(ObjectKind::Container).filter(|item| item.size != Some(0));
    let ids: Option<BTreeSet<String>> =
        with_layer.map(|item| Some((*images.get(item.id.as_str())?).to_owned())).collect();
    ids.filter(|ids| ids.len() <= IMAGES_ONE_BY_ONE && ids.iter().all(|id| !id.is_empty()))
}

/// The part of `GET /images/ID/json` that is read here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SizedImage {
    size: i64,
}

/// What keeping costs, in bytes and in seconds at these speeds. A second that has begun counts.
fn estimate(plan: &Plan, around: &Around, speeds: Speeds, at_once: usize) -> Keeping {
    let mut keeping = Keeping::default();
    for (at, item) in plan.deletes.iter().enumerate().filter(|(_, item)| item.recoverable == Recoverable::Trash) {
        let size = u64::try_from(item.size.unwrap_or(0)).unwrap_or(0);
        keeping.bytes = keeping.bytes.saturating_add(size);
        let copy = match item.kind {
            ObjectKind::Container | ObjectKind::Volume if speeds.is_here && item.size != Some(0) => {
                KeepingCopy { at, source: CopySource::Here, bytes: size }
            }
            // The engine sends a container's own layer with all the layers of its image.
            ObjectKind::Container if item.size != Some(0) => {
                let own = around.containers.iter().find(|it| it.id == item.id);
                let base = own.and_then(|it| around.images.get(&it.image_id)).copied().unwrap_or(0);
                KeepingCopy { at, source: CopySource::Layers, bytes: size.saturating_add(base) }
            }
            ObjectKind::Image => KeepingCopy { at, source: CopySource::Layers, bytes: size },
            ObjectKind::Volume => KeepingCopy { at, source: CopySource::Files, bytes: size },
            _ => continue,
        };
        keeping.copies.push(copy);
    }
    let time = speeds.time(&keeping.copies, at_once);
    keeping.seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    keeping
}

/// The id of a container that is there, by the name or id that another one has for it.
fn there<'a>(containers: &'a [NeighbourContainer], named: &str) -> Option<&'a str> {
    let is = |it: &&NeighbourContainer| {
        it.id == named
            || it.names.iter().any(|name| name.trim_start_matches('/') == named)
            || named.len() >= 12 && it.id.starts_with(named)
    };
    containers.iter().find(is).map(|it| it.id.as_str())
}

/// A container that shares a namespace with another one, or has a link to it, comes back only with that one; and one that
/// stays does not find it again. `made` knows the id of what was brought back before, by the id that it had.
fn depend(plan: &mut Plan, around: &Around, made: &dyn Fn(&str) -> Option<String>) {
    let found = |named: &str| {
        let id = there(&around.containers, named).map(str::to_owned);
        id.or_else(|| there(&around.containers, &made(named)?).map(str::to_owned))
    };
    // What `--volumes-from` gave has names of its own.
    let needs = |id: &str| -> Vec<(&'static str, String)> {
        let all = around.settings.get(id).map(needed_containers).unwrap_or_default();
        all.into_iter().filter(|(what, _)| *what != "volumes").collect()
    };
    loop {
        let kept: HashMap<String, bool> = plan
            .of(ObjectKind::Container)
            .map(|item| (item.id.clone(), item.recoverable == Recoverable::Trash))
            .collect();
        let mut changed = false;
        for item in plan.deletes.iter_mut() {
            if item.kind != ObjectKind::Container || item.recoverable != Recoverable::Trash {
                continue;
            }
            let why = needs(&item.id).into_iter().find_map(|(what, named)| {
                let how = if what == "link" { "has a link to".to_owned() } else { format!("uses the {what} of") };
                match found(&named) {
                    None => Some(format!("it {how} a container that is gone, so it cannot be created again")),
                    Some(id) if kept.get(&id) == Some(&false) => {
                        Some(format!("it {how} a container that goes too and is not kept"))
                    }
                    Some(_) => None,
                }
            });
            if let Some(why) = why {
                item.recoverable = Recoverable::No;
                item.not_kept = Some(why);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let going: HashMap<String, String> =
        plan.of(ObjectKind::Container).map(|item| (item.id.clone(), item.name.clone())).collect();
    for it in around.containers.iter().filter(|it| !going.contains_key(&it.id)) {
        let name = it.names.first().map_or(short(&it.id), |name| name.trim_start_matches('/'));
        for (what, named) in needs(&it.id) {
            let Some(needed) = found(&named).and_then(|id| going.get(&id)) else { continue };
            plan.warnings.push(match what {
                "link" => format!(
                    "container {name} has a link to {needed}: it does not find it again, also after an undo, and has to be created \
                     again"
                ),
                what => format!(
                    "container {name} uses the {what} of {needed} by its id: it cannot start again, also after an undo, and has to \
                     be created again"
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use fender_core::plan::{Item, ItemChange};
    use serde_json::json;

    use super::*;

    fn item(name: &str) -> Item {
        Item {
            kind: ObjectKind::Container,
            id: name.repeat(64),
            name: name.to_owned(),
            tags: Vec::new(),
            size: Some(0),
            reason: String::new(),
            recoverable: Recoverable::Trash,
            not_kept: None,
            about: Vec::new(),
            created: None,
            used: None,
            mark: String::new(),
            force: true,
            volumes: false,
            frees: 0,
            users: Vec::new(),
            step: 0,
            change: ItemChange::Removed,
            since: None,
            downtime: None,
        }
    }

    fn around(containers: &[(&str, Value)]) -> Around {
        let id = |name: &str| name.repeat(64);
        Around {
            containers: containers
                .iter()
                .map(|(name, _)| NeighbourContainer {
                    id: id(name),
                    image_id: String::new(),
                    names: vec![format!("/{name}"), format!("/x/{name}")],
                })
                .collect(),
            settings: containers.iter().map(|(name, host)| (id(name), json!({ "HostConfig": host }))).collect(),
            images: HashMap::new(),
        }
    }

    #[test]
    fn what_cannot_be_created_again_is_not_called_kept() {
        let gone = "c".repeat(64);
        for (host, why) in [
            (json!({"NetworkMode": format!("container:{gone}")}), "it uses the network of a container that is gone"),
            (json!({"PidMode": format!("container:{gone}")}), "it uses the PID namespace of a container that is gone"),
            (json!({"IpcMode": format!("container:{gone}")}), "it uses the IPC namespace of a container that is gone"),
            (json!({"Links": ["/c/a/alias", "/c:/a/alias"]}), "it has a link to a container that is gone"),
        ] {
            let mut plan = Plan { deletes: vec![item("a")], ..Plan::default() };
            let around = around(&[("a", host.clone()), ("b", json!({}))]);
            depend(&mut plan, &around, &|_| None);
            assert_eq!(plan.deletes[0].recoverable, Recoverable::No, "{host}");
            assert!(
                plan.deletes[0].not_kept.as_ref().is_some_and(|text| text.starts_with(why)),
                "{:?}",
                plan.deletes[0]
            );
            // One that was brought back under another id is found.
            let mut plan = Plan { deletes: vec![item("a")], ..Plan::default() };
            depend(&mut plan, &around, &|_| Some("b".repeat(64)));
            assert_eq!(plan.deletes[0].recoverable, Recoverable::Trash, "{host}");
        }
        // The volumes of one that is gone have names of their own.
        let mut plan = Plan { deletes: vec![item("a")], ..Plan::default() };
        depend(&mut plan, &around(&[("a", json!({"VolumesFrom": [gone]}))]), &|_| None);
        assert_eq!(plan.deletes[0].recoverable, Recoverable::Trash);
    }

    #[test]
    fn a_chain_is_kept_whole_or_not_at_all() {
        let uses = |name: &str| json!({"NetworkMode": format!("container:{}", name.repeat(64))});
        let around = around(&[("a", json!({})), ("b", uses("a")), ("d", uses("b")), ("e", uses("b"))]);
        let mut plan = Plan { deletes: vec![item("d"), item("b"), item("a")], ..Plan::default() };
        depend(&mut plan, &around, &|_| None);
        assert!(plan.deletes.iter().all(|item| item.recoverable == Recoverable::Trash));
        assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
        assert!(plan.warnings[0].starts_with("container e uses the network of b by its id"), "{:?}", plan.warnings);
        plan.deletes[2].recoverable = Recoverable::No;
        depend(&mut plan, &around, &|_| None);
        assert!(plan.deletes.iter().all(|item| item.recoverable == Recoverable::No), "{:?}", plan.deletes);
    }
}
