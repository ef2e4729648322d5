//! The line to the engine: HTTP over its local socket, or over a pipe that the real client's `system dial-stdio` opens, so
//! that ssh and TLS stay docker's own. Everything fender asks of an engine, reads from it and has done by it goes here.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::ffi::OsString;
use std::io;
use std::path::Path;
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
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::api::{Problem, Version, parse_version};
use crate::target::Target;

/// What is sent along with a request.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How long an engine may take to accept a connection.
const CONNECTS: Duration = Duration::from_secs(10);

/// The newest API whose answers are known here. Newer engines still speak it.
const NEWEST: Version = (1, 51);

/// An answer whose body is still to be read.
pub struct Reply {
    pub headers: HeaderMap,
    body: Incoming,
    link: Arc<Link>,
    sender: SendRequest<Body>,
}

impl Reply {
    /// The whole body; the connection is used again after it.
    pub async fn bytes(self) -> Result<Bytes, Problem> {
        let bytes = self.body.collect().await.map_err(Problem::silent)?.to_bytes();
        self.link.put_back(self.sender);
        Ok(bytes)
    }

    /// The next piece of the body; None at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Problem::silent(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// The asynchronous side, shared by requests that run at once.
pub struct Link {
    socket: Option<String>,
    client: Option<OsString>,
    globals: Vec<String>,
    /// Connections that wait for the next request.
    idle: Mutex<Vec<SendRequest<Body>>>,
    /// `/v1.45`, once the engine has said what it speaks.
    prefix: Mutex<Option<String>>,
}

impl Link {
    fn put_back(&self, sender: SendRequest<Body>) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(sender);
        }
    }

    /// A connection, and whether it is a new one.
    async fn sender(&self) -> Result<(SendRequest<Body>, bool), Problem> {
        loop {
            let waiting = self.idle.lock().ok().and_then(|mut idle| idle.pop());
            let Some(mut sender) = waiting else { break };
            if sender.ready().await.is_ok() {
                return Ok((sender, false));
            }
        }
        match tokio::time::timeout(CONNECTS, self.connect()).await {
            Ok(sender) => sender.map(|sender| (sender, true)),
            Err(_) => Err(Problem::Unreachable("no connection in ten seconds".to_owned())),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, Problem> {
        if let Some(socket) = &self.socket {
            let stream = UnixStream::connect(socket).await.map_err(|error| Problem::Unreachable(error.to_string()))?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(Problem::silent)?;
            tokio::spawn(connection);
            return Ok(sender);
        }
        let client = self
            .client
            .clone()
            .ok_or_else(|| Problem::Unreachable("there is no docker client to go through".into()))?;
        let mut child = tokio::process::Command::new(client)
            .args(&self.globals)
            .args(["system", "dial-stdio"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Problem::Unreachable(error.to_string()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Problem::Unreachable("the real client gave no pipe".to_owned()));
        };
        let pipe = TokioIo::new(tokio::io::join(output, input));
        let (sender, connection) = handshake(pipe).await.map_err(Problem::silent)?;
        tokio::spawn(async move {
            let _ = connection.await;
            let _ = child.kill().await;
        });
        Ok(sender)
    }

    /// Sends one request to this path as it stands; an answer of 400 and above is a problem.
    pub async fn send_as_is(
        self: &Arc<Link>,
        method: Method,
        path: &str,
        body: Body,
        kind: Option<&str>,
    ) -> Result<Reply, Problem> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "docker");
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(body).map_err(Problem::silent)?;
        let (mut sender, is_new) = self.sender().await?;
        let response = sender.send_request(request).await.map_err(|error| match is_new && self.socket.is_none() {
            // The client that opens the pipe ends at once where it finds no engine behind it.
            true => Problem::Unreachable(error.to_string()),
            false => Problem::silent(error),
        })?;
        let status = response.status();
        let (head, body) = response.into_parts();
        let reply = Reply { headers: head.headers, body, link: self.clone(), sender };
        if status.as_u16() < 400 {
            return Ok(reply);
        }
        let bytes = reply.bytes().await?;
        let message = serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|value| value.get("message").and_then(Value::as_str).map(str::to_owned))
            .unwrap_or_else(|| String::from_utf8_lossy(&bytes).trim().to_owned());
        Err(Problem::Said { status: status.as_u16(), message })
    }

    /// The same with the version that is spoken here in front.
    pub async fn send(
        self: &Arc<Link>,
        method: Method,
        path: &str,
        body: Body,
        kind: Option<&str>,
    ) -> Result<Reply, Problem> {
        let prefix = self.prefix().await?;
        self.send_as_is(method, &format!("{prefix}{path}"), body, kind).await
    }

    async fn prefix(self: &Arc<Link>) -> Result<String, Problem> {
        if let Some(prefix) = self.prefix.lock().ok().and_then(|known| known.clone()) {
            return Ok(prefix);
        }
        let reply = self.send_as_is(Method::GET, "/_ping", nothing(), None).await?;
        let version = reply.headers.get("api-version").and_then(|value| value.to_str().ok()).and_then(parse_version);
        reply.bytes().await?;
        let (major, minor) = version.unwrap_or(NEWEST).min(NEWEST);
        let prefix = format!("/v{major}.{minor}");
        if let Ok(mut known) = self.prefix.lock() {
            *known = Some(prefix.clone());
        }
        Ok(prefix)
    }

    /// The version of the requests that go with a version.
    pub async fn version(self: &Arc<Link>) -> Result<Version, Problem> {
        let prefix = self.prefix().await?;
        Ok(parse_version(prefix.trim_start_matches("/v")).unwrap_or(NEWEST))
    }

    pub async fn get<T: DeserializeOwned>(self: &Arc<Link>, path: &str) -> Result<T, Problem> {
        let bytes = self.send(Method::GET, path, nothing(), None).await?.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Problem::Silent(format!("GET {path}: {error}")))
    }

    /// A request with a JSON body, or none, and its answer's bytes.
    pub async fn call(self: &Arc<Link>, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, Problem> {
        let (body, kind) = match body {
            Some(value) => (whole(value.to_string()), Some("application/json")),
            None => (nothing(), None),
        };
        self.send(method, path, body, kind).await?.bytes().await
    }
}

/// No body.
pub fn nothing() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there already.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A name or id as one segment of a path; slashes and colons of image names stay as docker sends them.
pub fn segment(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A text as the value of a query.
pub fn value(text: &str) -> String {
    segment(text).replace('/', "%2F").replace(':', "%3A").replace('@', "%40")
}

/// The line, and what drives it.
pub struct Wire {
    runtime: Runtime,
    pub link: Arc<Link>,
}

impl Wire {
    /// None where there is nobody to ask: no socket at the endpoint.
    pub fn open(target: &Target, client: Option<OsString>) -> Option<Wire> {
        if target.socket().is_some_and(|socket| !Path::new(socket).exists()) {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let link = Link {
            socket: target.socket().map(str::to_owned),
            client,
            globals: target.globals.clone(),
            idle: Mutex::default(),
            prefix: Mutex::default(),
        };
        Some(Wire { runtime, link: Arc::new(link) })
    }

    /// Runs until it is done.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs until it is done, or the patience is over.
    pub fn within<T>(&self, patience: Duration, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        self.block_on(async {
            match tokio::time::timeout(patience, work).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Problem::Silent(format!("nothing in {} s", patience.as_secs()))),
            }
        })
    }
}
