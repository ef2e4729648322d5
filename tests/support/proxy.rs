//! Stands between fender and a real engine, writes down each request, and may hold some of them back.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Debug, Default)]
struct Passed {
    requests: Vec<String>,
    /// Requests without an answer yet.
    open: usize,
    /// How often there was a request while no other one was open.
    phases: usize,
}

/// What is done with requests that have this in their path.
#[derive(Clone, Copy)]
struct Held {
    path: &'static str,
    time: Duration,
    /// What they get instead of the engine's answer: a status and a body.
    answer: Option<(&'static str, &'static str)>,
}

pub struct EngineProxy {
    pub socket: PathBuf,
    passed: Arc<Mutex<Passed>>,
}

impl EngineProxy {
    /// Listens on `socket` until the process ends. Requests with `slow` in their path are held back for so long: then those that run at once are seen to.
    pub fn start(socket: &Path, engine: &Path, slow: Option<(&'static str, Duration)>) -> EngineProxy {
        EngineProxy::between(socket, engine, slow.map(|(path, time)| Held { path, time, answer: None }))
    }

    /// The same where requests with `path` in their path get this status and body after that time, and never reach the engine.
    pub fn answering(
        socket: &Path,
        engine: &Path,
        (path, time): (&'static str, Duration),
        answer: (&'static str, &'static str),
    ) -> EngineProxy {
        EngineProxy::between(socket, engine, Some(Held { path, time, answer: Some(answer) }))
    }

    fn between(socket: &Path, engine: &Path, held: Option<Held>) -> EngineProxy {
        let listener = UnixListener::bind(socket).unwrap();
        let passed: Arc<Mutex<Passed>> = Arc::default();
        let (shared, engine) = (passed.clone(), engine.to_path_buf());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (passed, engine) = (shared.clone(), UnixStream::connect(&engine).unwrap());
                thread::spawn(move || pass(client, engine, &passed, held));
            }
        });
        EngineProxy { socket: socket.to_path_buf(), passed }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Method and path of each request, and in how many phases they came, since the last call.
    pub fn take(&self) -> (Vec<String>, usize) {
        let passed = std::mem::take(&mut *self.passed.lock().unwrap());
        (passed.requests, passed.phases)
    }
}

fn pass(client: UnixStream, engine: UnixStream, passed: &Arc<Mutex<Passed>>, held: Option<Held>) {
    let (mut from, mut to) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
    let (open, shared) = (Arc::new(Mutex::new(false)), passed.clone());
    let is_open = open.clone();
    thread::spawn(move || {
        let mut piece = [0; 65536];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            if std::mem::take(&mut *is_open.lock().unwrap()) {
                let mut passed = shared.lock().unwrap();
                passed.open = passed.open.saturating_sub(1);
            }
            if to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut client, mut engine, mut piece) = (client, engine, [0; 65536]);
    while let Ok(length @ 1..) = client.read(&mut piece) {
        let text = String::from_utf8_lossy(&piece[..length]).into_owned();
        let line = text.lines().next().unwrap_or_default();
        if let Some(request) = line.strip_suffix(" HTTP/1.1") {
            let mut passed = passed.lock().unwrap();
            passed.requests.push(request.to_owned());
            passed.phases += usize::from(passed.open == 0);
            passed.open += 1;
            *open.lock().unwrap() = true;
        }
        if let Some(held) = held.filter(|held| line.contains(held.path)) {
            thread::sleep(held.time);
            if let Some((status, body)) = held.answer {
                if std::mem::take(&mut *open.lock().unwrap()) {
                    let mut passed = passed.lock().unwrap();
                    passed.open = passed.open.saturating_sub(1);
                }
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
                if client.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).is_err() {
                    break;
                }
                continue;
            }
        }
        if engine.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    let _ = engine.shutdown(Shutdown::Both);
}
