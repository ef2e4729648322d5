//! A raw request to the Engine API, lowered to the same effects as the command line that makes it.
//!
//! A part of the body is its own origin. What the engine would not take, or what is not understood here, is said as an argument that
//! docker's tables do not know would be.

use bollard_stubs::models::{ContainerCreateBody, HostConfig};
use serde_json::Value;

use super::effect::{Effect, Lowered};
use super::http_body::read_body;
use super::{Body, Origin, Origins, PredictedOperation, Request};
use crate::grammar::parse::Refusal;
use crate::text::part;

/// Query parameters that the engine reads as `BoolValue`: moby `daemon/server/httputils/form.go`.
const SWITCHES: &[&str] = &["all", "force", "link", "noprune", "v"];

/// What a request would do. `target` is the request's target as it goes over the wire, with its version and its query.
pub fn lower_http(method: &str, target: &str, body: &[u8]) -> Lowered {
    let method = match method {
        "GET" | "HEAD" | "OPTIONS" => return Lowered::default(),
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        other => return not_understood(&format!("the method {other} is not one of the Engine API")),
    };
    match request(method, target, body) {
        Ok(request) if request.is("POST", "/grpc") => {
            let effect = Effect::Does { operation: PredictedOperation::RawApi, origins: whole() };
            Lowered { effects: vec![effect], command: whole(), ..Lowered::default() }
        }
        Ok(request) => Lowered { effects: vec![Effect::Request(request)], command: whole(), ..Lowered::default() },
        Err(problem) => not_understood(&problem),
    }
}

/// The request as a whole.
fn whole() -> Origins {
    vec![Origin::Request("".into())]
}

fn not_understood(problem: &str) -> Lowered {
    let refusal = Refusal { text: problem.to_owned(), unknown: true, word: None };
    Lowered { refusal: Some(refusal), command: whole(), blind: true, ..Lowered::default() }
}

fn request(method: &'static str, target: &str, body: &[u8]) -> Result<Request, String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // The absolute form names the engine first.
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| part(rest, at..)),
        None => path,
    };
    let path = decoded(path, false);
    let mut request = Request::new(method, without_version(&path), whole());
    request.query = pairs(query);
    request.body = match typed(&request, body)? {
        Some(body) => body,
        None => match serde_json::from_slice::<Value>(body) {
            Ok(value) => Body::Json(value),
            Err(_) if body.is_empty() => Body::None,
            Err(_) => {
                // The engine reads parameters from a form, too.
                if let Ok(form) = std::str::from_utf8(body) {
                    request.query.extend(pairs(form));
                }
                Body::Stream
            }
        },
    };
    request.query = std::mem::take(&mut request.query).into_iter().filter_map(as_the_client_says).collect();
    point(&mut request);
    Ok(request)
}

/// The body of a request whose type the API names.
fn typed(request: &Request, body: &[u8]) -> Result<Option<Body>, String> {
    let posts = |pattern: &str| request.is("POST", pattern);
    Ok(Some(if posts("/containers/create") {
        Body::Container(Box::new(container(body)?))
    } else if posts("/containers/*/update") {
        Body::Update(Box::new(read_body(body)?))
    } else if posts("/containers/*/exec") {
        Body::Exec(Box::new(read_body(body)?))
    } else if posts("/networks/create") {
        Body::Network(Box::new(read_body(body)?))
    } else if posts("/networks/*/connect") {
        Body::Connect(Box::new(read_body(body)?))
    } else if posts("/networks/*/disconnect") {
        Body::Disconnect(read_body(body)?)
    } else if posts("/volumes/create") {
        Body::Volume(Box::new(read_body(body)?))
    } else if posts("/services/create") || posts("/services/*/update") {
        Body::Service(Box::new(read_body(body)?))
    } else if posts("/swarm/init") {
        Body::SwarmInit(Box::new(read_body(body)?))
    } else if posts("/swarm/join") {
        Body::SwarmJoin(Box::new(read_body(body)?))
    } else {
        return Ok(None);
    }))
}

/// Old engines take settings of `HostConfig` beside it as well: all of them where it is missing, and a few where they are not set in
/// it. moby 20.10 `runconfig/config_unix.go`, `getHostConfig`.
fn container(body: &[u8]) -> Result<ContainerCreateBody, String> {
    let mut created: ContainerCreateBody = read_body(body)?;
    let beside: HostConfig = read_body(body)?;
    match &mut created.host_config {
        None => created.host_config = Some(beside),
        Some(inside) => {
            let unset = |number: Option<i64>| number.unwrap_or(0) == 0;
            if unset(inside.memory) {
                inside.memory = beside.memory;
            }
            if unset(inside.memory_swap) {
                inside.memory_swap = beside.memory_swap;
            }
            if inside.volume_driver.as_deref().unwrap_or_default().is_empty() {
                inside.volume_driver = beside.volume_driver;
            }
        }
    }
    Ok(created)
}

/// A parameter as docker's client sends it: a switch that is on is 1 and one that is off is not there, and filters are objects.
fn as_the_client_says((name, value): (String, String)) -> Option<(String, String)> {
    if SWITCHES.contains(&name.as_str()) {
        let off = matches!(value.trim().to_lowercase().as_str(), "" | "0" | "no" | "false" | "none");
        return (!off).then(|| (name, "1".to_owned()));
    }
    if name != "filters" {
        return Some((name, value));
    }
    let Ok(Value::Object(filters)) = serde_json::from_str(&value) else { return Some((name, value)) };
    let as_object = |values: Value| match values {
        Value::Array(list) => {
            Value::Object(list.iter().filter_map(|it| Some((it.as_str()?.to_owned(), Value::Bool(true)))).collect())
        }
        values => values,
    };
    let filters = filters.into_iter().map(|(name, values)| (name, as_object(values))).collect();
    Some((name, Value::Object(filters).to_string()))
}

/// Every part of the body by its JSON pointer, under the names that rules ask for.
fn point(request: &mut Request) {
    let body = request.body_without_ports();
    let places: &[&str] = match request.body {
        Body::Container(_) => &["", "/HostConfig"],
        Body::Service(_) => &["", "/TaskTemplate/ContainerSpec"],
        _ => &[""],
    };
    for place in places {
        let Some(Value::Object(fields)) = body.pointer(place) else { continue };
        for (key, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let pointer = format!("{place}/{key}");
            let mut add = |part: String, below: &str| {
                let pointer = if below.is_empty() { pointer.clone() } else { format!("{pointer}/{below}") };
                request.parts.push((part, vec![Origin::Request(pointer.into())]));
            };
            add(key.clone(), "");
            match value {
                Value::Array(items) => {
                    for (at, item) in items.iter().enumerate() {
                        add(format!("{key}/{at}"), &at.to_string());
                        if let Some(text) = item.as_str() {
                            add(format!("{key}/{text}"), &at.to_string());
                            add(format!("{key}/{}", text.split('=').next().unwrap_or_default()), &at.to_string());
                        }
                    }
                }
                Value::Object(entries) => {
                    for name in entries.keys() {
                        add(format!("{key}/{name}"), &name.replace('~', "~0").replace('/', "~1"));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Without `/v1.47` in front.
fn without_version(path: &str) -> &str {
    let Some(rest) = path.trim_start_matches('/').strip_prefix('v') else { return path };
    let (version, after) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let is_version = version.contains('.') && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_version { after } else { path }
}

/// The parameters of a query or a form.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name, true), decoded(value, true))
        })
        .collect()
}

/// Percent-encoding undone; in a query `+` is a blank.
fn decoded(text: &str, is_query: bool) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', ..) if is_query => out.push(b' '),
            (byte, ..) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(method: &str, target: &str, body: &[u8]) -> Request {
        let lowered = lower_http(method, target, body);
        match lowered.effects.into_iter().next() {
            Some(Effect::Request(request)) => request,
            other => panic!("{method} {target}: {other:?}"),
        }
    }

    #[test]
    fn a_target_in_every_spelling() {
        for target in [
            "/containers/create?name=a%20b",
            "/v1.47/containers/create?name=a+b",
            "/v1.41/%63ontainers/create?name=a b",
            "http://docker/v1.47/containers/create?name=a%20b",
            "//containers//create?name=a%20b",
        ] {
            let request = one("POST", target, b"{}");
            assert_eq!((request.path.as_str(), request.value("name")), ("/containers/create", Some("a b")), "{target}");
        }
        assert_eq!(one("DELETE", "/volumes/v1.5", b"").path, "/volumes/v1.5");
    }

    #[test]
    fn parameters_are_said_as_the_client_says_them() {
        let request = one("DELETE", "/containers/web?force=true&v=False&link=none", b"");
        assert_eq!(request.query, [("force".to_owned(), "1".to_owned())]);
        let request = one("POST", "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D", b"");
        assert_eq!(request.value("filters"), Some(r#"{"all":{"true":true}}"#));
        let request = one("POST", "/volumes/prune", b"filters=%7B%22all%22%3A%5B%22true%22%5D%7D");
        assert_eq!(request.value("filters"), Some(r#"{"all":{"true":true}}"#));
    }

    #[test]
    fn parts_of_a_body_have_pointers() {
        let body = br#"{"Env":["A=1"],"hostconfig":{"Privileged":true,"PortBindings":{"80/tcp":[]}}}"#;
        let request = one("POST", "/containers/create", body);
        for (part, pointer) in [
            ("Env/A", "/Env/0"),
            ("Privileged", "/HostConfig/Privileged"),
            ("PortBindings/80/tcp", "/HostConfig/PortBindings/80~1tcp"),
            ("Memory", ""),
        ] {
            assert_eq!(request.origins_of(part), [Origin::Request(pointer.into())], "{part}");
        }
    }

    #[test]
    fn reading_does_nothing_and_the_rest_is_not_guessed_at() {
        assert!(lower_http("GET", "/containers/json?all=1", b"").effects.is_empty());
        for (method, body) in
            [("PATCH", &b"{}"[..]), ("POST", b"{"), ("POST", br#"{"HostConfig":{"Privileged":"yes"}}"#)]
        {
            let lowered = lower_http(method, "/containers/create", body);
            assert!(lowered.refusal.is_some_and(|refusal| refusal.unknown) && lowered.effects.is_empty(), "{method}");
        }
    }

    #[test]
    fn settings_beside_the_hosts_part_count_for_old_engines() {
        let body = |text: &str| match one("POST", "/v1.24/containers/create", text.as_bytes()).body {
            Body::Container(body) => body.host_config.unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        assert_eq!(body(r#"{"Image":"a","Privileged":true}"#).privileged, Some(true));
        assert_eq!(body(r#"{"Privileged":true,"HostConfig":{}}"#).privileged, None);
        assert_eq!(body(r#"{"Memory":5,"HostConfig":{}}"#).memory, Some(5));
    }
}
