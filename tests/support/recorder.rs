//! An engine that answers plausibly on a unix socket and writes down each request. It never does anything.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use serde_json::{Value, json};

/// A request as it came, without the version prefix.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
    /// The body as it came, where it is no JSON.
    pub bytes: Vec<u8>,
}

/// What the engine says about itself and its objects.
#[derive(Clone, Debug)]
pub struct Answers {
    pub api: String,
    /// For `GET /images/{name}/json`; null for "no such image".
    pub image: Value,
    pub info: Value,
    pub container: Value,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            api: "1.51".to_owned(),
            image: json!({"Id": format!("sha256:{}", "1".repeat(64)), "RepoTags": ["x:latest"], "RepoDigests": [],
                "Os": "linux", "Architecture": "amd64", "Config": {}, "RootFS": {"Type": "layers", "Layers": []}}),
            info: json!({"ID": "x", "Name": "recorder", "OSType": "linux", "Architecture": "x86_64",
                "ServerVersion": "28.5.2", "Swarm": {"LocalNodeState": "active", "ControlAvailable": true, "NodeID": "n"},
                "Plugins": {}, "SecurityOptions": [], "Driver": "overlay2", "MemTotal": 8_589_934_592_i64,
                "Labels": [], "IndexServerAddress": "https://index.docker.io/v1/"}),
            container: json!({"Id": "4".repeat(64), "Created": "2026-01-01T00:00:00Z", "Name": "/x", "Path": "sh",
                "Args": [], "State": {"Status": "exited", "Running": false, "Paused": false, "ExitCode": 0, "Pid": 0},
                "Image": format!("sha256:{}", "1".repeat(64)),
                "Config": {"Image": "x", "Tty": false, "Labels": {}, "Env": []},
                "HostConfig": {"AutoRemove": false, "Binds": null, "NetworkMode": "bridge", "LogConfig": {"Type": "json-file"}},
                "NetworkSettings": {"Networks": {}}, "Mounts": []}),
        }
    }
}

pub struct Recorder {
    pub socket: PathBuf,
    log: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    /// Listens on `socket` until the process ends.
    pub fn start(socket: &Path, answers: Answers) -> Recorder {
        let listener = UnixListener::bind(socket).expect("the recorder's socket can be made");
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = log.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answers) = (shared.clone(), answers.clone());
                thread::spawn(move || serve(stream, &log, &answers));
            }
        });
        Recorder { socket: socket.to_path_buf(), log }
    }

    /// What was asked since the last call, without `/_ping`.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.log.lock().expect("no thread panics with the log"))
    }
}

fn serve(stream: UnixStream, log: &Mutex<Vec<Recorded>>, answers: &Answers) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let Request { recorded, upgrade } = request;
        if recorded.path != "/_ping" {
            log.lock().expect("no thread panics with the log").push(recorded.clone());
        }
        if upgrade {
            // A hijacked stream (attach, exec): accepted, and ended at once.
            let _ = writer.write_all(
                b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
            );
            return;
        }
        let (status, body, extra) = answer(&recorded, answers);
        let kind =
            if body.first() == Some(&b'{') || body.first() == Some(&b'[') { "application/json" } else { "text/plain" };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nApi-Version: {}\r\nOstype: linux\r\nSwarm: active/manager\r\n{extra}Content-Length: {}\r\n\r\n",
            answers.api,
            body.len()
        );
        let sent = writer.write_all(head.as_bytes());
        if sent.is_err() || (recorded.method != "HEAD" && writer.write_all(&body).is_err()) {
            return;
        }
    }
}

struct Request {
    recorded: Recorded,
    upgrade: bool,
}

fn read_request(reader: &mut BufReader<UnixStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut chunked, mut upgrade) = (0, false, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim_end();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            "upgrade" => upgrade = true,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else {
        body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let unversioned = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) if version.bytes().all(|b| b.is_ascii_digit() || b == b'.') => format!("/{rest}"),
        _ => path.to_owned(),
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    });
    let recorded = Recorded {
        method,
        path: decode(&unversioned),
        query: query.collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        bytes: body,
    };
    Some(Request { recorded, upgrade })
}

fn decode(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'%' if at + 2 < bytes.len() => {
                out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap_or(b'?'));
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[allow(clippy::too_many_lines)] // A table of answers.
fn answer(request: &Recorded, answers: &Answers) -> (u16, Vec<u8>, String) {
    let json = |status: u16, value: Value| (status, value.to_string().into_bytes(), String::new());
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    let id = "4".repeat(64);
    match (request.method.as_str(), parts.as_slice()) {
        (_, ["_ping"]) => (200, b"OK".to_vec(), String::new()),
        (_, ["version"]) => json(
            200,
            json!({"Version": "28.5.2", "ApiVersion": answers.api, "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}),
        ),
        (_, ["info"]) => json(200, answers.info.clone()),
        ("POST", ["containers", "create"]) => json(201, json!({"Id": id, "Warnings": []})),
        (_, ["containers", _, "wait"]) => json(200, json!({"StatusCode": 0})),
        (_, ["containers", "json"] | ["images", "json"]) => json(200, json!([])),
        ("GET", ["containers", _, "json"]) => json(200, answers.container.clone()),
        ("POST", ["containers", _, "exec"]) => json(201, json!({"Id": "e".repeat(64)})),
        ("GET", ["exec", _, "json"]) => json(200, json!({"ID": "e".repeat(64), "Running": false, "ExitCode": 0})),
        ("GET" | "HEAD", ["containers", _, "archive"]) => {
            let stat = json!({"name": "x", "size": 0, "mode": 2_147_484_141_u64, "mtime": "2026-01-01T00:00:00Z", "linkTarget": ""});
            let stat = base64::engine::general_purpose::STANDARD.encode(stat.to_string());
            (200, vec![0; 1024], format!("X-Docker-Container-Path-Stat: {stat}\r\n"))
        }
        ("GET", ["images", .., "json"]) => match &answers.image {
            Value::Null => json(404, json!({"message": "No such image"})),
            image => json(200, image.clone()),
        },
        ("DELETE", ["images", ..]) => json(200, json!([{"Untagged": "x:latest"}])),
        (_, [.., "prune"]) => json(
            200,
            json!({"ContainersDeleted": [], "ImagesDeleted": [], "VolumesDeleted": [], "NetworksDeleted": [],
                "CachesDeleted": [], "SpaceReclaimed": 0}),
        ),
        ("GET", ["volumes"]) => json(200, json!({"Volumes": [], "Warnings": []})),
        ("POST", ["volumes", "create"]) => json(201, json!({"Name": "v", "Driver": "local", "Mountpoint": "/x"})),
        ("GET", ["networks"]) => json(200, json!([])),
        ("POST", ["networks", "create"]) => json(201, json!({"Id": "n".repeat(25)})),
        ("GET", ["networks", name]) => {
            json(200, json!({"Name": name, "Id": "n".repeat(25), "Scope": "local", "Driver": "bridge"}))
        }
        (_, ["system", "df"]) => {
            json(200, json!({"LayersSize": 0, "Images": [], "Containers": [], "Volumes": [], "BuildCache": []}))
        }
        ("GET", ["services" | "nodes" | "secrets" | "configs" | "tasks" | "plugins"]) => json(200, json!([])),
        ("POST", ["services", "create"]) => json(201, json!({"ID": "s".repeat(25)})),
        ("POST", ["secrets" | "configs", "create"]) => json(201, json!({"ID": "c".repeat(25)})),
        ("GET", ["services", _]) => json(
            200,
            json!({"ID": "s".repeat(25), "Version": {"Index": 1}, "Spec": {"Name": "x", "Mode": {"Replicated": {"Replicas": 1}},
                "TaskTemplate": {"ContainerSpec": {"Image": "x"}}}}),
        ),
        ("GET", ["nodes", _]) => json(
            200,
            json!({"ID": "n".repeat(25), "Version": {"Index": 1}, "Spec": {"Role": "worker", "Availability": "active"}}),
        ),
        ("GET", ["swarm"]) => json(
            200,
            json!({"ID": "w".repeat(25), "Version": {"Index": 1}, "Spec": {"Name": "default"}, "JoinTokens": {}}),
        ),
        (_, ["build"]) => json(200, json!({"stream": "ok"})),
        (_, ["auth"]) => json(200, json!({"Status": "Login Succeeded"})),
        (_, ["distribution", ..]) => json(
            200,
            json!({"Descriptor": {"mediaType": "x", "digest": format!("sha256:{}", "1".repeat(64)), "size": 1},
                "Platforms": [{"architecture": "amd64", "os": "linux"}]}),
        ),
        (_, ["commit"]) => json(201, json!({"Id": format!("sha256:{}", "2".repeat(64))})),
        ("POST" | "DELETE" | "PUT", _) => json(200, json!({"Id": id})),
        _ => json(200, json!({})),
    }
}
