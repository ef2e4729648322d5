//! The ports of a container as they were written. A range is kept as a range until the body of the request is written, so
//! that `-p 1-65535:1-65535` costs no more than `-p 80:80` to judge.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::Origins;
use crate::grammar::values::Published;

/// What `--publish` and `--expose` say.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// Each with the words that publish it.
    pub published: Vec<(Published, Origins)>,
    /// Ranges that are exposed and not published: first port, last port, protocol.
    pub exposed: Vec<(u16, u16, String)>,
}

/// The object under a key, made where there is none.
fn object<'v>(map: &'v mut Map<String, Value>, key: &str) -> &'v mut Map<String, Value> {
    let value = map.entry(key.to_owned()).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(inside) => inside,
        _ => unreachable!("it was made an object"),
    }
}

impl Ports {
    /// Writes `ExposedPorts` and `HostConfig.PortBindings` into the body of a create request.
    pub fn write(&self, body: &mut Value) {
        let Some(body) = body.as_object_mut() else { return };
        if self.published.is_empty() && self.exposed.is_empty() {
            return;
        }
        let exposed = object(body, "ExposedPorts");
        for (first, last, protocol) in &self.exposed {
            exposed.extend((*first..=*last).map(|port| (format!("{port}/{protocol}"), json!({}))));
        }
        for mapping in self.published.iter().flat_map(|(published, _)| published.mappings()) {
            exposed.insert(mapping.port, json!({}));
        }
        let bindings = object(object(body, "HostConfig"), "PortBindings");
        for mapping in self.published.iter().flat_map(|(published, _)| published.mappings()) {
            let binding = json!({"HostIp": mapping.host_ip, "HostPort": mapping.host_port});
            if let Some(list) = bindings.entry(mapping.port).or_insert_with(|| json!([])).as_array_mut() {
                list.push(binding);
            }
        }
    }

    /// Whether two containers have the same ports; with `any_address` also where only addresses of the host differ.
    pub fn same(&self, other: &Ports, any_address: bool) -> bool {
        let shape = |ports: &Ports| -> Vec<Published> {
            let bare = ports.published.iter().map(|(published, _)| published.clone());
            bare.map(|published| match any_address {
                true => Published { host_ip: String::new(), ..published },
                false => published,
            })
            .collect()
        };
        let exposed = |ports: &Ports| ports.exposed.iter().cloned().collect::<HashSet<_>>();
        shape(self) == shape(other) && exposed(self) == exposed(other)
    }
}
