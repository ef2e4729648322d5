//! Brings back what a deletion took: networks, volumes, images and their names, then the containers that need them.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use base64::Engine as _;
use hyper::Method;
use serde_json::{Value, json};

use super::archive::Skip;
use super::store::{Entry, Locked, Object};
use super::{archive, helper, settings};
use crate::engine::connection::{Client, Connection, RequestBody, nothing, segment, value};
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;
use fender_core::lower::{Body, Request};
use fender_core::plan::inventory::short;
use fender_core::plan::{ObjectKind, Recoverable};

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
    Failed(String),
}

/// Restores the objects of an entry, all or those with one name. `rename` gives an object another name.
pub fn restore(
    wire: &Connection,
    locked: &Locked,
    entry: &Entry,
    only: Option<&str>,
    rename: &dyn Fn(&Object) -> Option<String>,
    told: &mut dyn FnMut(&Object, &Back),
) -> bool {
    const ORDER: [ObjectKind; 5] =
        [ObjectKind::Network, ObjectKind::Volume, ObjectKind::Image, ObjectKind::Tag, ObjectKind::Container];
    let bar = Bar::new("bringing back", None);
    let work = Restoration { link: wire.link.clone(), locked, entry, bar: bar.clone() };
    let mut all = true;
    wire.block_on(async {
        helper::sweep(&work.link).await;
        let wanted = |object: &&Object| only.is_none_or(|name| fits(object, name));
        let mut objects: Vec<&Object> = entry.objects.iter().filter(wanted).collect();
        objects.sort_by_key(|object| ORDER.iter().position(|kind| *kind == object.kind).unwrap_or(ORDER.len()));
        // A container may need another one, for its volumes or its network: what fails is tried again after the rest.
        loop {
            let before = objects.len();
            let mut again = Vec::new();
            for object in objects {
                bar.say(format!("bringing back {} {}", object.kind.name(), object.name));
                match work.one(object, rename).await {
                    Back::Failed(why) => again.push((object, why)),
                    back => {
                        all &= back != Back::Taken;
                        bar.suspend(|| told(object, &back));
                    }
                }
            }
            if again.is_empty() || again.len() == before {
                for (object, why) in again {
                    all = false;
                    bar.suspend(|| told(object, &Back::Failed(why)));
                }
                break;
            }
            objects = again.into_iter().map(|(object, _)| object).collect();
        }
        helper::sweep(&work.link).await;
    });
    bar.finish();
    all
}

/// What would be asked of the engine to bring back one object, as far as rules look at it.
pub fn requests(object: &Object) -> Result<Vec<Request>, String> {
    let read = |error: serde_json::Error| format!("the settings of {} cannot be read: {error}", object.name);
    let made = |path: &str, body: Body| vec![Request::new("POST", path, Vec::new()).body(body)];
    if object.recoverable != Recoverable::Trash {
        return Ok(Vec::new());
    }
    Ok(match object.kind {
        ObjectKind::Container => {
            let image = object.inspect.pointer("/Config/Image").and_then(Value::as_str).unwrap_or_default();
            let around = settings::Surroundings {
                image,
                image_env: &[],
                container: &|named| Some(named.to_owned()),
                has_volume: &|_| true,
            };
            let mut body = settings::container(&object.inspect, &around)?.body;
            settings::without_defaults(&mut body);
            made("/containers/create", Body::Container(Box::new(serde_json::from_value(body).map_err(read)?)))
        }
        ObjectKind::Volume => {
            let body = settings::volume(&object.inspect, &object.name);
            made("/volumes/create", Body::Volume(Box::new(serde_json::from_value(body).map_err(read)?)))
        }
        ObjectKind::Network => {
            let body = Value::Object(settings::network(&object.inspect, &object.name));
            made("/networks/create", Body::Network(Box::new(serde_json::from_value(body).map_err(read)?)))
        }
        _ => Vec::new(),
    })
}

/// Makes an image of what a container wrote, on the image that it stood on, and gives it a name.
pub fn layer_image(
    wire: &Connection,
    locked: &Locked,
    entry: &Entry,
    object: &Object,
    name: &str,
) -> Result<(), String> {
    let bar = Bar::new("loading", None);
    let work = Restoration { link: wire.link.clone(), locked, entry, bar: bar.clone() };
    let outcome = wire.block_on(async {
        let image = match object.file.as_deref() {
            Some(file) if layer_of(file).is_none() => work.own_image(file).await?,
            Some(file) => {
                let base = work.base(object).await?;
                work.image_with_layer(object, &base, layer_of(file).unwrap_or_default()).await?
            }
            None => work.base(object).await?,
        };
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let path = format!("/images/{}/tag?repo={}&tag={}", segment(&image), value(repository), value(tag));
        work.link.call(Method::POST, &path, None).await
    });
    bar.finish();
    outcome.map(|_| ()).map_err(|problem| problem.to_string())
}

/// Whether a name or the beginning of an id means this object.
pub fn fits(object: &Object, name: &str) -> bool {
    object.name == name
        || object.tags.iter().any(|tag| tag == name)
        || name.len() >= 4 && object.id.trim_start_matches("sha256:").starts_with(name.trim_start_matches("sha256:"))
}

struct Restoration<'a> {
    link: Arc<Client>,
    locked: &'a Locked,
    entry: &'a Entry,
    bar: Bar,
}

impl Restoration<'_> {
    async fn one(&self, object: &Object, rename: &dyn Fn(&Object) -> Option<String>) -> Back {
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

    async fn exists(&self, path: &str) -> Result<Option<Value>, EngineProblem> {
        match self.link.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(problem) if problem.is(404) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    async fn pullable(&self, object: &Object) -> Back {
        match self.exists(&format!("/images/{}/json", object.id)).await {
            Ok(Some(_)) => Back::There,
            _ => {
                let name = object.tags.first().or(object.digests.first()).cloned().unwrap_or_default();
                Back::NotKept(format!("docker pull {name} brings it back"))
            }
        }
    }

    /// A file of the entry.
    fn file(&self, name: &str) -> Result<File, EngineProblem> {
        Ok(self.locked.store.entry_file(self.entry.id, name)?)
    }

    async fn send(&self, method: Method, path: &str, body: RequestBody) -> Result<Vec<u8>, EngineProblem> {
        let reply = self.link.send(method, path, body, Some("application/x-tar")).await?;
        Ok(reply.bytes().await?.to_vec())
    }

    async fn network(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        if self.exists(&format!("/networks/{}", object.id)).await?.is_some() {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        let filters = value(&json!({ "name": [format!("^{}$", regex_quoted(&name))] }).to_string());
        let same: Vec<Value> = self.link.get(&format!("/networks?filters={filters}")).await?;
        if same.iter().any(|it| it.get("Name").and_then(Value::as_str) == Some(&name)) {
            return Ok(Back::Taken);
        }
        let mut body = settings::network(&object.inspect, &name);
        let whole = Value::Object(body.clone());
        if let Err(first) = self.link.call(Method::POST, "/networks/create", Some(&whole)).await {
            // Its addresses are somebody else's by now: others will do.
            body.remove("IPAM");
            let without = Value::Object(body);
            if self.link.call(Method::POST, "/networks/create", Some(&without)).await.is_err() {
                return Err(first);
            }
            return Ok(Back::Is("with other addresses".to_owned()));
        }
        Ok(Back::Is(String::new()))
    }

    async fn volume(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        let Some(file) = &object.file else { return Ok(Back::NotKept("it was not kept".to_owned())) };
        let name = name.unwrap_or_else(|| object.name.clone());
        let path = format!("/volumes/{}", segment(&name));
        let body = settings::volume(&object.inspect, &name);
        if let Some(now) = self.exists(&path).await? {
            if !self.is_half_filled(&now, &body).await? {
                return Ok(Back::Taken);
            }
        } else {
            self.locked.mark_filling(&self.entry.engine, &name, None)?;
            self.link.call(Method::POST, "/volumes/create", Some(&body)).await?;
            let now: Value = self.link.get(&path).await?;
            // Somebody else may have made it in between: the engine gives an existing one back as if it were new.
            if settings::labels(&now) != settings::labels(&body) || !self.is_empty(&name).await? {
                self.locked.forget_filling(&self.entry.engine, &name)?;
                return Ok(Back::Taken);
            }
            self.locked.mark_filling(&self.entry.engine, &name, Some(settings::text(&now, "CreatedAt")))?;
        }
        let container = self.helper_with(&name, false).await?;
        let body = archive::file_body(self.file(file)?, &self.bar);
        let path = format!("/containers/{container}/archive?path=/&copyUIDGID=1");
        let outcome = self.send(Method::PUT, &path, body).await;
        helper::remove_container(&self.link, &container).await;
        outcome?;
        self.locked.forget_filling(&self.entry.engine, &name)?;
        Ok(Back::Is(String::new()))
    }

    /// Whether this volume is one that an earlier restoration made and was cut off while it filled it: the same engine, the same
    /// time of creation, the same labels, and nobody uses it. A name says nothing: somebody may have removed that volume and
    /// made another one. It is filled again, never deleted.
    async fn is_half_filled(&self, now: &Value, wanted: &Value) -> Result<bool, EngineProblem> {
        let name = settings::text(now, "Name");
        let Some(mark) = self.locked.was_filling(&self.entry.engine, name)? else { return Ok(false) };
        if settings::labels(now) != settings::labels(wanted) {
            return Ok(false);
        }
        let filters = value(&json!({ "volume": [name] }).to_string());
        let users: Vec<Value> = self.link.get(&format!("/containers/json?all=1&filters={filters}")).await?;
        if !users.is_empty() {
            return Ok(false);
        }
        match mark.created {
            Some(created) => Ok(created == settings::text(now, "CreatedAt")),
            // It was cut off before the engine said when the volume was made: an empty one can be filled all the same.
            None => self.is_empty(name).await,
        }
    }

    async fn is_empty(&self, volume: &str) -> Result<bool, EngineProblem> {
        let container = self.helper_with(volume, true).await?;
        let path = format!("/containers/{container}/archive?path=/v");
        let outcome = match self.link.send(Method::GET, &path, nothing(), None).await {
            Ok(reply) => archive::has_one_entry(reply).await,
            Err(problem) => Err(problem),
        };
        helper::remove_container(&self.link, &container).await;
        outcome
    }

    async fn helper_with(&self, volume: &str, read_only: bool) -> Result<String, EngineProblem> {
        let image = helper::image(&self.link).await?;
        helper::container(&self.link, &image, volume, read_only).await
    }

    async fn load(&self, file: &str) -> Result<Vec<u8>, EngineProblem> {
        let body = archive::image_body(&self.locked.store, self.file(file)?, &self.bar);
        self.send(Method::POST, "/images/load?quiet=1", body).await
    }

    async fn image(&self, object: &Object) -> Result<Back, EngineProblem> {
        let path = format!("/images/{}/json", object.id);
        let mut there = true;
        if self.exists(&path).await?.is_none() {
            there = false;
            let Some(file) = &object.file else { return Ok(Back::NotKept("it was not kept".to_owned())) };
            let said = self.load(file).await?;
            if self.exists(&path).await?.is_none() {
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
    async fn tag(&self, name: &str, id: &str) -> Result<Back, EngineProblem> {
        if let Some(now) = self.exists(&format!("/images/{}/json", segment(name))).await? {
            let same = now.get("Id").and_then(Value::as_str) == Some(id);
            return Ok(if same { Back::There } else { Back::Taken });
        }
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let path = format!("/images/{id}/tag?repo={}&tag={}", value(repository), value(tag));
        self.link.call(Method::POST, &path, None).await?;
        Ok(Back::Is(String::new()))
    }

    async fn container(&self, object: &Object, name: Option<String>) -> Result<Back, EngineProblem> {
        let known = |id: String| async move { self.exists(&format!("/containers/{id}/json")).await };
        if known(object.id.clone()).await?.is_some() {
            return Ok(Back::There);
        }
        if let Some(made) = self.locked.made(self.entry, &object.id)?
            && known(made).await?.is_some()
        {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        if self.exists(&format!("/containers/{}/json", segment(&name))).await?.is_some() {
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
        match self.link.call(Method::POST, &format!("/containers/{id}/rename?name={}", value(&name)), None).await {
            Ok(_) => {}
            Err(problem) => {
                helper::remove_container(&self.link, &id).await;
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
    async fn missing(&self, object: &Object) -> Result<Option<String>, EngineProblem> {
        for (name, _) in settings::networks(&object.inspect).filter(|(name, _)| settings::is_users(name)) {
            if self.exists(&format!("/networks/{}", segment(name))).await?.is_none() {
                return Ok(Some(format!("network {name}")));
            }
        }
        for name in settings::needed_volumes(&object.inspect) {
            if self.exists(&format!("/volumes/{}", segment(&name))).await?.is_none() {
                return Ok(Some(format!("volume {name}")));
            }
        }
        Ok(None)
    }

    /// A container with its settings, its own layer and its networks, under a helper's name; its id, and what is different
    /// from before.
    async fn made_whole(&self, object: &Object) -> Result<Result<(String, Vec<String>), String>, EngineProblem> {
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
        helper::remove_container(&self.link, &id).await;
        let image = self.image_with_layer(object, &base, sha256).await?;
        let (id, mut notes) = match self.create(object, &image).await? {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        notes.push("on an image of its own".to_owned());
        self.connected(&id, object).await.map(|()| Ok((id, notes)))
    }

    /// A container with its settings alone, under a helper's name.
    async fn create(
        &self,
        object: &Object,
        image: &str,
    ) -> Result<Result<(String, Vec<String>), String>, EngineProblem> {
        let now: Value = self.link.get(&format!("/images/{}/json", segment(image))).await?;
        let image_env = settings::texts(&now, "/Config/Env");
        let volumes: Value = self.link.get("/volumes").await?;
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
        let around = settings::Surroundings {
            image,
            image_env: &image_env,
            container: &|named| containers.get(named).cloned(),
            has_volume: &|name| volumes.contains(name),
        };
        let made = match settings::container(&object.inspect, &around) {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        let platform = settings::platform(&object.inspect).map(|it| format!("&platform={}", value(&it)));
        let path = format!("/containers/create?name={}{}", helper::name(), platform.unwrap_or_default());
        let answer = self.link.call(Method::POST, &path, Some(&made.body)).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match settings::text(&answer, "Id") {
            "" => Err(EngineProblem::unanswered("the engine made a container without an id")),
            id => Ok(Ok((id.to_owned(), made.notes))),
        }
    }

    fn is_kept_container(&self, named: &str) -> bool {
        let mut containers = self.entry.objects.iter().filter(|object| object.kind == ObjectKind::Container);
        containers.any(|it| it.recoverable == Recoverable::Trash && (it.name == named || it.id == named))
    }

    /// The id that a container has now which had this id, or has this name.
    async fn container_now(&self, named: &str) -> Result<Option<String>, EngineProblem> {
        let made = self.locked.made_anywhere(&self.entry.engine, named)?;
        for name in made.as_deref().into_iter().chain([named]) {
            if let Some(found) = self.exists(&format!("/containers/{}/json", segment(name))).await? {
                return Ok(Some(settings::text(&found, "Id").to_owned()));
            }
        }
        Ok(None)
    }

    /// Which parts of the layer's archive to leave out, so that the rest can be copied into the container without going
    /// through what is mounted in it; None where that is not possible.
    async fn fits_over_mounts(&self, id: &str, object: &Object, sha256: &str) -> Result<Copying, EngineProblem> {
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
    async fn resolved(&self, id: &str, path: &str) -> Result<String, EngineProblem> {
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
                Looked::Client(target) => at = target.trim_end_matches('/').to_owned(),
                Looked::Other => at = next,
            }
        }
        Ok(at.trim_start_matches('/').to_owned())
    }

    async fn link_target(&self, id: &str, path: &str) -> Result<Looked, EngineProblem> {
        let path = format!("/containers/{id}/archive?path={}", value(path));
        let reply = match self.link.send(Method::HEAD, &path, nothing(), None).await {
            Ok(reply) => reply,
            Err(problem) if problem.is(404) => return Ok(Looked::Missing),
            Err(problem) => return Err(problem),
        };
        let header = reply.headers.get("x-docker-container-path-stat").and_then(|it| it.to_str().ok());
        let stat = header
            .and_then(|it| base64::engine::general_purpose::STANDARD.decode(it).ok())
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .unwrap_or_default();
        reply.bytes().await?;
        Ok(match settings::text(&stat, "linkTarget") {
            "" => Looked::Other,
            target => Looked::Client(target.to_owned()),
        })
    }

    async fn fill(&self, id: &str, sha256: &str, skip: Vec<Skip>) -> Result<(), EngineProblem> {
        let body = archive::layer_body(&self.locked.store, sha256, skip, &self.bar);
        self.send(Method::PUT, &format!("/containers/{id}/archive?path=/&copyUIDGID=1"), body).await.map(|_| ())
    }

    /// The networks that it was in, and no others.
    async fn connected(&self, id: &str, object: &Object) -> Result<(), EngineProblem> {
        let outcome = self.connect(id, object).await;
        if outcome.is_err() {
            // Half a container is not what was promised.
            helper::remove_container(&self.link, id).await;
        }
        outcome
    }

    async fn connect(&self, id: &str, object: &Object) -> Result<(), EngineProblem> {
        let made: Value = self.link.get(&format!("/containers/{id}/json")).await?;
        let has = |inspect: &Value, wanted: &str| settings::networks(inspect).any(|(name, _)| name == wanted);
        for (name, endpoint) in settings::networks(&object.inspect) {
            if settings::has_endpoint(name) && !has(&made, name) {
                let settings = settings::endpoint_settings(&object.inspect, endpoint, false);
                let body = json!({"Container": id, "EndpointConfig": settings});
                self.link.call(Method::POST, &format!("/networks/{}/connect", segment(name)), Some(&body)).await?;
            }
        }
        for (name, _) in settings::networks(&made) {
            if settings::has_endpoint(name) && !has(&object.inspect, name) {
                let body = json!({"Container": id, "Force": true});
                self.link.call(Method::POST, &format!("/networks/{}/disconnect", segment(name)), Some(&body)).await?;
            }
        }
        Ok(())
    }

    /// As it was: running, paused or stopped. Its processes begin anew.
    async fn set_going(&self, id: &str, object: &Object) -> Result<&'static str, EngineProblem> {
        let was = |key: &str| object.inspect.pointer(&format!("/State/{key}")).and_then(Value::as_bool) == Some(true);
        if !was("Running") {
            return Ok("stopped as it was");
        }
        self.link.call(Method::POST, &format!("/containers/{id}/start"), None).await?;
        if was("Paused") {
            self.link.call(Method::POST, &format!("/containers/{id}/pause"), None).await?;
            return Ok("started again and paused as it was");
        }
        Ok("started again")
    }

    /// An image of the base and a layer on it. It is made through a container that has none of the mounts.
    async fn image_with_layer(&self, object: &Object, base: &str, sha256: &str) -> Result<String, EngineProblem> {
        let mut body = object.inspect.get("Config").cloned().unwrap_or_else(|| json!({}));
        body["Image"] = base.into();
        body["NetworkDisabled"] = true.into();
        body["HostConfig"] = json!({ "NetworkMode": "none" });
        if let Some(map) = body.as_object_mut() {
            map.remove("MacAddress");
        }
        let path = format!("/containers/create?name={}", helper::name());
        let answer = self.link.call(Method::POST, &path, Some(&body)).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let id = settings::text(&answer, "Id").to_owned();
        let outcome = match self.fill(&id, sha256, Vec::new()).await {
            Ok(()) => self.link.call(Method::POST, &format!("/commit?container={id}&pause=0"), Some(&json!({}))).await,
            Err(problem) => Err(problem),
        };
        helper::remove_container(&self.link, &id).await;
        let made: Value = serde_json::from_slice(&outcome?).unwrap_or_default();
        match settings::text(&made, "Id") {
            "" => Err(EngineProblem::unanswered("the engine made an image without an id")),
            id => Ok(id.to_owned()),
        }
    }

    /// An image of the container's own, with all that it wrote and took away.
    async fn own_image(&self, file: &str) -> Result<String, EngineProblem> {
        let said = self.load(file).await?;
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
    async fn base(&self, object: &Object) -> Result<String, EngineProblem> {
        let text =
            |pointer: &str| object.inspect.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, named) = (text("/Image"), text("/Config/Image"));
        if self.exists(&format!("/images/{id}/json")).await?.is_none() {
            for digest in &object.digests {
                let Some((name, digest)) = digest.split_once('@') else { continue };
                self.bar.say(format!("pulling {name}"));
                let path = format!("/images/create?fromImage={}&tag={}", value(name), value(digest));
                let _ = self.link.call(Method::POST, &path, None).await;
            }
        }
        if self.exists(&format!("/images/{id}/json")).await?.is_none() {
            let how = if object.digests.is_empty() { "restore it first" } else { "docker pull it first" };
            return Err(EngineProblem::Unanswered(format!("its image {named} ({}) is not there: {how}", short(&id))));
        }
        let now = self.exists(&format!("/images/{}/json", segment(&named))).await?;
        let same = now.is_some_and(|now| now.get("Id").and_then(Value::as_str) == Some(&id));
        Ok(if same { named } else { id })
    }
}

/// How a layer gets into a container that has mounts.
enum Copying {
    /// As an archive without these parts.
    Without(Vec<Skip>),
    /// It has nothing but mount points.
    Nothing,
    Impossible,
}

/// What a path in a container is.
enum Looked {
    Missing,
    /// A link, with all links followed.
    Client(String),
    Other,
}

/// The checksum of a container's layer, where that is what was kept of it.
pub fn layer_of(file: &str) -> Option<&str> {
    file.strip_prefix("layer ")
}

/// The engine takes a name's filter for a regular expression.
fn regex_quoted(name: &str) -> String {
    name.chars().flat_map(|letter| (letter == '.').then_some('\\').into_iter().chain(Some(letter))).collect()
}
