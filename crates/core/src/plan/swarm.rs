//! What a swarm has, as its managers list it.

use serde::Deserialize;

use super::labels::{ObjectLabels, or_empty};

/// An entry of `GET /services`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Service {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// What was asked for.
    pub spec: ServiceSpec,
}

/// A service's `Spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// What its tasks are made from.
    pub task_template: TaskTemplate,
}

/// A service's `TaskTemplate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskTemplate {
    /// The networks that its tasks are in.
    #[serde(deserialize_with = "or_empty")]
    pub networks: Vec<Attached>,
    /// What their containers are made from.
    pub container_spec: ContainerSpec,
}

/// A service's `ContainerSpec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerSpec {
    /// The labels of the containers.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
}

impl Service {
    /// A label of its own, or one that the containers of its tasks get.
    pub fn label(&self, name: &str) -> Option<&String> {
        self.spec.labels.get(name).or_else(|| self.spec.task_template.container_spec.labels.get(name))
    }
}

/// An entry of `GET /nodes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmNode {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it says of itself.
    pub description: NodeDescription,
}

/// A node's `Description`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeDescription {
    /// The machine's name.
    pub hostname: String,
}

/// An entry of `GET /tasks`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Task {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The id of its service.
    #[serde(rename = "ServiceID")]
    pub service: String,
    /// The id of its node.
    #[serde(rename = "NodeID")]
    pub node: String,
    /// Its number in its service; 0 where the service runs one on each node.
    pub slot: u64,
    /// `running` for one that is meant to run.
    pub desired_state: String,
    /// What it does now.
    pub status: TaskStatus,
}

/// A task's `Status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskStatus {
    /// Its container, where it has one.
    pub container_status: Option<TaskContainer>,
}

/// A task's `ContainerStatus`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskContainer {
    /// The container's id.
    #[serde(rename = "ContainerID")]
    pub id: String,
}

/// One network of a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attached {
    /// The network's name or id.
    pub target: String,
}

/// A secret or config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmObject {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// What was asked for.
    pub spec: SwarmObjectSpec,
}

/// The `Spec` of a secret or config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmObjectSpec {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
}
