//! Labels of objects, and what the API says where there is none.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

/// Labels of an object by their keys.
pub type ObjectLabels = HashMap<String, String>;

/// The API says null for an empty list or map.
pub(super) fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
