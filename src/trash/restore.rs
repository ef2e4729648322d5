//! Restores what a deletion deleted: networks, volumes, images and their names, then the containers that need them.

use fender_core::order::PutInOrder as _;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::at_once::some_at_once;
use super::held::{AT, HeldVolume};
use super::helper::Helpers;
use super::leftovers::is_left_helper;
use super::store::{Entry, Locked, Object};
use super::{archive, settings};
use crate::engine::answers::{self, Anything, ContainerConfig, Identified, ListedContainer, VolumeNow};
use crate::engine::connection::{Client, Connection, RequestBody, nothing};
use crate::engine::inventory::EngineDefaults;
use crate::engine::list::List;
use crate::engine::named::is_network_named;
use crate::engine::paths;
use crate::ui::progress::{Bar, StepCount};
use fender_core::api::EngineProblem;
use fender_core::lower::{Body, Request};
use fender_core::plan::inventory::{VolumeData, short};
use fender_core::plan::{ObjectKind, Recoverable};

/// So many tenths of a second a helper of a process that is gone may stay.
const HELPER_GOES: u32 = 50;

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// It is there again; with what a person should know.
    Is(String),
    /// It never went, or came back already.
    There,
    /// A container that is there again, and that the engine could not start: why.
    Stopped(String),
    /// Another one has its name by now.
    Taken,
    /// It was not kept: how it can be had.
    NotKept(String),
    /// The engine said no, or something that it needs is not there: why.
    Failed(String),
}

/// Restores the objects of an entry, all or those with one name. `rename` gives an object another name.
pub fn restore(
    connection: &Connection,
    locked: &Locked,
    entry: &Entry,
    only: Option<&str>,
    rename: &dyn Fn(&Object) -> Option<String>,
    report: &mut dyn FnMut(&Object, &Back),
) -> bool {
    const ORDER: [ObjectKind; 5] =
        [ObjectKind::Network, ObjectKind::Volume, ObjectKind::Image, ObjectKind::Tag, ObjectKind::Container];
    let bar = Bar::new("bringing back", None);
    let mut all = true;
    connection.block_on(async {
        let helpers = Helpers::begin(connection).await;
        let work =
            Restoration { client: connection.client.clone(), helpers: &helpers, locked, entry, bar: bar.clone() };
        let wanted = |object: &&Object| only.is_none_or(|name| fits(object, name));
        let mut objects: Vec<&Object> = entry.objects.iter().filter(wanted).collect();
        objects.put_in_order_by_key(|object| {
            (ORDER.iter().position(|kind| *kind == object.kind).unwrap_or(ORDER.len()), !has_only_settings(object))
        });
        // A container may need another one, for its volumes or its network: what fails is tried again after the rest.
        let steps = StepCount::new("bringing back", objects.len(), bar.clone());
        loop {
            let before = objects.len();
            let mut again = Vec::new();
            for together in objects.chunk_by(|one, next| come_together(one, next)) {
                let tried = together.iter().map(|object| {
                    let (work, steps) = (&work, &steps);
                    async move {
                        steps.begin(&format!("{} {}", object.kind.name(), object.name));
                        let back = work.one(object, rename).await;
                        if !matches!(back, Back::Failed(_)) {
                            steps.end();
                        }
                        (*object, back)
                    }
                });
                for (object, back) in some_at_once(connection.objects_at_once(), tried, |_| false).await {
                    match back {
                        Back::Failed(why) => again.push((object, why)),
                        back => {
                            all &= back != Back::Taken;
                            bar.suspend(|| report(object, &back));
                        }
                    }
                }
            }
            if again.is_empty() || again.len() == before {
                for (object, why) in again {
                    all = false;
                    bar.suspend(|| report(object, &Back::Failed(why)));
                }
                break;
            }
            objects = again.into_iter().map(|(object, _)| object).collect();
        }
        helpers.end().await;
    });
    bar.finish();
    all
}

/// Whether two objects are restored at once: networks, and volumes. Images share layers and names, and containers need each other and are started in
/// their order.
fn come_together(one: &Object, next: &Object) -> bool {
    one.kind == next.kind
        && matches!(one.kind, ObjectKind::Network | ObjectKind::Volume)
        && has_only_settings(one) == has_only_settings(next)
}

/// Whether it is a network that only has settings for others (`--config-only`): these come back before the networks that are made from them.
fn has_only_settings(object: &Object) -> bool {
    object.kind == ObjectKind::Network && object.inspect.get("ConfigOnly") == Some(&Value::Bool(true))
}

/// What would be asked of the engine to bring back one object, as far as rules look at it: without what the engine does by
/// itself.
///
/// # Errors
/// Its settings cannot be read, or an engine does not take them.
pub fn requests(object: &Object, usual: &EngineDefaults) -> anyhow::Result<Vec<Request>> {
    let read = || format!("the settings of {} cannot be read", object.name);
    let made = |path: &str, body: Body| vec![Request::new("POST", path, Vec::new()).body(body)];
    if object.recoverable != Recoverable::Trash {
        return Ok(Vec::new());
    }
    Ok(match object.kind {
        ObjectKind::Container => {
            let config: ContainerConfig =
                answers::read(object.inspect.get("Config").with_context(read)?).with_context(read)?;
            let around = settings::ContainerSurroundings {
                image: &config.image,
                image_env: &[],
                container: &|named| Some(named.to_owned()),
                has_volume: &|_| true,
                several_networks: true,
            };
            let mut body = settings::container(&object.inspect, &around).with_context(read)?.body;
            settings::without_defaults(&mut body, usual);
            made(paths::CREATE_CONTAINER, Body::Container(Box::new(serde_json::from_value(body).with_context(read)?)))
        }
        ObjectKind::Volume => {
            let body = settings::volume(&object.inspect, &object.name);
            made(paths::CREATE_VOLUME, Body::Volume(Box::new(serde_json::from_value(body).with_context(read)?)))
        }
        ObjectKind::Network => {
            let body = Value::Object(settings::network(&object.inspect, &object.name));
            made(paths::CREATE_NETWORK, Body::Network(Box::new(serde_json::from_value(body).with_context(read)?)))
        }
        _ => Vec::new(),
    })
}

/// Makes an image of what a container wrote, on the image that it stood on, and gives it a name.
pub fn layer_image(
    connection: &Connection,
    locked: &Locked,
    entry: &Entry,
    object: &Object,
    name: &str,
) -> Result<(), EngineProblem> {
    let bar = Bar::new("loading", None);
    let outcome = connection.block_on(async {
        let helpers = Helpers::begin(connection).await;
        let work =
            Restoration { client: connection.client.clone(), helpers: &helpers, locked, entry, bar: bar.clone() };
        let outcome = work.named_layer(object, name).await;
        helpers.end().await;
        outcome
    });
    bar.finish();
    outcome
}

/// Whether a name or the beginning of an id means this object.
pub fn fits(object: &Object, name: &str) -> bool {
    object.name == name
        || object.tags.iter().any(|tag| tag == name)
        || name.len() >= 4 && object.id.trim_start_matches("sha256:").starts_with(name.trim_start_matches("sha256:"))
}

pub(super) struct Restoration<'a> {
    pub(super) client: Arc<Client>,
    pub(super) helpers: &'a Helpers,
    pub(super) locked: &'a Locked,
    pub(super) entry: &'a Entry,
    pub(super) bar: Bar,
}

impl Restoration<'_> {
    pub(super) async fn one(&self, object: &Object, rename: &dyn Fn(&Object) -> Option<String>) -> Back {
        match object.recoverable {
            Recoverable::Trash => {}
            Recoverable::Pull => return self.pullable(object).await,
            Recoverable::No if object.kind == ObjectKind::BuildCache => {
                return Back::NotKept("the next build makes it anew".to_owned());
            }
            Recoverable::No if object.missing.is_empty() => return Back::NotKept("it was not kept".to_owned()),
            Recoverable::No => return Back::NotKept(format!("it was not kept: {}", object.missing)),
        }
        let name = rename(object);
        let outcome = match object.kind {
            ObjectKind::Network => self.network(object, name).await,
            ObjectKind::Volume => self.volume(object, name).await,
            ObjectKind::Image => self.image(object).await,
            ObjectKind::Tag => self.tag(&object.name, &object.id).await,
            ObjectKind::Container => self.container(object, name).await,
            _ => return Back::NotKept("it was not kept".to_owned()),
        };
        outcome.unwrap_or_else(|problem| Back::Failed(problem.to_string()))
    }

    /// What the engine says of the object at this path; None where there is none.
    pub(super) async fn found<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
    ) -> Result<Option<T>, EngineProblem> {
        match self.client.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(problem) if problem.is(404) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Whether there is an object at this path.
    pub(super) async fn exists(&self, path: &str) -> Result<bool, EngineProblem> {
        Ok(self.found::<Anything>(path).await?.is_some())
    }

    pub(super) async fn pullable(&self, object: &Object) -> Back {
        match self.exists(&paths::image(&object.id)).await {
            Ok(true) => Back::There,
            _ => {
                let name = object.tags.first().or(object.digests.first()).cloned().unwrap_or_default();
                Back::NotKept(format!("docker pull {name} brings it back"))
            }
        }
    }

    /// A file of the entry.
    pub(super) fn file(&self, name: &str) -> Result<File, EngineProblem> {
        Ok(self.locked.store.entry_file(self.entry.id, name)?)
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: RequestBody) -> Result<Vec<u8>, EngineProblem> {
        let reply = self.client.send(method, path, body, Some("application/x-tar")).await?;
        Ok(reply.bytes().await?.to_vec())
    }

    pub(super) async fn network(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        if self.exists(&paths::network(&object.id)).await? {
            return Ok(Back::There);
        }
        if let Some(made) = self.locked.store.made_anywhere(&self.entry.engine, &object.id)?
            && self.exists(&paths::network(&made)).await?
        {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        if is_network_named(&self.client, &name).await? {
            return Ok(Back::Taken);
        }
        let mut body = settings::network(&object.inspect, &name);
        let whole = Value::Object(body.clone());
        let mut note = "";
        let answer = match self.client.call(Method::POST, paths::CREATE_NETWORK, Some(&whole)).await {
            Ok(answer) => answer,
            Err(first) => {
                // Its addresses are somebody else's by now: others will do.
                body.remove("IPAM");
                note = "with other addresses";
                let without = Value::Object(body);
                self.client.call(Method::POST, paths::CREATE_NETWORK, Some(&without)).await.map_err(|_| first)?
            }
        };
        let made: Identified = serde_json::from_slice(&answer).map_err(EngineProblem::unanswered)?;
        self.locked.remember(self.entry, &object.id, &made.id)?;
        Ok(Back::Is(note.to_owned()))
    }

    pub(super) async fn volume(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        let data = settings::volume_data(&object.inspect);
        if object.file.is_none() && data == VolumeData::WithVolume {
            return Ok(Back::NotKept("it was not kept".to_owned()));
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        let path = paths::volume(&name);
        let body = settings::volume(&object.inspect, &name);
        let wanted: VolumeNow = answers::read(&body)?;
        // Two deletions at once may both have kept it: it is one volume by its name and its time of creation.
        let made = format!("volume {} of {}", object.name, settings::text(&object.inspect, "CreatedAt"));
        let created;
        if let Some(now) = self.found::<VolumeNow>(&path).await? {
            created = now.created_at.clone();
            let by_older = self.locked.made(self.entry, &format!("volume {name}"))?;
            let known = self.locked.store.made_anywhere(&self.entry.engine, &made)?;
            if [by_older, known].into_iter().flatten().any(|known| known == created) {
                return Ok(Back::There);
            }
            if object.file.is_none() || !self.is_half_filled(&now, &wanted).await? {
                return Ok(Back::Taken);
            }
        } else {
            if object.file.is_some() {
                self.locked.mark_filling(&self.entry.engine, &name, None)?;
            }
            self.client.call(Method::POST, paths::CREATE_VOLUME, Some(&body)).await?;
            let now: VolumeNow = self.client.get(&path).await?;
            // Somebody else may have made it in between: the engine gives an existing one back as if it were new.
            let is_other = now.labels != wanted.labels;
            if is_other || object.file.is_some() && !self.is_empty(&name).await? {
                self.locked.forget_filling(&self.entry.engine, &name)?;
                return Ok(Back::Taken);
            }
            created = now.created_at;
            if object.file.is_some() {
                self.locked.mark_filling(&self.entry.engine, &name, Some(&created))?;
            }
        }
        let Some(file) = &object.file else {
            // Its settings are all that it had, or all that was kept.
            self.locked.remember(self.entry, &made, &created)?;
            return Ok(Back::Is(match data {
                VolumeData::Driver(driver) => format!("without what its driver {driver} did not keep"),
                _ => String::new(),
            }));
        };
        let held = self.held(&name, false).await?;
        let outcome = match held.fill(self.file(file)?, &self.bar).await {
            Some(()) => Ok(()),
            None => self.unpack(&held, file).await,
        };
        held.release(self.helpers).await;
        outcome?;
        // Known as whole before it is no longer known as half: a restoration that is cut off here has brought it back.
        self.locked.remember(self.entry, &made, &created)?;
        self.locked.forget_filling(&self.entry.engine, &name)?;
        Ok(Back::Is(String::new()))
    }

    /// Lets the engine unpack a file of the entry into a volume.
    async fn unpack(&self, held: &HeldVolume, file: &str) -> Result<(), EngineProblem> {
        let body = archive::file_body(self.file(file)?, &self.bar);
        self.send(Method::PUT, &paths::unpack(&held.container), body).await.map(|_| ())
    }

    /// Whether this volume is one that an earlier restoration made and was cut off while it filled it: the same engine, the same
    /// time of creation, the same labels, and nobody uses it. A name says nothing: somebody may have removed that volume and
    /// made another one. It is filled again, never deleted.
    pub(super) async fn is_half_filled(&self, now: &VolumeNow, wanted: &VolumeNow) -> Result<bool, EngineProblem> {
        let name = now.name.as_str();
        let Some(mark) = self.locked.was_filling(&self.entry.engine, name)? else { return Ok(false) };
        if now.labels != wanted.labels {
            return Ok(false);
        }
        let filters = json!({ "volume": [name] });
        // The helper of the restoration that was cut off may be there for a moment still.
        for attempt in 0.. {
            let List(users): List<ListedContainer> = self.client.get(&paths::containers_where(&filters)).await?;
            if users.is_empty() {
                break;
            }
            if attempt == HELPER_GOES || !users.iter().all(is_left_helper) {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        match mark.created {
            Some(created) => Ok(created == now.created_at),
            // It was cut off before the engine said when the volume was made: an empty one can be filled all the same.
            None => self.is_empty(name).await,
        }
    }

    pub(super) async fn is_empty(&self, volume: &str) -> Result<bool, EngineProblem> {
        let held = self.held(volume, true).await?;
        let outcome = match held.is_empty() {
            Some(is_empty) => Ok(is_empty),
            None => self.is_said_to_be_empty(&held).await,
        };
        held.release(self.helpers).await;
        outcome
    }

    async fn is_said_to_be_empty(&self, held: &HeldVolume) -> Result<bool, EngineProblem> {
        let path = paths::files(&held.container, &format!("/{AT}"));
        let reply = self.client.send(Method::GET, &path, nothing(), None).await?;
        archive::only_entry(reply).await.map(|entry| entry.is_some())
    }

    async fn held(&self, volume: &str, read_only: bool) -> Result<HeldVolume, EngineProblem> {
        let inspect: Value = self.client.get(&paths::volume(volume)).await?;
        HeldVolume::new(self.helpers, &inspect, volume, read_only).await
    }

    pub(super) async fn helper_with(&self, volume: &str, read_only: bool) -> Result<String, EngineProblem> {
        self.helpers.container(volume, read_only).await
    }

    /// What a container wrote, as an image of this name.
    async fn named_layer(&self, object: &Object, name: &str) -> Result<(), EngineProblem> {
        let image = match object.file.as_deref() {
            Some(file) if layer_of(file).is_none() => self.own_image(file).await?,
            Some(file) => {
                let base = self.base(object).await?;
                self.image_with_layer(object, &base, layer_of(file).unwrap_or_default()).await?
            }
            None => self.base(object).await?,
        };
        let (repository, tag) = repository_and_tag(name);
        let path = paths::tag_image(&image, repository, tag);
        self.client.call(Method::POST, &path, None).await.map(|_| ())
    }

    pub(super) async fn load(&self, file: &str) -> Result<Vec<u8>, EngineProblem> {
        let body = archive::image_body(&self.locked.store, self.file(file)?, &self.bar);
        self.send(Method::POST, paths::LOAD_IMAGES, body).await
    }

    pub(super) async fn image(&self, object: &Object) -> Result<Back, EngineProblem> {
        let path = paths::image(&object.id);
        let mut there = true;
        if !self.exists(&path).await? {
            there = false;
            let Some(file) = &object.file else { return Ok(Back::NotKept("it was not kept".to_owned())) };
            let said = self.load(file).await?;
            if !self.exists(&path).await? {
                let said = String::from_utf8_lossy(&said).trim().to_owned();
                return Ok(Back::Failed(format!("the engine did not load it: {said}")));
            }
        }
        let mut notes = Vec::new();
        for tag in &object.tags {
            match self.tag(tag, &object.id).await? {
                Back::Taken => notes
                    .push(format!("{tag} means another image now: docker tag {} {tag} moves it", short(&object.id))),
                Back::Is(_) => there = false,
                _ => {}
            }
        }
        Ok(if there && notes.is_empty() { Back::There } else { Back::Is(notes.join("; ")) })
    }

    /// Gives an image a name, unless the name means another one now.
    pub(super) async fn tag(&self, name: &str, id: &str) -> Result<Back, EngineProblem> {
        if let Some(now) = self.found::<Identified>(&paths::image(name)).await? {
            return Ok(if now.id == id { Back::There } else { Back::Taken });
        }
        let (repository, tag) = repository_and_tag(name);
        let path = paths::tag_image(id, repository, tag);
        self.client.call(Method::POST, &path, None).await?;
        Ok(Back::Is(String::new()))
    }
}

/// A name's repository and its tag, `latest` where it has none: a colon before a slash is that of a registry's port.
fn repository_and_tag(name: &str) -> (&str, &str) {
    name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((name, "latest"))
}

/// The checksum of a container's layer, where that is what was kept of it.
pub fn layer_of(file: &str) -> Option<&str> {
    file.strip_prefix("layer ")
}
