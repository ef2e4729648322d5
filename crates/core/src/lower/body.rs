//! The bodies of requests, in the Engine API's own types.

use bollard_stubs::models::{
    ContainerCreateBody, ContainerUpdateBody, ExecConfig, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, ServiceSpec, SwarmInitRequest, SwarmJoinRequest, VolumeCreateRequest,
};
use serde_json::Value;

use crate::files::image_archive::ArchiveTag;

/// The body of a request, as the API's own type.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// No body.
    #[default]
    None,
    /// `POST /containers/create`.
    Container(Box<ContainerCreateBody>),
    /// `POST /containers/{id}/update`.
    Update(Box<ContainerUpdateBody>),
    /// `POST /containers/{id}/exec`.
    Exec(Box<ExecConfig>),
    /// `POST /networks/create`.
    Network(Box<NetworkCreateRequest>),
    /// `POST /networks/{id}/connect`.
    Connect(Box<NetworkConnectRequest>),
    /// `POST /networks/{id}/disconnect`.
    Disconnect(NetworkDisconnectRequest),
    /// `POST /volumes/create`.
    Volume(Box<VolumeCreateRequest>),
    /// `POST /services/create` and `/services/{id}/update`.
    Service(Box<ServiceSpec>),
    /// `POST /swarm/init`.
    SwarmInit(Box<SwarmInitRequest>),
    /// `POST /swarm/join`.
    SwarmJoin(Box<SwarmJoinRequest>),
    /// A body for which the API has no named type, or that the client sends as plain JSON.
    Json(Value),
    /// `POST /images/load`: the names in the archive, or why they are not known.
    Images(Result<Vec<ArchiveTag>, String>),
    /// A stream of files (a build context, a tar).
    Stream,
}
