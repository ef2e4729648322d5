//! What a request carries, in the Engine API's own types.

use bollard_stubs::models::{
    ContainerCreateBody, ContainerUpdateBody, ExecConfig, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, ServiceSpec, SwarmInitRequest, SwarmJoinRequest, VolumeCreateRequest,
};
use serde_json::Value;

use super::Request;

#[derive(Clone, Debug, Default)]
pub enum Body {
    #[default]
    None,
    Container(Box<ContainerCreateBody>),
    Update(Box<ContainerUpdateBody>),
    Exec(Box<ExecConfig>),
    Network(Box<NetworkCreateRequest>),
    Connect(Box<NetworkConnectRequest>),
    Disconnect(NetworkDisconnectRequest),
    Volume(Box<VolumeCreateRequest>),
    Service(Box<ServiceSpec>),
    SwarmInit(Box<SwarmInitRequest>),
    SwarmJoin(Box<SwarmJoinRequest>),
    /// A body for which the API has no named type, or that the client sends as plain JSON.
    Json(Value),
    /// A stream of files (a build context, a tar).
    Stream,
}

impl Request {
    /// The body as it goes over the wire, or null.
    pub fn body_json(&self) -> Value {
        let mut json = self.body_without_ports();
        self.ports.write(&mut json);
        json
    }

    /// The same without [`Request::ports`].
    pub fn body_without_ports(&self) -> Value {
        let converted = match &self.body {
            Body::None | Body::Stream => Ok(Value::Null),
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
