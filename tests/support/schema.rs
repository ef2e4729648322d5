//! Whether JSON is as a schema of `docs/` says. Only what these schemas use: type, enum, required, properties, additionalProperties, items.

use serde_json::Value;

/// What does not fit, with the place: `changes/0/since: not integer or null`. A key of a schema that is not known here fails.
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(schema, value, "", &mut out);
    out
}

/// The schema of `fender plan --format json`.
pub fn of_plans() -> Value {
    serde_json::from_str(include_str!("../../docs/plan.schema.json")).unwrap()
}

fn check(schema: &Value, value: &Value, place: &str, out: &mut Vec<String>) {
    for (key, wanted) in schema.as_object().unwrap() {
        match key.as_str() {
            "$schema" | "title" | "description" | "additionalProperties" => {}
            "type" => {
                let kinds: Vec<&str> = match wanted {
                    Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                    one => vec![one.as_str().unwrap()],
                };
                if !kinds.iter().any(|kind| is(kind, value)) {
                    out.push(format!("{place}: not {}", kinds.join(" or ")));
                }
            }
            "enum" if !wanted.as_array().unwrap().contains(value) => {
                out.push(format!("{place}: {value} is none of {wanted}"))
            }
            "enum" => {}
            "required" => {
                let missing = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(Value::as_str)
                    .filter(|name| value.get(name).is_none());
                out.extend(missing.map(|name| format!("{place}: no {name}")));
            }
            "properties" => {
                for (name, part) in value.as_object().into_iter().flatten() {
                    match wanted.get(name) {
                        Some(schema) => check(schema, part, &format!("{place}/{name}"), out),
                        None if schema["additionalProperties"] == false => {
                            out.push(format!("{place}: {name} is not in the schema"))
                        }
                        None => {}
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, item, &format!("{place}/{at}"), out);
                }
            }
            other => out.push(format!("{place}: {other} is a key that this test does not know")),
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
