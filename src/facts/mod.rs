//! The edge to the world: this process's surroundings, the engine that would be asked, and what it knows.

pub mod host;
