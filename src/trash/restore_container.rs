//! Restores a container: its settings, its own layer, its networks.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use hyper::Method;
use serde_json::json;

use super::archive::Skip;
use super::keep::EXPORTED;
use super::restore::*;
use super::store::Object;
use super::{archive, helper, settings};
use crate::engine::answers::{ContainerSettings, Identified, ImageNow, PathStat, read};
use crate::engine::connection::nothing;
use crate::engine::inventory::Volumes;
use crate::engine::named::{container_meant, container_named, is_network_named};
use crate::engine::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::plan::inventory::short;
use fender_core::plan::{ObjectKind, Recoverable};

/// The first version of the API in which a container can be created on several networks.
const SEVERAL_NETWORKS: Version = (1, 44);

impl Restoration<'_> {
    pub(super) async fn container(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        let known = |id: String| async move { self.exists(&paths::container(&id)).await };
        if known(object.id.clone()).await? {
            return Ok(Back::There);
        }
        if let Some(made) = self.locked.store.made_anywhere(&self.entry.engine, &object.id)?
            && known(made).await?
        {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        if container_named(&self.client, &name).await?.is_some() {
            return Ok(Back::Taken);
        }
        let beside = object.replaced && name != object.name;
        let apart = beside.then(|| Object { inspect: settings::beside(&object.inspect), ..object.clone() });
        let object = apart.as_ref().unwrap_or(object);
        if let Some(what) = self.missing(object).await? {
            return Ok(Back::Failed(format!("its {what} is not there: bring it back or create it first")));
        }
        let (id, mut notes) = match self.made_whole(object).await {
            Ok(made) => made,
            Err(NotMade::Needs(why)) => return Ok(Back::Failed(why)),
            Err(NotMade::Engine(problem)) => return Err(problem),
        };
        // Only a whole container gets the name: one that was cut off is a helper, and goes with the next command.
        match self.client.call(Method::POST, &paths::rename(&id, &name), None).await {
            Ok(_) => {}
            Err(problem) => {
                helper::remove_container(&self.client, &id).await;
                return if problem.is(409) { Ok(Back::Taken) } else { Err(problem) };
            }
        }
        self.locked.remember(self.entry, &object.id, &id)?;
        let back = match beside {
            true => Ok("stopped: it and the new one have the same volumes and ports; docker cp reads its files"),
            false => self.set_going(&id, object).await,
        };
        Ok(match back {
            Ok(how) => {
                notes.insert(0, how.to_owned());
                if !object.missing.is_empty() {
                    notes.push(format!("without {}, which was not kept", object.missing));
                }
                Back::Is(notes.join("; "))
            }
            Err(problem) => Back::Stopped(problem.to_string()),
        })
    }

    /// A network or named volume that the container had and that is not there: docker would start it without.
    pub(super) async fn missing(&self, object: &Object) -> Result<Option<String>, EngineProblem> {
        for (name, _) in settings::networks(&object.inspect).filter(|(name, _)| settings::is_users(name)) {
            if !is_network_named(&self.client, name).await? {
                return Ok(Some(format!("network {name}")));
            }
        }
        for name in settings::needed_volumes(&object.inspect) {
            if !self.exists(&paths::volume(&name)).await? {
                return Ok(Some(format!("volume {name}")));
            }
        }
        Ok(None)
    }

    /// A container with its settings, its own layer and its networks, under a helper's name; its id, and what is different
    /// from before.
    pub(super) async fn made_whole(&self, object: &Object) -> Result<(String, Vec<String>), NotMade> {
        let own = match object.file.as_deref() {
            Some(file) if layer_of(file).is_none() => Some(self.own_image(file).await?),
            _ => None,
        };
        let layer = object.file.as_deref().and_then(layer_of);
        let base = match &own {
            Some(image) => image.clone(),
            None => self.base(object).await?,
        };
        let (id, notes) = self.create(object, &base).await?;
        let Some(sha256) = layer else {
            self.connected(&id, object).await?;
            return Ok((id, notes));
        };
        let filled = match self.fits_over_mounts(&id, object, sha256).await {
            Ok(Copying::Without(skip)) => self.fill(&id, sha256, skip).await,
            Ok(Copying::Nothing) => Ok(()),
            // What lies below a mount, or in a file system that cannot be written, cannot be copied into it.
            Ok(Copying::Impossible) => Err(EngineProblem::unanswered("its layer lies below its mounts")),
            Err(problem) => Err(problem),
        };
        if filled.is_ok() {
            self.connected(&id, object).await?;
            return Ok((id, notes));
        }
        helper::remove_container(&self.client, &id).await;
        let image = self.image_with_layer(object, &base, sha256).await?;
        let (id, mut notes) = self.create(object, &image).await?;
        notes.push("on an image of its own".to_owned());
        self.connected(&id, object).await?;
        Ok((id, notes))
    }

    /// A container with its settings alone, under a helper's name.
    pub(super) async fn create(&self, object: &Object, image: &str) -> Result<(String, Vec<String>), NotMade> {
        let now: ImageNow = self.client.get(&paths::image(image)).await?;
        let Volumes { volumes } = self.client.get(paths::VOLUMES).await?;
        let volumes: HashSet<String> = volumes.into_iter().map(|volume| volume.name).collect();
        let mut containers = HashMap::new();
        for (_, named) in settings::needed_containers(&object.inspect) {
            match self.container_now(&named).await? {
                Some(id) => {
                    containers.insert(named, id);
                }
                // It comes back with the same entry: this one is tried again after it.
                None if self.is_kept_container(&named) => {
                    return Err(NotMade::Needs(format!("it needs the container {named}: bring that one back first")));
                }
                None => {}
            }
        }
        let around = settings::ContainerSurroundings {
            image,
            image_env: now.env(),
            container: &|named| containers.get(named).cloned(),
            has_volume: &|name| volumes.contains(name),
            several_networks: self.client.version().await? >= SEVERAL_NETWORKS,
        };
        let mut made = settings::container(&object.inspect, &around).map_err(|why| NotMade::Needs(why.to_string()))?;
        let empty = self.empty_volumes(&mut made, image).await?;
        let platform = settings::platform(&object.inspect);
        let id = self.helpers.create_named(platform.as_deref(), &made.body).await?;
        if let Err(problem) = self.put_back(empty).await {
            helper::remove_container(&self.client, &id).await;
            return Err(problem.into());
        }
        Ok((id, made.notes))
    }

    pub(super) fn is_kept_container(&self, named: &str) -> bool {
        let mut containers = self.entry.objects.iter().filter(|object| object.kind == ObjectKind::Container);
        containers.any(|it| it.recoverable == Recoverable::Trash && (it.name == named || it.id == named))
    }

    /// The id that a container has now which had this id, or has this name.
    pub(super) async fn container_now(&self, named: &str) -> Result<Option<String>, EngineProblem> {
        let made = self.locked.store.made_anywhere(&self.entry.engine, named)?;
        if let Some(made) = made
            && let Some(found) = self.found::<Identified>(&paths::container(&made)).await?
        {
            return Ok(Some(found.id));
        }
        container_meant(&self.client, named).await
    }

    /// Which parts of the layer's archive to leave out, so that the rest can be copied into the container without going
    /// through what is mounted in it; None where that is not possible.
    pub(super) async fn fits_over_mounts(
        &self,
        id: &str,
        object: &Object,
        sha256: &str,
    ) -> Result<Copying, EngineProblem> {
        let mut points = Vec::new();
        for path in settings::mount_points(&object.inspect) {
            points.push(self.resolved(id, &path).await?);
        }
        let split = archive::split(&self.locked.store, sha256, &points)?;
        let read_only = settings::is_read_only(&object.inspect);
        if split.hidden || split.deletes || read_only && split.more_than_mounts {
            return Ok(Copying::Impossible);
        }
        // Folders above mount points are made by the engine, and nothing can have changed them in a read-only file system.
        Ok(if split.has_rest && !read_only { Copying::Without(split.skip) } else { Copying::Nothing })
    }

    /// A path in a container with its links followed, as the engine follows them when it mounts: without a slash in front.
    pub(super) async fn resolved(&self, id: &str, path: &str) -> Result<String, EngineProblem> {
        let mut at = String::new();
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        while let Some(part) = parts.next() {
            let next = format!("{at}/{part}");
            match self.link_target(id, &next).await? {
                Looked::Missing => {
                    at = next;
                    for part in parts.by_ref() {
                        at = format!("{at}/{part}");
                    }
                }
                Looked::Link(target) => at = target.trim_end_matches('/').to_owned(),
                Looked::Other => at = next,
            }
        }
        Ok(at.trim_start_matches('/').to_owned())
    }

    pub(super) async fn link_target(&self, id: &str, path: &str) -> Result<Looked, EngineProblem> {
        let path = paths::files(id, path);
        // An answer to HEAD has no body and so no reason. A path that cannot be looked at counts as it stands: if that is wrong,
        // the copy into the container fails, and the layer comes back as an image.
        let Ok(reply) = self.client.send(Method::HEAD, &path, nothing(), None).await else {
            return Ok(Looked::Missing);
        };
        let header = reply.headers.get("x-docker-container-path-stat").cloned();
        reply.bytes().await?;
        let header = header.ok_or_else(|| EngineProblem::unanswered("it does not say what is at a path"))?;
        let stat = base64::engine::general_purpose::STANDARD.decode(header).map_err(EngineProblem::unanswered)?;
        let stat: PathStat = serde_json::from_slice(&stat).map_err(EngineProblem::unanswered)?;
        Ok(if stat.link_target.is_empty() { Looked::Other } else { Looked::Link(stat.link_target) })
    }

    pub(super) async fn fill(&self, id: &str, sha256: &str, skip: Vec<Skip>) -> Result<(), EngineProblem> {
        let body = archive::layer_body(&self.locked.store, sha256, skip, &self.bar);
        self.send(Method::PUT, &paths::unpack(id), body).await.map(|_| ())
    }

    /// The networks that it was in, and no others.
    pub(super) async fn connected(&self, id: &str, object: &Object) -> Result<(), EngineProblem> {
        let outcome = self.connect(id, object).await;
        if outcome.is_err() {
            // Half a container is not what was promised.
            helper::remove_container(&self.client, id).await;
        }
        outcome
    }

    pub(super) async fn connect(&self, id: &str, object: &Object) -> Result<(), EngineProblem> {
        let made: ContainerSettings = self.client.get(&paths::container(id)).await?;
        let kept: ContainerSettings = read(&object.inspect)?;
        let (made, kept) = (made.network_settings.networks, kept.network_settings.networks);
        for (name, endpoint) in settings::networks(&object.inspect) {
            if settings::has_endpoint(name) && !made.contains_key(name) {
                let settings = settings::endpoint_settings(&object.inspect, endpoint, false);
                let body = json!({"Container": id, "EndpointConfig": settings});
                self.client.call(Method::POST, &paths::connect(name), Some(&body)).await?;
            }
        }
        for name in made.keys() {
            if settings::has_endpoint(name) && !kept.contains_key(name) {
                let body = json!({"Container": id, "Force": true});
                self.client.call(Method::POST, &paths::disconnect(name), Some(&body)).await?;
            }
        }
        Ok(())
    }

    /// As it was: running, paused or stopped. Its processes begin anew.
    pub(super) async fn set_going(&self, id: &str, object: &Object) -> Result<&'static str, EngineProblem> {
        let was = read::<ContainerSettings>(&object.inspect)?.state;
        if !was.running {
            return Ok("stopped as it was");
        }
        self.client.call(Method::POST, &paths::start(id), None).await?;
        if was.paused {
            self.client.call(Method::POST, &paths::pause(id), None).await?;
            return Ok("started again and paused as it was");
        }
        Ok("started again")
    }

    /// An image of the base and a layer on it. It is made through a container that has none of the mounts.
    pub(super) async fn image_with_layer(
        &self,
        object: &Object,
        base: &str,
        sha256: &str,
    ) -> Result<String, EngineProblem> {
        let mut body = object.inspect.get("Config").cloned().unwrap_or_else(|| json!({}));
        body["Image"] = base.into();
        body["NetworkDisabled"] = true.into();
        body["HostConfig"] = json!({ "NetworkMode": "none" });
        if let Some(map) = body.as_object_mut() {
            map.remove("MacAddress");
        }
        let id = self.helpers.create_named(None, &body).await?;
        let outcome = match self.fill(&id, sha256, Vec::new()).await {
            Ok(()) => self.client.call(Method::POST, &paths::commit_unnamed(&id), Some(&json!({}))).await,
            Err(problem) => Err(problem),
        };
        helper::remove_container(&self.client, &id).await;
        let made: Identified = serde_json::from_slice(&outcome?).map_err(EngineProblem::unanswered)?;
        Ok(made.id)
    }

    /// An image of the container's own, with all that it wrote and took away. It has no name: the container holds it.
    pub(super) async fn own_image(&self, file: &str) -> Result<String, EngineProblem> {
        let said = if file.ends_with(EXPORTED) {
            let body = archive::file_body(self.file(file)?, &self.bar);
            self.send(Method::POST, paths::IMPORT_UNNAMED, body).await?
        } else {
            self.load(file).await?
        };
        let text = String::from_utf8_lossy(&said).into_owned();
        let id = text
            .split("sha256:")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>());
        match id.filter(|id| id.len() == 64) {
            Some(id) => Ok(format!("sha256:{id}")),
            None => Err(EngineProblem::Unanswered(format!(
                "the engine did not load the container's layer: {}",
                text.trim()
            ))),
        }
    }

    /// The image that the container stood on: there still, brought back before, or pulled again.
    pub(super) async fn base(&self, object: &Object) -> Result<String, EngineProblem> {
        let settings: ContainerSettings = read(&object.inspect)?;
        let (id, named) = (settings.image, settings.config.image);
        if !self.exists(&paths::image(&id)).await? {
            for digest in &object.digests {
                let Some((name, digest)) = digest.split_once('@') else { continue };
                self.bar.say(format!("pulling {name}"));
                let path = paths::pull_image(name, digest);
                let _ = self.client.call(Method::POST, &path, None).await;
            }
        }
        if !self.exists(&paths::image(&id)).await? {
            let how = if object.digests.is_empty() { "restore it first" } else { "docker pull it first" };
            return Err(EngineProblem::Unanswered(format!("its image {named} ({}) is not there: {how}", short(&id))));
        }
        let now = self.found::<Identified>(&paths::image(&named)).await?;
        Ok(if now.is_some_and(|now| now.id == id) { named } else { id })
    }
}

/// Why a container was not created again.
pub(super) enum NotMade {
    /// What it needs is not there, or its kept settings cannot be used: a sentence for a person.
    Needs(String),
    /// The engine said no, or nothing that can be used.
    Engine(EngineProblem),
}

impl From<EngineProblem> for NotMade {
    fn from(problem: EngineProblem) -> NotMade {
        NotMade::Engine(problem)
    }
}

/// How a layer gets into a container that has mounts.
pub(super) enum Copying {
    /// As an archive without these parts.
    Without(Vec<Skip>),
    /// It has nothing but mount points.
    Nothing,
    Impossible,
}

/// What a path in a container is.
pub(super) enum Looked {
    Missing,
    /// A link, with all links followed.
    Link(String),
    Other,
}
