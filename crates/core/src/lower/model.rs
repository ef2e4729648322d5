//! Fields of the models that compose and bake print.

use std::collections::HashMap;

use serde_json::Value;

use crate::files::text::Text;
use crate::files::yaml;

/// A field; null where it is not there, as compose leaves out what nobody set.
pub fn field<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// A compose project as `docker compose config --format json` prints it: the only reading of a project's files.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposeModel(Value);

impl ComposeModel {
    /// From what compose printed, JSON or YAML; an error says what it is instead.
    pub fn read(printed: &[u8]) -> Result<ComposeModel, String> {
        let mut model = match serde_json::from_slice(printed) {
            Ok(model) => model,
            Err(error) if printed.first() == Some(&b'{') => return Err(error.to_string()),
            Err(error) => {
                let text = Text::new("compose config", String::from_utf8_lossy(printed).into_owned());
                match yaml::read(&text) {
                    Ok(Some(root)) if !root.entries().is_empty() => root.value(),
                    _ => return Err(error.to_string()),
                }
            }
        };
        single_dollars(&mut model);
        Ok(ComposeModel(model))
    }

    /// The whole project.
    pub fn project(&self) -> &Value {
        &self.0
    }

    /// Whether the model shows this service; those of profiles that are not active it does not show.
    pub fn has_service(&self, name: &str) -> bool {
        self.0.get("services").is_some_and(|services| services.get(name).is_some())
    }
}

/// Compose prints a dollar twice, so that what it prints could be read again.
fn single_dollars(model: &mut Value) {
    match model {
        Value::String(text) if text.contains("$$") => *text = text.replace("$$", "$"),
        Value::Array(list) => list.iter_mut().for_each(single_dollars),
        Value::Object(map) => map.values_mut().for_each(single_dollars),
        _ => {}
    }
}

pub fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    }
}

pub fn spoken(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key)).filter(|text| !text.is_empty())
}

/// A number, which compose writes as one or as a text.
pub fn number(value: &Value, key: &str) -> i64 {
    match value.get(key) {
        Some(Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).unwrap_or(0)
        }
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

pub fn decimal(value: &Value, key: &str) -> f64 {
    match value.get(key) {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
        Some(Value::String(text)) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

pub fn on(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

pub fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub fn texts(value: &Value, key: &str) -> Vec<String> {
    match value.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        _ => list(value, key).filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

pub fn entries<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

pub fn map_of(value: &Value, key: &str) -> HashMap<String, String> {
    entries(value, key).map(|(name, _)| (name.clone(), text(&value[key], name))).collect()
}

pub fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
