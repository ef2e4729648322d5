//! Asks the engine, when a rule needs to know: over the local socket, or through the real client's
//! `system dial-stdio`, so that ssh and TLS stay docker's own.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{InspectContainerOptions, InspectContainerOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use tokio::runtime::Runtime;

use super::target::Target;
use super::{ContainerFacts, EngineFacts, Facts, ImageFacts, Known, MountFacts};

/// How long an engine may take before it counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// An engine that is connected to at the first question.
pub struct Engine {
    target: Target,
    /// The real client, for endpoints that are not a local socket.
    client: Option<OsString>,
    /// What `DOCKER_API_VERSION` says.
    wanted_api: Option<(u32, u32)>,
    connection: OnceCell<Option<Connection>>,
    images: RefCell<HashMap<String, Known<ImageFacts>>>,
    itself: OnceCell<Known<EngineFacts>>,
}

struct Connection {
    runtime: Runtime,
    docker: Docker,
    /// It did not answer once, and is not asked again.
    silent: Cell<bool>,
}

impl Engine {
    pub fn new(target: Target, client: Option<OsString>, wanted_api: Option<&str>) -> Engine {
        Engine {
            target,
            client,
            wanted_api: wanted_api.and_then(version),
            connection: OnceCell::new(),
            images: RefCell::default(),
            itself: OnceCell::new(),
        }
    }

    fn connection(&self) -> Option<&Connection> {
        let connect = || {
            // Without the socket there is nobody to ask, and no need to get ready for it.
            if self.target.socket().is_some_and(|socket| !Path::new(socket).exists()) {
                return None;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            let docker = self.docker(&runtime)?;
            Some(Connection { runtime, docker, silent: Cell::new(false) })
        };
        self.connection.get_or_init(connect).as_ref()
    }

    fn docker(&self, runtime: &Runtime) -> Option<Docker> {
        // Bollard asks without a version in the path until it has negotiated one, and so in the engine's own.
        if let Some(socket) = self.target.socket() {
            return Docker::connect_with_unix(socket, PATIENCE.as_secs(), API_DEFAULT_VERSION).ok();
        }
        let _inside = runtime.enter();
        let (client, globals) = (self.client.clone()?, self.target.globals.clone());
        let transport = move |request: BollardRequest| dial(client.clone(), globals.clone(), request);
        Docker::connect_with_custom_transport(transport, Some("http://docker"), PATIENCE.as_secs(), API_DEFAULT_VERSION)
            .ok()
    }

    fn ask<T, F>(&self, question: impl FnOnce(Docker) -> F) -> Known<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let Some(connection) = self.connection().filter(|connection| !connection.silent.get()) else {
            return Known::Untold;
        };
        // Remote engines are given time for the connection itself.
        let patience = if self.target.is_local() { PATIENCE } else { PATIENCE * 5 };
        let docker = connection.docker.clone();
        match connection.runtime.block_on(async { tokio::time::timeout(patience, question(docker)).await }) {
            Ok(Ok(value)) => Known::Is(value),
            Ok(Err(Error::DockerResponseServerError { status_code: 404, .. })) => Known::Missing,
            Ok(Err(Error::DockerResponseServerError { .. } | Error::JsonDataError { .. })) => Known::Untold,
            Ok(Err(_)) | Err(_) => {
                connection.silent.set(true);
                Known::Untold
            }
        }
    }
}

/// `1.41`, or `1.41. …`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, digits.parse().ok()?))
}

/// One request over a pipe to the engine that the real client opens.
async fn dial(
    client: OsString,
    globals: Vec<String>,
    request: BollardRequest,
) -> Result<hyper::Response<hyper::body::Incoming>, Error> {
    let mut child = tokio::process::Command::new(client)
        .args(globals)
        .args(["system", "dial-stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("the real client gave no pipe").into());
    };
    // Over a pipe there is no server to name but the engine itself.
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().unwrap_or_default();
    head.headers.insert(hyper::header::HOST, hyper::header::HeaderValue::from_static("docker"));
    let request = BollardRequest::from_parts(head, body);
    let pipe = hyper_util::rt::TokioIo::new(tokio::io::join(output, input));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(pipe).await?;
    tokio::spawn(async move {
        let _ = connection.await;
        let _ = child.kill().await;
    });
    Ok(sender.send_request(request).await?)
}

impl Facts for Engine {
    fn image(&self, name: &str) -> Known<ImageFacts> {
        if let Some(known) = self.images.borrow().get(name) {
            return known.clone();
        }
        let answer = self.ask(|docker| async move { docker.inspect_image(name).await });
        let known = answer.map(|image| {
            let config = image.config.unwrap_or_default();
            ImageFacts {
                id: image.id.unwrap_or_default(),
                user: config.user.unwrap_or_default(),
                entrypoint: config.entrypoint.unwrap_or_default(),
                command: config.cmd.unwrap_or_default(),
                volumes: config.volumes.unwrap_or_default(),
                digests: image.repo_digests.unwrap_or_default(),
            }
        });
        self.images.borrow_mut().insert(name.to_owned(), known.clone());
        known
    }

    fn container(&self, name: &str, with_size: bool) -> Known<ContainerFacts> {
        let options: InspectContainerOptions = InspectContainerOptionsBuilder::default().size(with_size).build();
        let answer = self.ask(|docker| async move { docker.inspect_container(name, Some(options)).await });
        answer.map(|container| ContainerFacts {
            name: container.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: container.config.and_then(|config| config.image).unwrap_or_default(),
            running: container.state.and_then(|state| state.running).unwrap_or(false),
            layer_bytes: container.size_rw,
            mounts: container
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(|mount| MountFacts {
                    volume: mount.name.filter(|name| !name.is_empty()),
                    source: mount.source.unwrap_or_default(),
                    destination: mount.destination.unwrap_or_default(),
                    writable: mount.rw.unwrap_or(true),
                })
                .collect(),
        })
    }

    fn engine(&self) -> Known<EngineFacts> {
        let ask = || {
            self.ask(|docker| async move { docker.info().await }).map(|info| EngineFacts {
                name: info.name.unwrap_or_default(),
                labels: info.labels.unwrap_or_default(),
                memory: info.mem_total.unwrap_or(0),
            })
        };
        self.itself.get_or_init(ask).clone()
    }

    fn api_version(&self) -> Known<(u32, u32)> {
        match self.ask(|docker| async move { docker.version().await }) {
            Known::Is(answer) => {
                let versions = answer.api_version.as_deref().and_then(version).into_iter().chain(self.wanted_api);
                versions.min().map_or(Known::Untold, Known::Is)
            }
            // What the words of the environment say holds, whatever the engine.
            _ => self.wanted_api.map_or(Known::Untold, Known::Is),
        }
    }
}
