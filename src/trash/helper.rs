//! What fender makes on an engine to read or write a volume: an empty image, and containers of it that are never started.
//! They carry their maker's mark. They go when they have done their work; should their maker be killed before, another
//! process of fender's removes them (`watcher.rs`), and should that be killed too, the next command that keeps or restores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::direct::{VolumesFolder, may_be_here};
use super::leftovers::{LAYER, REPOSITORY, host, is_left, sweep};
pub use super::leftovers::{remove_container, remove_image, remove_volume};
use super::store::hex;
use super::watcher::Watcher;
use crate::engine::answers::{Identified, VolumePlace};
use crate::engine::connection::{Client, Connection, whole};
use crate::engine::paths;
use crate::environment::host::{birth, random};
use fender_core::api::EngineProblem;

/// Of the name of a volume that nobody can guess.
const RANDOM_BYTES: usize = 32;

/// What this process has on an engine for a moment. Only this makes any of it, so that nothing is made unwatched.
pub struct Helpers {
    client: Arc<Client>,
    mark: String,
    watcher: Watcher,
    /// The empty image, once it is there: a second one would leave the first without a name.
    image: OnceCell<String>,
    /// Where volumes lie on this machine, once it was looked for.
    volumes: OnceCell<Option<VolumesFolder>>,
}

impl Helpers {
    /// Removes what a killed fender left behind, and lets another process watch over this one.
    pub async fn begin(connection: &Connection) -> Helpers {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{process}-{}.{number}", host(), birth(process).unwrap_or_default());
        // What cannot be removed now is in nobody's way here, and is tried again by the next one.
        let _ = sweep(&connection.client, &is_left).await;
        let watcher = Watcher::start(connection.route(), &mark);
        Helpers { client: connection.client.clone(), mark, watcher, image: OnceCell::new(), volumes: OnceCell::new() }
    }

    /// Removes what is left. Where the engine does not let it, the watcher goes on trying.
    pub async fn end(self) {
        let own = |mark: &str| mark == self.mark;
        // What was found is looked for again: only an engine without any of it is clean.
        let clean =
            matches!(sweep(&self.client, &own).await, Ok(0)) || matches!(sweep(&self.client, &own).await, Ok(0));
        if clean {
            self.watcher.done();
        }
    }

    /// A new name for a container that is not whole yet: known for what it is by its name, because its labels are its own.
    pub fn name(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("{REPOSITORY}-{}-{}", self.mark, NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// The repository and a new tag of an image that holds a container's layer for a moment.
    pub fn layer(&self) -> (&'static str, String) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        (REPOSITORY, format!("{}{LAYER}{}", self.mark, NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// An empty image: enough for a container that is never started.
    async fn image(&self) -> Result<&String, EngineProblem> {
        self.image.get_or_try_init(|| self.make_image()).await
    }

    async fn make_image(&self) -> Result<String, EngineProblem> {
        let path = paths::import_image(REPOSITORY, &self.mark);
        // Two blocks of zeros: the end of an archive with nothing in it.
        self.client
            .send(Method::POST, &path, whole(vec![0_u8; 1024]), Some("application/x-tar"))
            .await?
            .bytes()
            .await?;
        Ok(format!("{REPOSITORY}:{}", self.mark))
    }

    /// What asks the engine.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// A container that has the volume at `/v`. An engine that is started anew removes it, for it is never started
    /// (moby `daemon/daemon.go`, restore).
    pub async fn container(&self, volume: &str, read_only: bool) -> Result<String, EngineProblem> {
        let body = json!({
            "Image": self.image().await?, "Cmd": ["never"], "Labels": { REPOSITORY: self.mark }, "NetworkDisabled": true,
            "HostConfig": {
                "NetworkMode": "none", "AutoRemove": true,
                "Mounts": [{"Type": "volume", "Source": volume, "Target": "/v", "ReadOnly": read_only,
                    "VolumeOptions": {"NoCopy": true}}],
            },
        });
        self.create(paths::CREATE_CONTAINER, &body).await
    }

    /// A new empty volume with a random name that nobody else can have chosen before: where it is, and the engine's answer.
    async fn volume(&self) -> Result<VolumePlace, EngineProblem> {
        let random = hex(&random(RANDOM_BYTES)?);
        let name = format!("{REPOSITORY}-{}-{random}", self.mark);
        let body = json!({ "Name": name, "Driver": "local", "Labels": { REPOSITORY: self.mark } });
        let answer = self.client.call(Method::POST, paths::CREATE_VOLUME, Some(&body)).await?;
        let made: VolumePlace = serde_json::from_slice(&answer).map_err(EngineProblem::unanswered)?;
        if made.name == name { Ok(made) } else { Err(EngineProblem::unanswered("it created another volume")) }
    }

    /// The folder of all volumes, if it is certain which folder of this machine that is. It is found out once.
    pub async fn volumes(&self) -> Option<&VolumesFolder> {
        let find = || async {
            if !may_be_here(&self.client).await {
                return None;
            }
            let proof = self.volume().await.ok()?;
            let found = VolumesFolder::proven(&proof).ok().flatten();
            remove_volume(&self.client, &proof.name).await;
            found
        };
        self.volumes.get_or_init(find).await.as_ref()
    }

    /// Any other container, under a helper's name; `platform` is `os/architecture`, None for the engine's own.
    pub async fn create_named(&self, platform: Option<&str>, body: &Value) -> Result<String, EngineProblem> {
        self.create(&paths::create_container(&self.name(), platform), body).await
    }

    async fn create(&self, path: &str, body: &Value) -> Result<String, EngineProblem> {
        let answer = self.client.call(Method::POST, path, Some(body)).await?;
        let made: Identified = serde_json::from_slice(&answer).map_err(EngineProblem::unanswered)?;
        Ok(made.id)
    }
}
