//! The bodies of requests, in the Engine API's own types.

use bollard_stubs::models::{
    ContainerCreateBody, ContainerUpdateBody, ExecConfig, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, ServiceSpec, SwarmInitRequest, SwarmJoinRequest, VolumeCreateRequest,
};
use serde_json::Value;

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
