//! An engine with protected objects and labels that misbehaves at one request. It deletes nothing and writes down what
//! would have changed something.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without an answer.
    Closed,
    /// The answer ends in the middle.
    Cut,
    /// It is no HTTP.
    Garbage,
    /// It is no JSON.
    Malformed,
    /// It is JSON of another shape.
    WrongShape,
    /// A list in an object where the objects should be, as `"Volumes":{"a":1}`.
    WrongLists,
    /// An empty object.
    Empty,
    /// The answer of an engine with another id.
    AnotherEngine,
    /// The right object, in which every value is null.
    Nulls,
    /// A page of a proxy with this status.
    Page(u16),
    /// A reason in JSON with this status.
    Reason(u16),
    /// It goes on for ever: blanks, one text, or objects.
    Endless(&'static str),
    /// It never comes.
    Silence,
    /// It comes after this many milliseconds.
    Late(u64),
}

#[derive(Debug, Default)]
struct Seen {
    /// Requests so far, each with its path.
    requests: Vec<String>,
    changes: Vec<String>,
}

/// What misbehaves: a request by its number, all from a number on, or all to a path.
#[derive(Clone, Copy, Debug)]
pub enum At {
    Never,
    Number(usize),
    From(usize),
}

pub struct Faulty {
    seen: Arc<Mutex<Seen>>,
}

impl Faulty {
    /// Listens on `socket` until the process ends.
    pub fn start(socket: &Path, labels: &'static [&'static str], at: At, fault: Fault) -> Faulty {
        Faulty::on(UnixListener::bind(socket).expect("the socket can be made"), labels, at, fault)
    }

    /// Answers on any kind of socket.
    pub fn on(listener: UnixListener, labels: &'static [&'static str], at: At, fault: Fault) -> Faulty {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = shared.clone();
                thread::spawn(move || serve(stream, &seen, labels, at, fault));
            }
        });
        Faulty { seen }
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().requests.len()
    }

    /// All requests, in their order.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// Requests that would have changed something.
    pub fn changes(&self) -> Vec<String> {
        self.seen.lock().unwrap().changes.clone()
    }
}

fn serve(stream: UnixStream, seen: &Mutex<Seen>, labels: &[&str], at: At, fault: Fault) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some((method, path)) = read_request(&mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.requests.push(format!("{method} {path}"));
            if method != "GET" && method != "HEAD" {
                seen.changes.push(format!("{method} {path}"));
            }
            seen.requests.len()
        };
        let wrong = match at {
            At::Never => false,
            At::Number(wanted) => number == wanted,
            At::From(first) => number >= first,
        };
        // The answer to HEAD ends with its headers.
        let length = if method == "HEAD" { 0 } else { usize::MAX };
        let body = answer(&path, labels).to_string();
        let done = match wrong {
            false => send(&mut writer, 200, &body, length),
            true => misbehave(&mut writer, fault, &body, length),
        };
        if done.is_err() {
            return;
        }
    }
}

/// An answer with at most `length` bytes of its body.
fn send(writer: &mut UnixStream, status: u16, body: &str, length: usize) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nApi-Version: 1.51\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    writer.write_all(head.as_bytes())?;
    writer.write_all(&body.as_bytes()[..body.len().min(length)])
}

fn misbehave(writer: &mut UnixStream, fault: Fault, body: &str, length: usize) -> std::io::Result<()> {
    let closed = || Err(std::io::ErrorKind::ConnectionAborted.into());
    match fault {
        Fault::Closed => closed(),
        Fault::Cut => {
            let head = format!("HTTP/1.1 200 X\r\nApi-Version: 1.51\r\nContent-Length: {}\r\n\r\n", body.len());
            writer.write_all(head.as_bytes())?;
            writer.write_all(&body.as_bytes()[..body.len() / 2])?;
            closed()
        }
        Fault::Garbage => {
            writer.write_all(b"\0\0\0\x12\x04\0\0\0\0\0 not http")?;
            closed()
        }
        Fault::Malformed => send(writer, 200, "[{\"Id\":", length),
        Fault::WrongShape => send(writer, 200, "\"fine\"", length),
        Fault::AnotherEngine => send(writer, 200, &body.replace("the-engine", "another-engine"), length),
        Fault::WrongLists => send(writer, 200, r#"{"Volumes":{"a":1},"Labels":{"a":1},"ID":7}"#, length),
        Fault::Empty => send(writer, 200, "{}", length),
        Fault::Nulls => send(writer, 200, &nulls(body), length),
        Fault::Page(status) => send(writer, status, "<html>not for you</html>", length),
        Fault::Reason(status) => send(writer, status, r#"{"message":"page not found"}"#, length),
        Fault::Endless(text) => {
            writer.write_all(b"HTTP/1.1 200 X\r\nApi-Version: 1.51\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            writer.write_all(b"2\r\n[ \r\n")?;
            let piece = text.repeat(65_536 / text.len());
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            loop {
                writer.write_all(chunk.as_bytes())?;
            }
        }
        Fault::Silence => {
            thread::sleep(Duration::from_secs(300));
            closed()
        }
        Fault::Late(milliseconds) => {
            thread::sleep(Duration::from_millis(milliseconds));
            send(writer, 200, body, length)
        }
    }
}

fn nulls(body: &str) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap_or_default();
    let objects = match &mut body {
        Value::Array(list) => list.iter_mut().collect(),
        other => vec![other],
    };
    for value in objects.into_iter().filter_map(Value::as_object_mut).flat_map(|object| object.values_mut()) {
        *value = Value::Null;
    }
    body.to_string()
}

/// Method and path without the version and the query.
fn read_request(reader: &mut BufReader<UnixStream>) -> Option<(String, String)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let path = target.split('?').next()?.to_owned();
    let path = match path.strip_prefix("/v1.").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => format!("/{rest}"),
        None => path,
    };
    Some((method, path))
}

fn protected() -> Value {
    json!({"fender.protect": "customer data"})
}

fn answer(path: &str, labels: &[&str]) -> Value {
    let id = |letter: &str| letter.repeat(64);
    let volume = json!({"Name": "data", "Driver": "local", "Labels": protected(), "Options": null,
        "CreatedAt": "2026-01-01T00:00:00Z", "Mountpoint": "/x", "Scope": "local"});
    let spare = json!({"Name": "spare", "Driver": "local", "Labels": null, "Options": null,
        "CreatedAt": "2026-01-01T00:00:00Z", "Mountpoint": "/y", "Scope": "local"});
    let mounts = json!([{"Type": "volume", "Name": "data", "Source": "/x", "Destination": "/d", "RW": true}]);
    match path {
        "/_ping" => json!("OK"),
        "/version" => json!({"ApiVersion": "1.51", "MinAPIVersion": "1.24", "Version": "28.5.2"}),
        "/info" => json!({"ID": "the-engine", "Name": "build-7", "Labels": labels, "MemTotal": 8_000_000_000_i64,
            "DriverStatus": [], "SystemTime": "2026-11-26T00:00:00Z", "Swarm": {"ControlAvailable": false}}),
        "/containers/json" => {
            json!([{"Id": id("a"), "Names": ["/web"], "Image": "x:1", "ImageID": format!("sha256:{}", id("c")),
            "Labels": protected(), "Created": 1_700_000_000, "State": "exited", "Status": "Exited", "Mounts": mounts,
            "NetworkSettings": {"Networks": {}}, "SizeRw": 10}])
        }
        "/volumes" => json!({"Volumes": [volume, spare], "Warnings": null}),
        "/volumes/data" => volume,
        "/volumes/spare" => spare,
        "/networks" => {
            json!([{"Id": id("b"), "Name": "net", "Labels": protected(), "Driver": "bridge", "Scope": "local"}])
        }
        "/images/json" => {
            json!([{"Id": format!("sha256:{}", id("c")), "ParentId": "", "RepoTags": ["x:1"], "RepoDigests": [],
            "Labels": protected(), "Created": 1_700_000_000, "Size": 10, "SharedSize": 0}])
        }
        "/system/df" => {
            json!({"LayersSize": 0, "Images": null, "Containers": null, "Volumes": [volume, spare], "BuildCache": null})
        }
        path if path.starts_with("/containers/") => json!({"Id": id("a"), "Name": "/web", "State": {"Running": false},
            "Config": {"Image": "x:1"}, "HostConfig": {"Binds": ["data:/d"]}, "Mounts": mounts, "SizeRw": 10}),
        path if path.starts_with("/images/") => {
            json!({"Id": format!("sha256:{}", id("c")), "RepoTags": ["x:1"], "RepoDigests": [], "Config": {}})
        }
        _ => json!({}),
    }
}
