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
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::ChildStderr;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::body;
use super::paths;
use super::reach::{abstract_name, look, not_connected, of_pipe};
use fender_core::api::{EngineProblem, Version, parse_version};
use fender_core::target::Target;

/// What is sent along with a request.
pub type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// How long an engine may take to accept a connection.
const CONNECTS: Duration = Duration::from_secs(10);
/// How long a client that carried a connection may take to say why it ended.
const EXPLAINS: Duration = Duration::from_secs(2);
/// How long it may take until its answer begins.
const ANSWERS: Duration = Duration::from_secs(20);
/// The same where it walks through files first.
const MEASURES: Duration = Duration::from_secs(45);

/// The newest API whose answers are known here. Newer engines still speak it.
const NEWEST: Version = (1, 51);

/// An answer whose body is still to be read.
pub struct EngineReply {
    /// Its headers.
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
    /// What the client that carries the newest connection says on its standard error.
    said: Mutex<Option<JoinHandle<String>>>,
    /// That nobody is at a remote endpoint, once it is known.
    nobody: Mutex<Option<EngineProblem>>,
    /// Short requests take turns: over ssh each connection is a login, of which servers take few at once.
    turns: Semaphore,
}

/// So many short requests run at once.
const AT_ONCE: usize = 8;

/// What a client says on its standard error, until it ends; of what is too much the rest is read and forgotten.
async fn words_of(mut errors: ChildStderr) -> String {
    const MOST: usize = 64 << 10;
    let (mut said, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = errors.read(&mut piece).await {
        said.extend(&piece[..length.min(MOST.saturating_sub(said.len()))]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// A socket as the system names it: one of the abstract kind begins with a zero.
fn socket_path(socket: &str) -> String {
    abstract_name(socket).map_or_else(|| socket.to_owned(), |name| format!("\0{name}"))
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
            let stream =
                UnixStream::connect(socket_path(socket)).await.map_err(|error| not_connected(&error, socket))?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(EngineProblem::unanswered)?;
            tokio::spawn(connection);
            return Ok(sender);
        }
        if let Some(problem) = self.nobody() {
            return Err(problem);
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
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                EngineProblem::Unanswered(format!("the docker client that reaches it cannot be run: {error}"))
            })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(EngineProblem::Unanswered("the docker client gave no pipe to it".to_owned()));
        };
        if let (Some(errors), Ok(mut said)) = (child.stderr.take(), self.said.lock()) {
            *said = Some(tokio::spawn(words_of(errors)));
        }
        let pipe = TokioIo::new(tokio::io::join(output, input));
        let (sender, connection) = handshake(pipe).await.map_err(EngineProblem::unanswered)?;
        tokio::spawn(async move {
            let _ = connection.await;
            let _ = child.kill().await;
        });
        Ok(sender)
    }

    /// What it means that a connection ended without an answer.
    async fn ended(&self, error: &str) -> EngineProblem {
        let task = match self.said.lock() {
            Ok(mut said) => said.take(),
            Err(_) => None,
        };
        let Some(task) = task else { return EngineProblem::unanswered(error) };
        let Ok(Ok(said)) = tokio::time::timeout(EXPLAINS, task).await else { return EngineProblem::unanswered(error) };
        let mut problem = of_pipe(&self.route.host, &said, error);
        if !matches!(problem, EngineProblem::NoEngine(_))
            && let Some(said) = self.what_a_client_says().await
        {
            problem = of_pipe(&self.route.host, &said, error);
        }
        if let (EngineProblem::NoEngine(_), Ok(mut nobody)) = (&problem, self.nobody.lock()) {
            *nobody = Some(problem.clone());
        }
        problem
    }

    /// What a client says that is given nothing to send: one that was sent something may only say that it could not be handed on.
    async fn what_a_client_says(&self) -> Option<String> {
        let mut command = tokio::process::Command::new(self.route.docker.as_ref()?);
        command.args(&self.route.globals).args(["system", "dial-stdio"]).kill_on_drop(true);
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
        match tokio::time::timeout(CONNECTS, output).await {
            Ok(Ok(output)) if !output.status.success() => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
            _ => None,
        }
    }

    /// That nobody is at a remote endpoint is found out once.
    fn nobody(&self) -> Option<EngineProblem> {
        match self.nobody.lock() {
            Ok(nobody) => nobody.clone(),
            Err(_) => None,
        }
    }

    /// The process that opened the engine's socket; None where the engine is not reached by a socket of this machine, or the process is not one
    /// that is seen here.
    pub async fn peer(&self) -> Option<i32> {
        let socket = self.route.socket.as_ref()?;
        let connecting = UnixStream::connect(socket_path(socket));
        let Ok(Ok(stream)) = tokio::time::timeout(CONNECTS, connecting).await else { return None };
        let Ok(peer) = stream.peer_cred() else { return None };
        peer.pid().filter(|process| *process > 0)
    }

    /// Whether it answers at all.
    pub async fn answers(self: &Arc<Client>) -> Result<(), EngineProblem> {
        self.prefix().await.map(|_| ())
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
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => return Err(self.ended(&error.to_string()).await),
        };
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

    /// The version of the requests that go with a version. The answer has to come in time.
    pub async fn version(self: &Arc<Client>) -> Result<Version, EngineProblem> {
        let prefix = match tokio::time::timeout(ANSWERS, self.prefix()).await {
            Ok(prefix) => prefix?,
            Err(_) => return Err(EngineProblem::Unanswered(format!("nothing came within {} s", ANSWERS.as_secs()))),
        };
        parse_version(prefix.trim_start_matches("/v"))
            .ok_or_else(|| EngineProblem::Unanswered("it does not say which API it speaks".to_owned()))
    }

    /// A list, or an object that holds lists, in the version that is spoken here. The answer has to begin and to end in
    /// time.
    pub async fn get<T: DeserializeOwned + Send + 'static>(self: &Arc<Client>, path: &str) -> Result<T, EngineProblem> {
        let _turn = self.turns.acquire().await.map_err(EngineProblem::unanswered)?;
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
        let _turn = self.turns.acquire().await.map_err(EngineProblem::unanswered)?;
        self.send(method, path, body, kind).await?.bytes().await
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
    /// The endpoint, as docker names it.
    host: String,
    socket: Option<String>,
    docker: Option<OsString>,
    globals: Vec<String>,
}

/// A connection to an engine, with the runtime that its requests run on.
pub struct Connection {
    runtime: Runtime,
    route: Route,
    /// What sends the requests.
    pub client: Arc<Client>,
}

impl Connection {
    /// Nothing is connected to yet.
    pub fn open(target: &Target, docker: Option<OsString>) -> Result<Connection, EngineProblem> {
        if target.host.is_empty() {
            // Docker's client says so, too, before it asks anything.
            return Err(EngineProblem::NoEngine(format!("there is no context {:?}", target.context)));
        }
        if let Some(socket) = target.socket() {
            look(socket)?;
        }
        let socket = target.socket().map(str::to_owned);
        Connection::along(&Route { host: target.host.clone(), socket, docker, globals: target.globals.clone() })
    }

    /// The same way again.
    pub fn along(route: &Route) -> Result<Connection, EngineProblem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| EngineProblem::Unanswered(format!("it cannot be asked from here: {error}")))?;
        let route = route.clone();
        let client = Client {
            route: route.clone(),
            idle: Mutex::default(),
            prefix: Mutex::default(),
            said: Mutex::default(),
            nobody: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        };
        Ok(Connection { runtime, route, client: Arc::new(client) })
    }

    /// Whether it leads to a socket of this machine.
    pub fn is_local(&self) -> bool {
        self.route.socket.is_some()
    }

    /// So many objects are kept, deleted or restored at once. Over ssh each connection is a login, of which servers take few at once.
    pub fn objects_at_once(&self) -> usize {
        if self.is_local() { AT_ONCE } else { 2 }
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
