//! Whether JSON is as a schema of `docs/` or `tests/schemas` says. Only what these schemas use, but for `pattern`: fender prints nothing that
//! has one.

use serde_json::Value;

/// What does not fit, with the place: `changes/0/since: not integer or null`. A key of a schema that is not known here fails.
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(schema, schema, value, "", &mut out);
    out
}

/// The schema of `fender plan --format json`.
pub fn of_plans() -> Value {
    serde_json::from_str(include_str!("../../docs/plan.schema.json")).unwrap()
}

/// The published schema of SARIF 2.1.0.
pub fn of_sarif() -> Value {
    serde_json::from_str(include_str!("../schemas/sarif-2.1.0.json")).unwrap()
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, out: &mut Vec<String>) {
    for (key, wanted) in schema.as_object().unwrap() {
        match key.as_str() {
            "$schema" | "$id" | "title" | "description" | "default" | "definitions" => {}
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap();
                check(root, target, value, place, out);
            }
            "anyOf" | "oneOf" => {
                let fitting = wanted.as_array().unwrap().iter().filter(|schema| {
                    let mut misfits = Vec::new();
                    check(root, schema, value, place, &mut misfits);
                    misfits.is_empty()
                });
                let number = fitting.count();
                if number == 0 || number > 1 && key == "oneOf" {
                    out.push(format!("{place}: fits {number} of {key}"));
                }
            }
            "minimum" => {
                if value.as_i64() < wanted.as_i64() {
                    out.push(format!("{place}: {value} is less than {wanted}"));
                }
            }
            "minItems" => {
                if (value.as_array().unwrap().len() as u64) < wanted.as_u64().unwrap() {
                    out.push(format!("{place}: fewer than {wanted} entries"));
                }
            }
            "uniqueItems" => {
                let items = value.as_array().unwrap();
                if *wanted == true && items.iter().enumerate().any(|(at, item)| items[..at].contains(item)) {
                    out.push(format!("{place}: an entry is there twice"));
                }
            }
            "format" => {
                let text = value.as_str().unwrap();
                let is_uri = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte));
                match wanted.as_str().unwrap() {
                    "uri" if is_uri && text.contains(':') => {}
                    "uri-reference" if is_uri => {}
                    other => out.push(format!("{place}: {text:?} is not a {other}")),
                }
            }
            "additionalProperties" if wanted.is_object() => {
                for (name, part) in value.as_object().into_iter().flatten() {
                    if schema["properties"].get(name).is_none() {
                        check(root, wanted, part, &format!("{place}/{name}"), out);
                    }
                }
            }
            "additionalProperties" => {}
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
            // What is no object has no properties to miss.
            "required" if !value.is_object() => {}
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
                        Some(schema) => check(root, schema, part, &format!("{place}/{name}"), out),
                        None if schema["additionalProperties"] == false => {
                            out.push(format!("{place}: {name} is not in the schema"))
                        }
                        None => {}
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{place}/{at}"), out);
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
