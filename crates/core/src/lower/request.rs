//! One request to the Engine API, and where its parts come from.

use serde_json::Value;

use super::body::Body;
use super::origin::Origins;
use super::parts::Parts;
use super::ports::Ports;
use crate::grammar::values;

/// One request other than GET and HEAD.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Without the version prefix.
    pub path: String,
    /// Parameters of the address, in order.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// What the client sends though the API's types have no place for it: a pointer into the body, and the value.
    pub beyond: Vec<(String, Value)>,
    /// The words behind the request as a whole, then behind its parts.
    pub origins: Origins,
    /// Parts of the body by path, such as `HostConfig/Privileged`, with their origins.
    pub parts: Parts,
    /// Ports of a container that the words publish or expose; not in the body's own fields.
    pub ports: Ports,
}

impl Request {
    /// A request without parameters and without a body.
    pub fn new(method: &'static str, path: impl Into<String>, origins: Origins) -> Request {
        Request {
            method,
            path: clean_path(&path.into()),
            query: Vec::new(),
            body: Body::None,
            beyond: Vec::new(),
            origins,
            parts: Parts::default(),
            ports: Ports::default(),
        }
    }

    /// With one more parameter.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Request {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// With one more parameter, if the condition holds.
    pub fn with_if(self, condition: bool, name: &str, value: impl Into<String>) -> Request {
        if condition { self.with(name, value) } else { self }
    }

    /// With this body.
    pub fn body(mut self, body: Body) -> Request {
        self.body = body;
        self
    }

    /// With one more part of the body and its origins.
    pub fn part(mut self, name: impl Into<String>, origins: Origins) -> Request {
        if !origins.is_empty() {
            self.parts.push((name.into(), origins));
        }
        self
    }

    /// The first parameter of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The words behind a part, or behind the whole request.
    pub fn origins_of(&self, part: &str) -> Origins {
        self.parts.get(part).unwrap_or(&self.origins).clone()
    }

    /// Whether method and path fit; `*` stands for one segment, or for the rest where it ends the pattern with `/**`.
    pub fn is(&self, method: &str, pattern: &str) -> bool {
        if self.method != method {
            return false;
        }
        if let Some((before, after)) = pattern.split_once('*') {
            let Some(rest) = self.path.strip_prefix(before) else { return false };
            return match after {
                "" => !rest.is_empty(),
                _ => rest.strip_suffix(after).is_some_and(|middle| !middle.is_empty()),
            };
        }
        self.path == pattern
    }

    /// The name or id between `before` and `after` in the path.
    pub fn object<'a>(&'a self, before: &str, after: &str) -> Option<&'a str> {
        self.path.strip_prefix(before)?.strip_suffix(after)
    }
}

impl Request {
    /// The body as the client sends it, or null.
    pub fn body_json(&self) -> Value {
        let mut json = self.body_without_ports();
        self.ports.write(&mut json);
        json
    }

    /// The same without [`Request::ports`].
    pub fn body_without_ports(&self) -> Value {
        let converted = match &self.body {
            Body::None | Body::Stream | Body::Images(_) => Ok(Value::Null),
            Body::Container(body) => serde_json::to_value(body),
            Body::Update(body) => serde_json::to_value(body),
            Body::Exec(body) => serde_json::to_value(body),
            Body::Network(body) => serde_json::to_value(body),
            Body::Connect(body) => serde_json::to_value(body),
            Body::Disconnect(body) => serde_json::to_value(body),
            Body::Volume(body) => serde_json::to_value(body),
            Body::Service(body) => serde_json::to_value(body),
            Body::SwarmInit(body) => serde_json::to_value(body),
            Body::SwarmJoin(body) => serde_json::to_value(body),
            Body::Json(value) => Ok(value.clone()),
        };
        // Serialising these types cannot fail: they have string keys and no foreign values.
        let mut json = converted.unwrap_or(Value::Null);
        for (pointer, value) in &self.beyond {
            place(&mut json, pointer, value);
        }
        json
    }
}

/// Puts a value where the pointer (`HostConfig/Mounts/0/Type`) says, making objects on the way.
fn place(json: &mut Value, pointer: &str, value: &Value) {
    let mut at = json;
    for key in pointer.split('/') {
        at = match at {
            Value::Array(list) => match key.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Value::Object(serde_json::Map::new());
                }
                match other.as_object_mut() {
                    Some(map) => map.entry(key.to_owned()).or_insert(Value::Null),
                    None => return,
                }
            }
        };
    }
    *at = value.clone();
}

/// The client joins the path from its parts and cleans it, as Go's `path.Join` does.
fn clean_path(path: &str) -> String {
    if path.contains("//") || path.contains("/.") || path.ends_with('/') {
        values::clean(path)
    } else {
        path.to_owned()
    }
}
