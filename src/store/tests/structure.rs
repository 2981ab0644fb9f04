//! A check of JSON against the part of JSON Schema that our schema uses; a keyword it does not know fails the test.

use serde_json::Value;

/// Every way in which `value` is not as `schema`, a part of `root`, says.
pub(super) fn problems(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let keywords = schema.as_object().unwrap();
    for (keyword, rule) in keywords {
        let fits = match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "format" | "default" | "examples"
            | "$defs" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#").unwrap();
                let target = root
                    .pointer(name)
                    .unwrap_or_else(|| panic!("{name} is not defined"));
                found.extend(problems(root, target, value, path));
                true
            }
            "anyOf" => {
                let branches = rule.as_array().unwrap();
                branches
                    .iter()
                    .any(|branch| problems(root, branch, value, path).is_empty())
            }
            "type" => types(rule).iter().any(|kind| is(kind, value)),
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 >= rule.as_u64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.len() as u64 <= rule.as_u64().unwrap()),
            "minProperties" => value
                .as_object()
                .is_none_or(|members| members.len() as u64 >= rule.as_u64().unwrap()),
            "maxProperties" => value
                .as_object()
                .is_none_or(|members| members.len() as u64 <= rule.as_u64().unwrap()),
            "minItems" => items(value) as u64 >= rule.as_u64().unwrap(),
            "maxItems" => items(value) as u64 <= rule.as_u64().unwrap(),
            "required" => {
                let names = rule.as_array().unwrap();
                names
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "items" | "prefixItems" | "properties" | "additionalProperties" => {
                found.extend(within(root, schema, keyword, value, path));
                true
            }
            other => panic!("the schema uses `{other}`, which this check does not know"),
        };
        if !fits {
            found.push(format!("{path}: {keyword} {rule}"));
        }
    }
    found
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        kind => vec![kind.as_str().unwrap()],
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("unknown type {other}"),
    }
}

fn items(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// What is wrong inside of an array or object.
fn within(root: &Value, schema: &Value, keyword: &str, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let rule = &schema[keyword];
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let inner = match keyword {
            "items" => Some(rule),
            "prefixItems" => rule.get(index),
            _ => None,
        };
        let path = format!("{path}[{index}]");
        found.extend(
            inner
                .into_iter()
                .flat_map(|inner| problems(root, inner, item, &path)),
        );
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let named = schema["properties"].get(name);
        let path = format!("{path}.{name}");
        match (keyword, named) {
            ("properties", Some(inner)) => found.extend(problems(root, inner, member, &path)),
            ("additionalProperties", None) if rule == &Value::Bool(false) => {
                found.push(format!("{path}: not foreseen"));
            }
            ("additionalProperties", None) => found.extend(problems(root, rule, member, &path)),
            _ => {}
        }
    }
    found
}
