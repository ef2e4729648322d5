//! The connection to the engine: HTTP over its local socket, or over a pipe that the real client's `system dial-stdio` opens, so
//! that ssh and TLS stay docker's own. Everything fender asks of an engine, reads from it and has done by it goes here.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::body;
use super::paths;
use fender_core::api::{EngineProblem, Version, parse_version};
use fender_core::target::Target;

/// What is sent along with a request.
pub type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// How long an engine may take to accept a connection.
const CONNECTS: Duration = Duration::from_secs(10);
/// How long it may take until its answer begins.
const ANSWERS: Duration = Duration::from_secs(20);
/// The same where it walks through files first.
const MEASURES: Duration = Duration::from_secs(45);

/// The newest API whose answers are known here. Newer engines still speak it.
const NEWEST: Version = (1, 51);

/// An answer whose body is still to be read.
pub struct EngineReply {
    pub headers: HeaderMap,
    body: Incoming,
    client: Arc<Client>,
    sender: SendRequest<RequestBody>,
}

impl EngineReply {
    /// The whole body, of at most as many bytes as a list may have; the connection is used again after it.
    pub async fn bytes(self) -> Result<Bytes, EngineProblem> {
        self.at_most(body::LIST).await
    }

    /// The whole body, of at most `most` bytes.
    pub async fn at_most(mut self, most: usize) -> Result<Bytes, EngineProblem> {
        let bytes = body::whole(&mut self.body, most).await?;
        self.client.put_back(self.sender);
        Ok(bytes)
    }

    /// The whole body as JSON, of at most `most` bytes.
    pub async fn parsed<T: DeserializeOwned + Send + 'static>(mut self, most: usize) -> Result<T, EngineProblem> {
        let value = body::parsed(&mut self.body, most).await?;
        self.client.put_back(self.sender);
        Ok(value)
    }

    /// The next piece of the body; None at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, EngineProblem> {
        body::piece(&mut self.body).await
    }
}

/// The asynchronous side, shared by requests that run at once.
pub struct Client {
    route: Route,
    /// Connections that wait for the next request.
    idle: Mutex<Vec<SendRequest<RequestBody>>>,
    /// `/v1.45`, once the engine has said what it speaks.
    prefix: Mutex<Option<String>>,
}

impl Client {
    fn put_back(&self, sender: SendRequest<RequestBody>) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(sender);
        }
    }

    /// A connection that is ready for a request.
    async fn sender(&self) -> Result<SendRequest<RequestBody>, EngineProblem> {
        loop {
            let waiting = match self.idle.lock() {
                Ok(mut idle) => idle.pop(),
                Err(_) => None,
            };
            let Some(mut sender) = waiting else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        match tokio::time::timeout(CONNECTS, self.connect()).await {
            Ok(sender) => sender,
            Err(_) => Err(EngineProblem::Unanswered(format!("no connection within {} s", CONNECTS.as_secs()))),
        }
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody>, EngineProblem> {
        if let Some(socket) = &self.route.socket {
            let stream = UnixStream::connect(socket).await.map_err(|error| not_connected(&error, socket))?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(EngineProblem::unanswered)?;
            tokio::spawn(connection);
            return Ok(sender);
        }
        let docker = self
            .route
            .docker
            .clone()
            .ok_or_else(|| EngineProblem::Unanswered("there is no docker client to reach it with".into()))?;
        let mut child = tokio::process::Command::new(docker)
            .args(&self.route.globals)
            .args(["system", "dial-stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                EngineProblem::Unanswered(format!("the docker client that reaches it cannot be run: {error}"))
            })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(EngineProblem::Unanswered("the docker client gave no pipe to it".to_owned()));
        };
        let pipe = TokioIo::new(tokio::io::join(output, input));
        let (sender, connection) = handshake(pipe).await.map_err(EngineProblem::unanswered)?;
        tokio::spawn(async move {
            let _ = connection.await;
            let _ = child.kill().await;
        });
        Ok(sender)
    }

    /// Sends one request to this path as it stands; an answer of 300 and above is a problem.
    pub async fn send_as_is(
        self: &Arc<Client>,
        method: Method,
        path: &str,
        body: RequestBody,
        kind: Option<&str>,
    ) -> Result<EngineReply, EngineProblem> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "docker");
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(body).map_err(EngineProblem::unanswered)?;
        let mut sender = self.sender().await?;
        let response = sender.send_request(request).await.map_err(EngineProblem::unanswered)?;
        let status = response.status();
        let (head, body) = response.into_parts();
        let reply = EngineReply { headers: head.headers, body, client: self.clone(), sender };
        if status.is_success() {
            return Ok(reply);
        }
        let bytes = reply.at_most(body::SMALL).await?;
        Err(no(status.as_u16(), &bytes))
    }

    /// The same with the version that is spoken here in front.
    pub async fn send(
        self: &Arc<Client>,
        method: Method,
        path: &str,
        body: RequestBody,
        kind: Option<&str>,
    ) -> Result<EngineReply, EngineProblem> {
        let prefix = self.prefix().await?;
        self.send_as_is(method, &format!("{prefix}{path}"), body, kind).await
    }

    async fn prefix(self: &Arc<Client>) -> Result<String, EngineProblem> {
        if let Ok(known) = self.prefix.lock()
            && let Some(prefix) = &*known
        {
            return Ok(prefix.clone());
        }
        let reply = self.send_as_is(Method::GET, paths::PING, nothing(), None).await?;
        let version = reply
            .headers
            .get("api-version")
            .and_then(|value| parse_version(&String::from_utf8_lossy(value.as_bytes())));
        reply.at_most(body::SMALL).await?;
        // A guess would decide whether a prune takes named volumes.
        let version =
            version.ok_or_else(|| EngineProblem::Unanswered("it does not say which API it speaks".to_owned()))?;
        let (major, minor) = version.min(NEWEST);
        let prefix = format!("/v{major}.{minor}");
        if let Ok(mut known) = self.prefix.lock() {
            *known = Some(prefix.clone());
        }
        Ok(prefix)
    }

    /// The version of the requests that go with a version.
    pub async fn version(self: &Arc<Client>) -> Result<Version, EngineProblem> {
        let prefix = self.prefix().await?;
        parse_version(prefix.trim_start_matches("/v"))
            .ok_or_else(|| EngineProblem::Unanswered("it does not say which API it speaks".to_owned()))
    }

    /// A list, or an object that holds lists, in the version that is spoken here. The answer has to begin and to end in
    /// time.
    pub async fn get<T: DeserializeOwned + Send + 'static>(self: &Arc<Client>, path: &str) -> Result<T, EngineProblem> {
        let begins = if paths::is_measured(path) { MEASURES } else { ANSWERS };
        let asked = self.send(Method::GET, path, nothing(), None);
        let most = if path == paths::INFO { body::SMALL } else { body::LIST };
        match tokio::time::timeout(begins, asked).await {
            Ok(reply) => reply?.parsed(most).await,
            Err(_) => Err(EngineProblem::Unanswered(format!("nothing came within {} s", begins.as_secs()))),
        }
    }

    /// A request with a JSON body, or none, and its answer's bytes.
    pub async fn call(
        self: &Arc<Client>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, EngineProblem> {
        let (body, kind) = match body {
            Some(value) => (whole(value.to_string()), Some("application/json")),
            None => (nothing(), None),
        };
        self.send(method, path, body, kind).await?.bytes().await
    }
}

/// Only two errors say that there is no engine; every other one leaves open what docker's client would find.
fn not_connected(error: &io::Error, socket: &str) -> EngineProblem {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            EngineProblem::NoEngine(format!("{socket}: {error}"))
        }
        io::ErrorKind::PermissionDenied => EngineProblem::NotAllowed(format!("{socket}: {error}")),
        _ => EngineProblem::Unanswered(format!("{socket}: {error}")),
    }
}

/// What an answer that is no success means. Engines give their reason as JSON; what else stands between may say what it
/// likes, and says nothing about the engine.
fn no(status: u16, bytes: &[u8]) -> EngineProblem {
    #[derive(serde::Deserialize)]
    struct Reason {
        message: String,
    }
    match serde_json::from_slice::<Reason>(bytes) {
        // A route that an engine does not have says nothing about the object.
        Ok(reason) if reason.message != "page not found" => EngineProblem::Said { status, message: reason.message },
        _ => EngineProblem::Unanswered(format!("status {status}, without an engine's reason")),
    }
}

/// No body.
pub fn nothing() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there already.
pub fn whole(bytes: impl Into<Bytes>) -> RequestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// How an engine is reached, for another process that reaches it, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    socket: Option<String>,
    docker: Option<OsString>,
    globals: Vec<String>,
}

/// A connection to an engine, with the runtime that its requests run on.
pub struct Connection {
    runtime: Runtime,
    route: Route,
    pub client: Arc<Client>,
}

impl Connection {
    /// Nothing is connected to yet.
    pub fn open(target: &Target, docker: Option<OsString>) -> Result<Connection, EngineProblem> {
        if target.host.is_empty() {
            // Docker's client says so, too, before it asks anything.
            return Err(EngineProblem::NoEngine(format!("there is no context {:?}", target.context)));
        }
        if let Some(socket) = target.socket()
            && let Err(error) = std::fs::metadata(socket)
        {
            return Err(not_connected(&error, socket));
        }
        let socket = target.socket().map(str::to_owned);
        Connection::along(&Route { socket, docker, globals: target.globals.clone() })
    }

    /// The same way again.
    pub fn along(route: &Route) -> Result<Connection, EngineProblem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| EngineProblem::Unanswered(format!("it cannot be asked from here: {error}")))?;
        let route = route.clone();
        let client = Client { route: route.clone(), idle: Mutex::default(), prefix: Mutex::default() };
        Ok(Connection { runtime, route, client: Arc::new(client) })
    }

    /// Whether it leads to a socket of this machine.
    pub fn is_local(&self) -> bool {
        self.route.socket.is_some()
    }

    /// How the engine is reached.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Runs until it is done.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs until it is done, or the patience is over.
    pub fn within<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, EngineProblem>>,
    ) -> Result<T, EngineProblem> {
        self.block_on(async {
            match tokio::time::timeout(patience, work).await {
                Ok(outcome) => outcome,
                Err(_) => Err(EngineProblem::Unanswered(format!("no answer within {} s", patience.as_secs()))),
            }
        })
    }
}
