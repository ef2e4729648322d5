//! The Engine API for tests: states are built through it, and looked at.

use std::path::Path;

use fender::engine::connection::{Connection, whole};
use fender_core::api::EngineProblem;
use fender_core::target::Target;
use hyper::Method;
use serde_json::{Value, json};

pub struct Api {
    pub connection: Connection,
}

impl Api {
    pub fn new(socket: &Path) -> Api {
        let target = Target { host: format!("unix://{}", socket.display()), ..Target::default() };
        Api { connection: Connection::open(&target, None).expect("the engine's socket is there") }
    }

    pub fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineProblem> {
        let bytes = self.connection.block_on(self.connection.client.call(method, path, body))?;
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.try_call(method.clone(), path, body).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"))
    }

    pub fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Result<Value, EngineProblem> {
        self.try_call(Method::DELETE, path, None)
    }

    /// Sends a tar.
    pub fn send(&self, method: Method, path: &str, tar: Vec<u8>) -> Vec<u8> {
        let sent = async {
            self.connection.client.send(method, path, whole(tar), Some("application/x-tar")).await?.bytes().await
        };
        self.connection.block_on(sent).unwrap_or_else(|problem| panic!("{path}: {problem}")).to_vec()
    }

    /// What these words write to their standard output in a running container. Ten times cheaper than a client for each.
    pub fn exec(&self, container: &str, words: &[&str]) -> Result<String, EngineProblem> {
        let body = json!({"AttachStdout": true, "Cmd": words});
        let made = self.try_call(Method::POST, &format!("/containers/{container}/exec"), Some(&body))?;
        let start = whole(br#"{"Detach":false,"Tty":false}"#.to_vec());
        let path = format!("/exec/{}/start", made["Id"].as_str().unwrap());
        let sent = async {
            self.connection.client.send(Method::POST, &path, start, Some("application/json")).await?.bytes().await
        };
        let answer = self.connection.block_on(sent)?;
        // Each piece of the stream has eight bytes before it: which stream, and how many bytes.
        let (mut out, mut rest) = (Vec::new(), answer.as_ref());
        while let Some((head, more)) = rest.split_first_chunk::<8>() {
            let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let (piece, more) = more.split_at(length);
            out.extend_from_slice(piece);
            rest = more;
        }
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Removes every container, and every volume and network that can be removed.
    pub fn clear(&self) {
        for it in self.get("/containers/json?all=1").as_array().into_iter().flatten() {
            let _ = self.delete(&format!("/containers/{}?force=1&v=1", it["Id"].as_str().unwrap()));
        }
        for it in self.get("/volumes")["Volumes"].as_array().into_iter().flatten() {
            let _ = self.delete(&format!("/volumes/{}", it["Name"].as_str().unwrap()));
        }
        for it in self.get("/networks").as_array().into_iter().flatten() {
            let _ = self.delete(&format!("/networks/{}", it["Id"].as_str().unwrap()));
        }
    }
}

/// A tar with these files.
pub fn tar(files: &[(&str, usize)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, size) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[263..265].copy_from_slice(b"00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        // Different in every file, and not to be compressed away.
        let mut seed =
            name.bytes().fold(88_172_645_463_325_252_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte)) | 1;
        out.extend((0..*size).map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[3]
        }));
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
