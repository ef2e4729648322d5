//! Brings back what a deletion took: networks, volumes, images and their names, then the containers that need them.

use std::fs::File;
use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value, json};

use super::store::{Entry, Locked, Object};
use super::{archive, helper};
use crate::engine::connection::{Link, RequestBody, Wire, segment, value};
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::short;
use fender_core::plan::{ObjectKind, Recoverable};

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// It is there again; with what a person should know.
    Is(String),
    /// It never went, or came back already.
    There,
    /// Another one has its name by now.
    Taken,
    /// It was not kept: how it can be had.
    NotKept(String),
    Failed(String),
}

/// Restores the objects of an entry, all or those with one name. `rename` gives an object another name.
pub fn restore(
    wire: &Wire,
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

/// Whether a name or the beginning of an id means this object.
pub fn fits(object: &Object, name: &str) -> bool {
    object.name == name
        || object.tags.iter().any(|tag| tag == name)
        || name.len() >= 4 && object.id.trim_start_matches("sha256:").starts_with(name.trim_start_matches("sha256:"))
}

struct Restoration<'a> {
    link: Arc<Link>,
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
            Recoverable::No => return Back::NotKept("it was not kept".to_owned()),
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
        let mut body = Map::new();
        for key in [
            "Driver",
            "EnableIPv4",
            "EnableIPv6",
            "IPAM",
            "Internal",
            "Attachable",
            "Ingress",
            "ConfigOnly",
            "Options",
            "Labels",
        ] {
            if let Some(value) = object.inspect.get(key) {
                body.insert(key.to_owned(), value.clone());
            }
        }
        body.insert("Name".to_owned(), name.into());
        body.insert("CheckDuplicate".to_owned(), true.into());
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
        let name = name.unwrap_or_else(|| object.name.clone());
        let path = format!("/volumes/{}", segment(&name));
        if self.exists(&path).await?.is_some() {
            if !self.locked.was_filling(&name)? {
                return Ok(Back::Taken);
            }
            // An earlier restoration was cut off while it filled this one.
            self.link.call(Method::DELETE, &path, None).await?;
        }
        let Some(file) = &object.file else { return Ok(Back::NotKept("it was not kept".to_owned())) };
        let mark = self.locked.mark_filling(&name)?;
        let of = |key: &str| object.inspect.get(key).cloned().unwrap_or(Value::Null);
        let body = json!({"Name": name, "Driver": of("Driver"), "DriverOpts": of("Options"), "Labels": of("Labels")});
        self.link.call(Method::POST, "/volumes/create", Some(&body)).await?;
        let image = helper::image(&self.link).await?;
        let container = helper::container(&self.link, &image, &name, false).await?;
        let body = archive::file_body(self.file(file)?, &self.bar);
        let path = format!("/containers/{container}/archive?path=/&copyUIDGID=1");
        let outcome = self.send(Method::PUT, &path, body).await;
        helper::remove_container(&self.link, &container).await;
        outcome?;
        self.locked.unmark_filling(&mark)?;
        Ok(Back::Is(String::new()))
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
        if self.exists(&format!("/containers/{}/json", object.id)).await?.is_some() {
            return Ok(Back::There);
        }
        let name = name.unwrap_or_else(|| object.name.clone());
        if self.exists(&format!("/containers/{}/json", segment(&name))).await?.is_some() {
            return Ok(Back::Taken);
        }
        if let Some(what) = self.missing(object).await? {
            return Ok(Back::Failed(format!("its {what} is not there: bring it back or create it first")));
        }
        let (image, layer) = match object.file.as_deref() {
            Some(file) if !file.starts_with("layer ") => (self.own_image(file).await?, None),
            file => (self.base(object).await?, file.and_then(|file| file.strip_prefix("layer "))),
        };
        let body = self.body(object, &image).await?;
        let path = format!("/containers/create?name={}", value(&name));
        let answer = self.link.call(Method::POST, &path, Some(&body)).await?;
        let made: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let id = made.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let filled = self.fill(&id, object, layer).await;
        if filled.is_err() {
            // Half a container is not what was promised.
            let _ = self.link.call(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), None).await;
        }
        filled?;
        self.set_going(&id, object).await
    }

    /// A network or named volume that the container had and that is not there: docker would start it without.
    async fn missing(&self, object: &Object) -> Result<Option<String>, EngineProblem> {
        let networks = object.inspect.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        for (name, _) in networks.into_iter().flatten().filter(|(name, _)| is_users(name)) {
            if self.exists(&format!("/networks/{}", segment(name))).await?.is_none() {
                return Ok(Some(format!("network {name}")));
            }
        }
        let list =
            |pointer: &str| object.inspect.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let binds = list("/HostConfig/Binds");
        let bound =
            binds.iter().filter_map(|bind| bind.as_str()?.split(':').next()).filter(|source| !source.starts_with('/'));
        let mounts = list("/HostConfig/Mounts");
        let mounted = mounts
            .iter()
            .filter(|it| it.get("Type").and_then(Value::as_str) == Some("volume"))
            .filter_map(|it| it.get("Source").and_then(Value::as_str));
        for name in bound.chain(mounted).filter(|name| !name.is_empty()) {
            if self.exists(&format!("/volumes/{}", segment(name))).await?.is_none() {
                return Ok(Some(format!("volume {name}")));
            }
        }
        Ok(None)
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

    /// The request that makes it: its settings as they were.
    async fn body(&self, object: &Object, image: &str) -> Result<Value, EngineProblem> {
        let inspect = &object.inspect;
        let mut body = inspect.get("Config").cloned().unwrap_or_else(|| json!({}));
        let mut host = inspect.get("HostConfig").cloned().unwrap_or_else(|| json!({}));
        body["Image"] = image.into();
        // Nameless volumes that are there are given back by their names.
        let texts = |value: &Value, key: &str| -> Vec<Value> {
            value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let mut binds = texts(&host, "Binds");
        let mut given: Vec<String> =
            binds.iter().filter_map(|bind| bind.as_str()?.split(':').nth(1).map(str::to_owned)).collect();
        given.extend(texts(&host, "Mounts").iter().filter_map(|it| it.get("Target")?.as_str().map(str::to_owned)));
        let inherits = !texts(&host, "VolumesFrom").is_empty();
        for mount in texts(inspect, "Mounts") {
            let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
            let (name, target) = (text("Name"), text("Destination"));
            // What came from another container comes from it again.
            let inherited = inherits && inspect.pointer("/Config/Volumes").and_then(|it| it.get(target)).is_none();
            if text("Type") != "volume" || inherited || given.iter().any(|known| known == target) {
                continue;
            }
            if self.exists(&format!("/volumes/{}", segment(name))).await?.is_some() {
                binds.push(format!("{name}:{target}").into());
            }
        }
        if !binds.is_empty() {
            host["Binds"] = binds.into();
        }
        let networks = inspect.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        let mode = host.get("NetworkMode").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut endpoints = Map::new();
        for (name, endpoint) in networks.into_iter().flatten() {
            // A network that was made again has another id.
            if endpoint.get("NetworkID").and_then(Value::as_str) == Some(&mode) {
                host["NetworkMode"] = name.clone().into();
            }
            if is_users(name) && (*name == mode || host["NetworkMode"] == **name) {
                endpoints.insert(name.clone(), endpoint_settings(endpoint));
            }
        }
        if !endpoints.is_empty() {
            body["NetworkingConfig"] = json!({ "EndpointsConfig": endpoints });
        }
        body["HostConfig"] = host;
        Ok(body)
    }

    async fn fill(&self, id: &str, object: &Object, layer: Option<&str>) -> Result<(), EngineProblem> {
        if let Some(sha256) = layer {
            let body = archive::file_body(self.locked.store.blob_file(sha256)?, &self.bar);
            self.send(Method::PUT, &format!("/containers/{id}/archive?path=/&copyUIDGID=1"), body).await?;
        }
        let made: Value = self.link.get(&format!("/containers/{id}/json")).await?;
        let has = |name: &str| made.pointer("/NetworkSettings/Networks").and_then(|it| it.get(name)).is_some();
        let networks = object.inspect.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
        for (name, endpoint) in networks.into_iter().flatten().filter(|(name, _)| is_users(name)) {
            if !has(name) {
                let body = json!({"Container": id, "EndpointConfig": endpoint_settings(endpoint)});
                self.link.call(Method::POST, &format!("/networks/{}/connect", segment(name)), Some(&body)).await?;
            }
        }
        Ok(())
    }

    /// As it was: running, paused or stopped. Its processes begin anew.
    async fn set_going(&self, id: &str, object: &Object) -> Result<Back, EngineProblem> {
        let was = |key: &str| object.inspect.pointer(&format!("/State/{key}")).and_then(Value::as_bool) == Some(true);
        if !was("Running") {
            return Ok(Back::Is("stopped as it was".to_owned()));
        }
        if let Err(problem) = self.link.call(Method::POST, &format!("/containers/{id}/start"), None).await {
            return Ok(Back::Is(format!("it does not start: {problem}")));
        }
        if was("Paused") {
            self.link.call(Method::POST, &format!("/containers/{id}/pause"), None).await?;
            return Ok(Back::Is("started again and paused as it was".to_owned()));
        }
        Ok(Back::Is("started again".to_owned()))
    }
}

fn is_users(network: &str) -> bool {
    !matches!(network, "bridge" | "host" | "none" | "default")
}

/// What somebody chose of an endpoint, without what the engine gave it.
fn endpoint_settings(endpoint: &Value) -> Value {
    let mut settings = Map::new();
    for key in ["IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority"] {
        if let Some(value) = endpoint.get(key).filter(|value| !value.is_null()) {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(settings)
}

/// The engine takes a name's filter for a regular expression.
fn regex_quoted(name: &str) -> String {
    name.chars().flat_map(|letter| (letter == '.').then_some('\\').into_iter().chain(Some(letter))).collect()
}
