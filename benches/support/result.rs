//! One figure of a benchmark, as a line of JSON on standard output; what people read goes to standard error.

/// Less is better, but for units per second and for a `speed`.
pub fn result(bench: &str, name: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "bench": bench, "name": name, "value": value, "unit": unit }));
}
