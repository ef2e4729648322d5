//! Restores a container: its settings, its own layer, its networks.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use hyper::Method;
use serde_json::{Value, json};

use super::archive::Skip;
use super::keep::EXPORTED;
use super::restore::*;
use super::store::Object;
use super::{archive, helper, settings};
use crate::engine::connection::nothing;
use crate::engine::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::plan::inventory::short;
use fender_core::plan::{ObjectKind, Recoverable};

/// The first version of the API in which a container can be created on several networks.
const SEVERAL_NETWORKS: Version = (1, 44);

impl Restoration<'_> {
    pub(super) async fn container(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        let known = |id: String| async move { self.exists(&paths::container(&id)).await };
        if known(object.id.clone()).await?.is_some() {
            return Ok(Back::There);
        }
        if let Some(made) = self.locked.store.made_anywhere(&self.entry.engine, &object.id)?
            && known(made).await?.is_some()
        {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        if self.exists(&paths::container(&name)).await?.is_some() {
            return Ok(Back::Taken);
        }
        if let Some(what) = self.missing(object).await? {
            return Ok(Back::Failed(format!("its {what} is not there: bring it back or create it first")));
        }
        let (id, mut notes) = match self.made_whole(object).await? {
            Ok(made) => made,
            Err(why) => return Ok(Back::Failed(why)),
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
        let back = self.set_going(&id, object).await;
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
            if self.exists(&paths::network(name)).await?.is_none() {
                return Ok(Some(format!("network {name}")));
            }
        }
        for name in settings::needed_volumes(&object.inspect) {
            if self.exists(&paths::volume(&name)).await?.is_none() {
                return Ok(Some(format!("volume {name}")));
            }
        }
        Ok(None)
    }

    /// A container with its settings, its own layer and its networks, under a helper's name; its id, and what is different
    /// from before.
    pub(super) async fn made_whole(
        &self,
        object: &Object,
    ) -> Result<Result<(String, Vec<String>), String>, EngineProblem> {
        let own = match object.file.as_deref() {
            Some(file) if layer_of(file).is_none() => Some(self.own_image(file).await?),
            _ => None,
        };
        let layer = object.file.as_deref().and_then(layer_of);
        let base = match &own {
            Some(image) => image.clone(),
            None => self.base(object).await?,
        };
        let (id, notes) = match self.create(object, &base).await? {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        let Some(sha256) = layer else {
            return self.connected(&id, object).await.map(|()| Ok((id, notes)));
        };
        let filled = match self.fits_over_mounts(&id, object, sha256).await {
            Ok(Copying::Without(skip)) => self.fill(&id, sha256, skip).await,
            Ok(Copying::Nothing) => Ok(()),
            // What lies below a mount, or in a file system that cannot be written, cannot be copied into it.
            Ok(Copying::Impossible) => Err(EngineProblem::unanswered("its layer lies below its mounts")),
            Err(problem) => Err(problem),
        };
        if filled.is_ok() {
            return self.connected(&id, object).await.map(|()| Ok((id, notes)));
        }
        helper::remove_container(&self.client, &id).await;
        let image = self.image_with_layer(object, &base, sha256).await?;
        let (id, mut notes) = match self.create(object, &image).await? {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        notes.push("on an image of its own".to_owned());
        self.connected(&id, object).await.map(|()| Ok((id, notes)))
    }

    /// A container with its settings alone, under a helper's name.
    pub(super) async fn create(
        &self,
        object: &Object,
        image: &str,
    ) -> Result<Result<(String, Vec<String>), String>, EngineProblem> {
        let now: Value = self.client.get(&paths::image(image)).await?;
        let image_env = settings::texts(&now, "/Config/Env");
        let volumes: Value = self.client.get(paths::VOLUMES).await?;
        let volumes: HashSet<String> =
            settings::list(&volumes, "/Volumes").iter().map(|it| settings::text(it, "Name").to_owned()).collect();
        let mut containers = HashMap::new();
        for (_, named) in settings::needed_containers(&object.inspect) {
            match self.container_now(&named).await? {
                Some(id) => {
                    containers.insert(named, id);
                }
                // It comes back with the same entry: this one is tried again after it.
                None if self.is_kept_container(&named) => {
                    return Ok(Err(format!("it needs the container {named}: bring that one back first")));
                }
                None => {}
            }
        }
        let around = settings::ContainerSurroundings {
            image,
            image_env: &image_env,
            container: &|named| containers.get(named).cloned(),
            has_volume: &|name| volumes.contains(name),
            several_networks: self.client.version().await? >= SEVERAL_NETWORKS,
        };
        let mut made = match settings::container(&object.inspect, &around) {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        let empty = self.empty_volumes(&mut made, image).await?;
        let platform = settings::platform(&object.inspect);
        let id = self.helpers.create_named(platform.as_deref(), &made.body).await?;
        if let Err(problem) = self.put_back(empty).await {
            helper::remove_container(&self.client, &id).await;
            return Err(problem);
        }
        Ok(Ok((id, made.notes)))
    }

    pub(super) fn is_kept_container(&self, named: &str) -> bool {
        let mut containers = self.entry.objects.iter().filter(|object| object.kind == ObjectKind::Container);
        containers.any(|it| it.recoverable == Recoverable::Trash && (it.name == named || it.id == named))
    }

    /// The id that a container has now which had this id, or has this name.
    pub(super) async fn container_now(&self, named: &str) -> Result<Option<String>, EngineProblem> {
        let made = self.locked.store.made_anywhere(&self.entry.engine, named)?;
        for name in made.as_deref().into_iter().chain([named]) {
            if let Some(found) = self.exists(&paths::container(name)).await? {
                return Ok(Some(settings::text(&found, "Id").to_owned()));
            }
        }
        Ok(None)
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
        let header = reply.headers.get("x-docker-container-path-stat").and_then(|it| it.to_str().ok());
        let stat = header
            .and_then(|it| base64::engine::general_purpose::STANDARD.decode(it).ok())
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .unwrap_or_default();
        reply.bytes().await?;
        Ok(match settings::text(&stat, "linkTarget") {
            "" => Looked::Other,
            target => Looked::Link(target.to_owned()),
        })
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
        let made: Value = self.client.get(&paths::container(id)).await?;
        let has = |inspect: &Value, wanted: &str| settings::networks(inspect).any(|(name, _)| name == wanted);
        for (name, endpoint) in settings::networks(&object.inspect) {
            if settings::has_endpoint(name) && !has(&made, name) {
                let settings = settings::endpoint_settings(&object.inspect, endpoint, false);
                let body = json!({"Container": id, "EndpointConfig": settings});
                self.client.call(Method::POST, &paths::connect(name), Some(&body)).await?;
            }
        }
        for (name, _) in settings::networks(&made) {
            if settings::has_endpoint(name) && !has(&object.inspect, name) {
                let body = json!({"Container": id, "Force": true});
                self.client.call(Method::POST, &paths::disconnect(name), Some(&body)).await?;
            }
        }
        Ok(())
    }

    /// As it was: running, paused or stopped. Its processes begin anew.
    pub(super) async fn set_going(&self, id: &str, object: &Object) -> Result<&'static str, EngineProblem> {
        let was = |key: &str| object.inspect.pointer(&format!("/State/{key}")).and_then(Value::as_bool) == Some(true);
        if !was("Running") {
            return Ok("stopped as it was");
        }
        self.client.call(Method::POST, &paths::start(id), None).await?;
        if was("Paused") {
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
        let made: Value = serde_json::from_slice(&outcome?).unwrap_or_default();
        match settings::text(&made, "Id") {
            "" => Err(EngineProblem::unanswered("the engine made an image without an id")),
            id => Ok(id.to_owned()),
        }
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
        let text =
            |pointer: &str| object.inspect.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, named) = (text("/Image"), text("/Config/Image"));
        if self.exists(&paths::image(&id)).await?.is_none() {
            for digest in &object.digests {
                let Some((name, digest)) = digest.split_once('@') else { continue };
                self.bar.say(format!("pulling {name}"));
                let path = paths::pull_image(name, digest);
                let _ = self.client.call(Method::POST, &path, None).await;
            }
        }
        if self.exists(&paths::image(&id)).await?.is_none() {
            let how = if object.digests.is_empty() { "restore it first" } else { "docker pull it first" };
            return Err(EngineProblem::Unanswered(format!("its image {named} ({}) is not there: {how}", short(&id))));
        }
        let now = self.exists(&paths::image(&named)).await?;
        let same = now.is_some_and(|now| now.get("Id").and_then(Value::as_str) == Some(&id));
        Ok(if same { named } else { id })
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
