//! Keeps what a plan is about to delete. Either everything that the plan calls kept is on the disk, or there is an error and
//! nothing may be deleted.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hyper::Method;
use serde_json::{Value, json};

use super::archive::{self, Apart, KeptPlace};
use super::at_once::some_at_once;
use super::direct::is_removed;
use super::held::{AT, keep_here, volume_here};
use super::helper::{self, Helpers};
use super::settings;
use super::speed::{self, Measured};
use super::store::{Entry, Kept, Locked, Object, TrashStore};
use super::{folder, now};
use crate::engine::answers::{Anything, Changes, ContainerSettings, Identified, ImageNow, LayerChange, read};
use crate::engine::connection::{Client, Connection, nothing};
use crate::engine::named::container_meant;
use crate::engine::paths;
use crate::environment::folder::Folder;
use crate::ui::progress::{Bar, StepCount, after_two_seconds};
use fender_core::api::EngineProblem;
use fender_core::plan::freed::total;
use fender_core::plan::inventory::{VolumeData, short};
use fender_core::plan::{CopySource, Item, ItemChange, KeepingCopy, ObjectKind, Plan, Recoverable};
use fender_core::policy::TrashLimits;
use fender_core::text::bytes;

/// An entry that was just written. While this stands no other fender keeps or restores: what two of them kept at once of one
/// object would come back twice, and a helper of the one would stand in the other's way.
pub struct KeptNow {
    /// Its number, as `fender trash list` shows it.
    pub id: u64,
    locked: Locked,
}

impl KeptNow {
    /// Takes the entry away again where nothing of it was deleted, and nobody else deleted what it keeps.
    pub fn forget(self) {
        let _ = self.locked.remove(self.id).and_then(|()| self.locked.sweep());
    }

    /// Whether it keeps anything: others may have taken all of it before.
    pub fn has_kept(&self) -> bool {
        self.locked.store.entry(self.id).is_ok_and(|entry| entry.has_kept())
    }
}

/// Keeps the plan's objects under the words of the command.
pub fn keep(connection: &Connection, plan: &Plan, command: &[String], trash: &TrashLimits) -> anyhow::Result<KeptNow> {
    keep_in(&folder(), connection, plan, command, trash)
}

/// The same in a trash at another place.
pub fn keep_in(
    root: &Path,
    connection: &Connection,
    plan: &Plan,
    command: &[String],
    trash: &TrashLimits,
) -> anyhow::Result<KeptNow> {
    let failed = || format!("the trash at {} cannot be written", root.display());
    let waiting = after_two_seconds("waiting for another fender that uses the trash".to_owned());
    let locked = TrashStore::at(root.to_path_buf()).lock().with_context(failed)?;
    drop(waiting);
    let written = locked.begin().with_context(failed)?;
    let mut entry = Entry {
        id: locked.next_id(),
        engine: plan.engine.clone(),
        engine_name: plan.engine_name.clone(),
        command: command.to_vec(),
        time: now(),
        tick: locked.tick().with_context(failed)?,
        ..Entry::default()
    };
    let id = entry.id;
    let kept = plan.deletes.iter().filter(|it| it.recoverable == Recoverable::Trash);
    let total = total(kept.filter_map(|it| it.size));
    let bar = Bar::new("keeping", u64::try_from(total).ok().filter(|total| *total > 0));
    let (client, folder) = (connection.client.clone(), &written);
    let start = Instant::now();
    let kept = connection.block_on(async {
        let helpers = Helpers::begin(connection).await;
        let keeper = Keeper { client, locked: &locked, folder, helpers: &helpers, bar: bar.clone() };
        let kept = keeper.all(plan, connection.objects_at_once()).await;
        helpers.end().await;
        kept
    });
    let elapsed = start.elapsed();
    bar.finish();
    // What was said to be kept is kept whole, also where the copy is larger than the engine's number for it.
    let outcome = kept.and_then(|kept| {
        let taken = Measured { copies: times(plan, &kept), elapsed };
        for one in kept {
            for file in one.files {
                if !entry.files.contains(&file) {
                    entry.files.push(file);
                }
            }
            entry.objects.push(one.object);
        }
        locked.finish(&written, &entry).with_context(failed).map(|()| taken)
    });
    if outcome.is_err() {
        locked.abandon();
    }
    let taken = outcome?;
    // Older ones make room; what that fails at does not touch the new one.
    let _ = locked.expire(trash, id);
    locked.store.is_there(&entry)?;
    speed::learn(root, &plan.engine, connection.is_local(), &taken, connection.objects_at_once());
    Ok(KeptNow { id, locked })
}

/// How long each copy took.
fn times(plan: &Plan, kept: &[ObjectKept]) -> Vec<(KeepingCopy, Duration)> {
    let of = |one: &ObjectKept| {
        let copies = plan.keeping.copies.iter().filter(|copy| copy.at == one.at && one.object.file.is_some());
        let own = u64::try_from(one.object.size.unwrap_or(0)).unwrap_or(0);
        // It may have gone another way than was foreseen.
        let (source, bytes) = match one.object.kind {
            _ if one.is_read_here => (CopySource::Here, Some(own)),
            ObjectKind::Volume => (CopySource::Files, None),
            _ => (CopySource::Layers, None),
        };
        let copies = copies.map(|copy| KeepingCopy { at: copy.at, source, bytes: bytes.unwrap_or(copy.bytes) });
        copies.map(|copy| (copy, one.taken)).collect::<Vec<_>>()
    };
    kept.iter().flat_map(of).collect()
}

/// The end of the name of a file with all files of a container.
pub(super) const EXPORTED: &str = ".tar.zst";

/// How long a deletion that is only noted waits: for the engine, and for another fender that has the trash.
const BRIEFLY: Duration = Duration::from_secs(2);

/// Keeps of a deletion that is only noted what costs nothing: the settings of containers and networks, and tags. The entry, or
/// None where the plan takes nothing.
pub fn note(
    connection: &Connection,
    plan: &Plan,
    command: &[String],
    trash: &TrashLimits,
) -> anyhow::Result<Option<Entry>> {
    if plan.deletes.is_empty() || trash.max == 0 {
        return Ok(None);
    }
    let failed = || "the trash cannot be written";
    let locked = TrashStore::at(folder()).lock_within(BRIEFLY).with_context(failed)?;
    let locked = locked.context("another fender is using the trash")?;
    let written = locked.begin().with_context(failed)?;
    let mut entry = Entry {
        id: locked.next_id(),
        engine: plan.engine.clone(),
        engine_name: plan.engine_name.clone(),
        command: command.to_vec(),
        time: now(),
        tick: locked.tick().with_context(failed)?,
        noted: true,
        ..Entry::default()
    };
    let objects = connection.within(BRIEFLY, async {
        let mut objects = Vec::new();
        for item in &plan.deletes {
            match noted(&connection.client, item).await {
                Err(problem) if problem.is(404) => {}
                object => {
                    let mut object = object?;
                    if let Some(why) = needs_what_is_gone(&connection.client, &locked, plan, &object).await? {
                        object.recoverable = Recoverable::No;
                        object.missing = why;
                    }
                    objects.push(object);
                }
            }
        }
        Ok(objects)
    });
    let outcome = objects.map_err(anyhow::Error::from).and_then(|objects| {
        entry.objects = objects;
        locked.finish(&written, &entry).with_context(failed)
    });
    if outcome.is_err() {
        locked.abandon();
    }
    outcome?;
    let _ = locked.expire(trash, entry.id);
    Ok(Some(entry))
}

/// Why a container cannot be created again: it shares a namespace with one that is gone, or has a link to it.
async fn needs_what_is_gone(
    client: &Arc<Client>,
    locked: &Locked,
    plan: &Plan,
    object: &Object,
) -> Result<Option<String>, EngineProblem> {
    for (what, named) in settings::needed_containers(&object.inspect) {
        let goes_too = plan.of(ObjectKind::Container).any(|item| item.id == named || item.name == named);
        if what == "volumes" || goes_too {
            continue;
        }
        let now = locked.store.made_anywhere(&plan.engine, &named)?.unwrap_or_else(|| named.clone());
        if container_meant(client, &now).await?.is_none() {
            return Ok(Some(format!("the container whose {what} it uses is gone")));
        }
    }
    Ok(None)
}

/// What is known of one object without copying anything.
async fn noted(client: &Arc<Client>, item: &Item) -> Result<Object, EngineProblem> {
    let mut object = Object {
        kind: item.kind,
        id: item.id.clone(),
        name: item.name.clone(),
        tags: item.tags.clone(),
        size: item.size,
        recoverable: Recoverable::No,
        inspect: Value::Null,
        file: None,
        digests: Vec::new(),
        replaced: item.change != ItemChange::Removed,
        missing: "the deletion was only noted".to_owned(),
    };
    let size = item.size.filter(|size| *size > 0).map(|size| format!(", {}", bytes(size))).unwrap_or_default();
    match item.kind {
        ObjectKind::Container => {
            object.inspect = client.get(&paths::container(&item.id)).await?;
            let settings: ContainerSettings = read(&object.inspect)?;
            match client.get::<ImageNow>(&paths::image(&settings.image)).await {
                Ok(base) => {
                    object.digests = base.digests().cloned().collect();
                    object.recoverable = Recoverable::Trash;
                    object.missing = if item.size == Some(0) { String::new() } else { format!("its own layer{size}") };
                }
                Err(problem) if problem.is(404) => object.missing = "its image is gone".to_owned(),
                Err(problem) => return Err(problem),
            }
        }
        ObjectKind::Network => {
            object.inspect = client.get(&paths::network(&item.id)).await?;
            object.recoverable = Recoverable::Trash;
            object.missing = String::new();
        }
        ObjectKind::Tag => {
            object.recoverable = Recoverable::Trash;
            object.missing = String::new();
        }
        ObjectKind::Volume => {
            object.inspect = client.get(&paths::volume(&item.name)).await?;
            match settings::volume_data(&object.inspect) {
                VolumeData::WithVolume => object.missing = format!("{}{size}", object.missing),
                data => {
                    object.recoverable = Recoverable::Trash;
                    object.missing = match data {
                        VolumeData::Driver(driver) => format!("the data in its driver {driver}"),
                        _ => String::new(),
                    };
                }
            }
        }
        ObjectKind::Image if item.recoverable == Recoverable::Pull => {
            object.recoverable = Recoverable::Pull;
            object.inspect = client.get(&paths::image(&item.id)).await?;
            object.digests = digests(&object.inspect)?;
        }
        _ => object.missing = format!("{}{size}", object.missing),
    }
    Ok(object)
}

struct Keeper<'a> {
    client: Arc<Client>,
    locked: &'a Locked,
    folder: &'a Folder,
    helpers: &'a Helpers,
    bar: Bar,
}

/// One object while it is kept.
struct ObjectKept {
    /// Its position in the plan.
    at: usize,
    object: Object,
    /// The files and blobs with its contents.
    files: Vec<Kept>,
    /// How long it took.
    taken: Duration,
    /// Its contents were read where they lie, and not sent by the engine.
    is_read_here: bool,
}

impl ObjectKept {
    /// Its layer was read where it lies.
    fn is_layer(&mut self, layer: Kept) {
        self.object.file = Some(format!("layer {}", layer.sha256));
        self.files.push(layer);
        self.is_read_here = true;
    }
}

impl Keeper<'_> {
    /// Keeps all objects of a plan, some at once. After an error nothing new begins: then nothing is deleted.
    async fn all(&self, plan: &Plan, at_once: usize) -> anyhow::Result<Vec<ObjectKept>> {
        let steps = StepCount::new("keeping", plan.deletes.len(), self.bar.clone());
        let work = plan.deletes.iter().enumerate().map(|(at, item)| {
            let steps = &steps;
            async move {
                let name = format!(
                    "{} {}",
                    item.kind.name(),
                    if item.kind == ObjectKind::BuildCache { short(&item.id) } else { &item.name }
                );
                steps.begin(&name);
                let kept = self.one(at, item).await.with_context(|| format!("{name} could not be kept"));
                steps.end();
                kept
            }
        });
        some_at_once(at_once, work, Result::is_err).await.into_iter().collect()
    }

    async fn one(&self, at: usize, item: &Item) -> Result<ObjectKept, EngineProblem> {
        let object = Object {
            kind: item.kind,
            id: item.id.clone(),
            name: item.name.clone(),
            tags: item.tags.clone(),
            size: item.size,
            recoverable: item.recoverable,
            inspect: Value::Null,
            file: None,
            digests: Vec::new(),
            replaced: item.change != ItemChange::Removed,
            missing: item.not_kept.clone().unwrap_or_default(),
        };
        let start = Instant::now();
        let mut kept = ObjectKept { at, object, files: Vec::new(), taken: Duration::ZERO, is_read_here: false };
        match self.contents(item, &mut kept).await {
            // Somebody else took it meanwhile: then it is not fender that deletes it. Anything else that is missing is an error.
            Err(problem) if problem.is(404) && self.is_gone(item).await? => kept.object.recoverable = Recoverable::No,
            outcome => outcome?,
        }
        kept.taken = start.elapsed();
        Ok(kept)
    }

    async fn is_gone(&self, item: &Item) -> Result<bool, EngineProblem> {
        let path = match item.kind {
            ObjectKind::Container => paths::container(&item.id),
            ObjectKind::Image => paths::image(&item.id),
            ObjectKind::Network => paths::network(&item.id),
            ObjectKind::Volume => paths::volume(&item.name),
            _ => return Ok(false),
        };
        match self.client.get::<Anything>(&path).await {
            Ok(_) => Ok(false),
            Err(problem) if problem.is(404) => Ok(true),
            Err(problem) => Err(problem),
        }
    }

    async fn contents(&self, item: &Item, kept: &mut ObjectKept) -> Result<(), EngineProblem> {
        let object = &mut kept.object;
        if item.kind == ObjectKind::Image {
            object.inspect = self.client.get(&paths::image(&item.id)).await?;
            object.digests = digests(&object.inspect)?;
        }
        if item.kind == ObjectKind::Volume {
            object.inspect = self.client.get(&paths::volume(&item.name)).await?;
            // A container that comes back needs the volume, whoever stores its data.
            if matches!(settings::volume_data(&object.inspect), VolumeData::Driver(_)) {
                object.recoverable = Recoverable::Trash;
            }
        }
        if item.recoverable != Recoverable::Trash {
            return Ok(());
        }
        match item.kind {
            ObjectKind::Volume => self.volume(kept).await?,
            ObjectKind::Container => self.container(kept).await?,
            ObjectKind::Image => {
                let apart = self.save(&item.id, HashSet::new()).await?;
                self.write(kept, &apart)?;
            }
            ObjectKind::Network => object.inspect = self.client.get(&paths::network(&item.id)).await?,
            _ => {}
        }
        Ok(())
    }

    async fn volume(&self, kept: &mut ObjectKept) -> Result<(), EngineProblem> {
        let object = &mut kept.object;
        if settings::volume_data(&object.inspect) != VolumeData::WithVolume {
            return Ok(());
        }
        let name = format!("volume-{}.tar.zst", kept.at);
        let archive = match self.volume_here(&object.inspect, &object.name, &name).await? {
            Some(archive) => {
                kept.is_read_here = true;
                archive
            }
            None => {
                let container = self.helpers.container(&object.name, true).await?;
                let archive = self.sent(&container, &name).await;
                helper::remove_container(&self.client, &container).await;
                archive?
            }
        };
        kept.files.push(archive);
        object.file = Some(name);
        Ok(())
    }

    /// Keeps a volume where it lies; None where the engine has to send its files. Nothing holds it meanwhile. But the engine answers about a volume when a removal that
    /// has begun is over, and then the folder is gone: so one that is there afterwards was there all the time.
    async fn volume_here(&self, inspect: &Value, volume: &str, file: &str) -> Result<Option<Kept>, EngineProblem> {
        let Some(folder) = volume_here(self.helpers, inspect, volume).await else { return Ok(None) };
        let place = || KeptPlace::File(self.folder.clone(), file.to_owned());
        let kept = keep_here(&folder, AT, place, &self.bar).await;
        self.client.get::<Anything>(&paths::volume(volume)).await?;
        if is_removed(&folder) {
            return Err(EngineProblem::Unanswered("another volume has that name now".to_owned()));
        }
        Ok(kept)
    }

    /// Keeps the topmost layer of a container or an image where it lies; None where the engine has to send it.
    async fn layer_here(&self, answer: &Value) -> Option<Kept> {
        let folder = self.helpers.volumes().await?.layer_of(answer)?;
        keep_here(&folder, "", || KeptPlace::Layer(self.locked.layers()), &self.bar).await
    }

    /// The files of a volume as the engine sends them.
    async fn sent(&self, container: &str, name: &str) -> Result<Kept, EngineProblem> {
        let path = paths::files(container, &format!("/{AT}"));
        let reply = self.client.send(Method::GET, &path, nothing(), None).await?;
        archive::keep(reply, self.folder, name, &self.bar).await
    }

    /// An image's archive, without the layers in `without`.
    async fn save(&self, id: &str, without: HashSet<String>) -> Result<Apart, EngineProblem> {
        let reply = self.client.send(Method::GET, &paths::save_image(id), nothing(), None).await?;
        archive::take_apart(reply, self.locked, without, &self.bar).await
    }

    fn write(&self, kept: &mut ObjectKept, apart: &Apart) -> Result<(), EngineProblem> {
        let name = format!("image-{}.json", kept.at);
        kept.files.extend(apart.write(self.folder, &name)?);
        kept.object.file = Some(name);
        Ok(())
    }

    async fn container(&self, kept: &mut ObjectKept) -> Result<(), EngineProblem> {
        let object = &mut kept.object;
        object.inspect = self.client.get(&paths::container(&object.id)).await?;
        let settings: ContainerSettings = read(&object.inspect)?;
        let base: ImageNow = match self.client.get(&paths::image(&settings.image)).await {
            Ok(base) => base,
            Err(problem) if problem.is(404) => return self.exported(kept).await,
            Err(problem) => return Err(problem),
        };
        object.digests = base.digests().cloned().collect();
        // One that runs writes meanwhile: the engine pauses it while it commits it.
        let may_be_read = base.layers().next().is_some() && is_stopped(&object.inspect);
        let before = object.inspect.clone();
        let path = paths::changes(&object.id);
        let read = async { if may_be_read { self.layer_here(&before).await } else { None } };
        let (changes, layer) = tokio::join!(self.client.get::<Changes>(&path), read);
        let changes = changes?.unwrap_or_default().0;
        if changes.is_empty() {
            return Ok(());
        }
        let deletes = changes.iter().any(LayerChange::is_deletion);
        if let Some(layer) = layer.filter(|_| !deletes) {
            let now: Value = self.client.get(&paths::container(&object.id)).await?;
            if now.get("State") == before.get("State") {
                kept.is_layer(layer);
                return Ok(());
            }
        }
        let (repository, tag) = self.helpers.layer();
        let path = paths::commit(&object.id, repository, &tag);
        let answer = self.client.call(Method::POST, &path, Some(&json!({}))).await?;
        let outcome = match serde_json::from_slice::<Identified>(&answer) {
            Ok(made) => self.layer(kept, &made.id, &base, deletes).await,
            Err(error) => Err(EngineProblem::unanswered(error)),
        };
        helper::remove_image(&self.client, &format!("{repository}:{tag}")).await;
        outcome
    }

    /// All files of a container whose image is gone: no engine makes an image of it, and nothing else has the files below its layer.
    async fn exported(&self, kept: &mut ObjectKept) -> Result<(), EngineProblem> {
        let reply = self.client.send(Method::GET, &paths::export(&kept.object.id), nothing(), None).await?;
        let name = format!("container-{}{EXPORTED}", kept.at);
        kept.files.push(archive::keep(reply, self.folder, &name, &self.bar).await?);
        kept.object.file = Some(name);
        Ok(())
    }

    /// The topmost layer of a committed image: what the container wrote.
    async fn layer(
        &self,
        kept: &mut ObjectKept,
        image: &str,
        base: &ImageNow,
        deletes: bool,
    ) -> Result<(), EngineProblem> {
        let known: HashSet<String> = base.layers().map(str::to_owned).collect();
        if !deletes && !known.is_empty() {
            let committed: Value = self.client.get(&paths::image(image)).await?;
            if let Some(layer) = self.layer_here(&committed).await {
                kept.is_layer(layer);
                return Ok(());
            }
            let apart = self.save(image, known).await?;
            let top = apart.top_layer();
            match top.as_deref().and_then(|path| apart.blob_at(path)) {
                // Files that were taken away, which no archive copied into a container can say.
                Some(blob) if archive::deletes_files(&self.locked.store, &blob.sha256)? => {}
                Some(blob) => {
                    kept.object.file = Some(format!("layer {}", blob.sha256));
                    kept.files.push(blob.clone());
                    return Ok(());
                }
                None => {}
            }
        }
        let apart = self.save(image, HashSet::new()).await?;
        self.write(kept, &apart)
    }
}

/// Whether no process of a container writes into its layer.
fn is_stopped(container: &Value) -> bool {
    let status = container.get("State").and_then(|state| state.get("Status"));
    matches!(status.and_then(Value::as_str), Some("created" | "exited"))
}

fn digests(image: &Value) -> Result<Vec<String>, EngineProblem> {
    Ok(read::<ImageNow>(image)?.digests().cloned().collect())
}
