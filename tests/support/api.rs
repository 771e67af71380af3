//! What each operation answers: finds the operation of a request and checks the answer's body.
//!
//! The operations are facts (`fixtures/reference/api.json`; routes that are not in the API's own
//! document are in `routes_extra.tsv` and are let through unchecked).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::shapes::{Shape, Shapes, parse_documented};

/// The facts, read once.
pub static API: LazyLock<Api> = LazyLock::new(Api::load);

/// Operations and types.
pub struct Api {
    pub shapes: Shapes,
    operations: Vec<Operation>,
    /// Method and path of routes whose answers are not described.
    undescribed: Vec<(String, Vec<String>)>,
}

struct Operation {
    method: String,
    path: Vec<String>,
    answers: BTreeMap<u16, Option<Shape>>,
    /// The body of answers of 400 and more.
    errors: Shape,
    null_when_empty: bool,
    /// Whether answers are something else than JSON.
    other_format: bool,
}

impl Api {
    fn load() -> Api {
        let file = |name: &str| {
            let path = format!("{}/fixtures/reference/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
        };
        let json = |name: &str| serde_json::from_str::<Value>(&file(name)).expect(name);
        let document = json("api.json");
        let operations = document["operations"].as_array().expect("operations").iter().map(Operation::read).collect();
        let routes = file("routes_extra.tsv");
        let undescribed = routes.lines().skip(1).filter_map(|line| line.split_once('\t'));
        Api {
            shapes: Shapes::new(&json("sdk_types.json"), &document),
            operations,
            undescribed: undescribed.map(|(method, path)| (method.to_owned(), segments(path))).collect(),
        }
    }

    /// Holds an answer against what its operation promises.
    pub fn check(&self, method: &str, target: &str, status: u16, body: &[u8]) -> Result<(), String> {
        if status >= 400 && body.starts_with(b"<") {
            // A page for people.
            return Ok(());
        }
        let path = target.split('?').next().unwrap_or_default();
        let Some(operation) = self.find(method, path) else {
            return if status >= 400 || self.is_undescribed(method, path) {
                Ok(())
            } else {
                Err(format!("{status} from an operation that does not exist"))
            };
        };
        let Some(answer) = operation.answers.get(&status) else {
            return match status {
                400.. => self.check_error(&operation.errors, body),
                304 => check_empty(body),
                _ => Err(format!("{status} is not an answer of this operation")),
            };
        };
        match answer {
            Some(_) if operation.other_format => Ok(()),
            Some(shape) => {
                let value = serde_json::from_slice(body).map_err(|err| format!("{err}: {}", excerpt(body)))?;
                if operation.null_when_empty && matches!(value, Value::Null) {
                    return Ok(());
                }
                if operation.null_when_empty && value.as_array().is_some_and(Vec::is_empty) {
                    return Err("an empty list is sent as null here".into());
                }
                self.shapes.check(shape, &value).map_err(|m| format!("{m}\n  in {}", excerpt(body)))
            }
            None if matches!(status, 204 | 304) => check_empty(body),
            None => Ok(()),
        }
    }

    /// Holds a message of a stream against what its operation promises: one of a list, a part of the
    /// list, or the whole type.
    pub fn check_message(&self, target: &str, message: &Value) -> Result<(), String> {
        let path = target.split('?').next().unwrap_or_default();
        let operation = self.find("GET", path).ok_or("a message from an operation that does not exist")?;
        let Some(Some(shape)) = operation.answers.get(&200) else { return Ok(()) };
        let shape = match shape {
            Shape::List(item) if !message.is_array() => item,
            shape => shape,
        };
        self.shapes.check(shape, message).map_err(|m| format!("{m}\n  in {message}"))
    }

    fn check_error(&self, errors: &Shape, body: &[u8]) -> Result<(), String> {
        if body.is_empty() {
            return Ok(());
        }
        let value = serde_json::from_slice(body).map_err(|err| format!("{err}: {}", excerpt(body)))?;
        self.shapes.check(errors, &value).map_err(|m| format!("{m}\n  in {}", excerpt(body)))
    }

    /// The operation with the most literal path.
    fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = segments(path);
        let fitting = self.operations.iter().filter(|o| o.method == method && fits(&o.path, &path));
        fitting.min_by_key(|o| o.path.iter().filter(|s| s.starts_with('{')).count())
    }

    fn is_undescribed(&self, method: &str, path: &str) -> bool {
        let path = segments(path);
        self.undescribed.iter().any(|(m, pattern)| (m == method || m == "MOUNT") && fits(pattern, &path))
    }
}

impl Operation {
    fn read(value: &Value) -> Operation {
        let text = |key: &str| value[key].as_str().expect(key).to_owned();
        let path = text("path");
        // Paths are relative, but for those of other standards.
        let absolute = ["/.well-known/", "/oauth2/", "/scim/"].iter().any(|p| path.starts_with(p));
        let path = if absolute { path } else { format!("/api/v2{path}") };
        let answers = value["responses"].as_object().expect("responses");
        let formats = value["produces"].as_array();
        Operation {
            method: text("method"),
            path: segments(&path),
            answers: answers
                .iter()
                .map(|(status, shape)| (status.parse().expect("a status"), shape.as_str().map(parse_documented)))
                .collect(),
            errors: match value["errors"].as_str() {
                // What is refused before the operation begins is refused in the usual way.
                Some(name) => Shape::OneOf(vec![parse_documented(name), parse_documented("codersdk.Response")]),
                // These follow standards of their own.
                None if absolute => Shape::Any,
                None => parse_documented("codersdk.Response"),
            },
            null_when_empty: value["null_when_empty"] == true,
            other_format: formats.is_some_and(|f| f.iter().all(|f| f != "application/json")),
        }
    }
}

fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(str::to_owned).collect()
}

fn fits(pattern: &[String], path: &[String]) -> bool {
    let rest = pattern.last().is_some_and(|last| last == "*");
    let fixed = if rest { &pattern[..pattern.len() - 1] } else { pattern };
    (path.len() == fixed.len() || rest && path.len() >= fixed.len())
        && fixed.iter().zip(path).all(|(pattern, segment)| pattern.contains('{') || pattern == segment)
}

fn check_empty(body: &[u8]) -> Result<(), String> {
    if body.is_empty() { Ok(()) } else { Err(format!("there should be no body: {}", excerpt(body))) }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(600).collect()
}

mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_are_held_against_their_operations() {
        let id = "6ab75d13-6bd5-46e3-8163-e4d9d734c556";
        let user = format!(
            r#"{{"id":"{id}","username":"ann","email":"a@b.c","created_at":"2026-01-02T03:04:05Z",
            "updated_at":"2026-01-02T03:04:05Z","last_seen_at":"2026-01-02T03:04:05Z","status":"active",
            "login_type":"password","organization_ids":["{id}"],"roles":[]}}"#
        );
        for (method, target, status, body, want) in [
            ("GET", "/api/v2/users/me", 200, user.as_str(), ""),
            ("GET", "/api/v2/users/me?x=1", 200, "{}", "lacks"),
            ("GET", "/api/v2/users/me", 201, &user, "not an answer"),
            ("GET", "/api/v2/users/me", 404, r#"{"message":"no"}"#, ""),
            ("GET", "/api/v2/users/me", 404, r#"{"error":"no"}"#, "lacks message"),
            ("GET", "/api/v2/users/first", 200, r#"{"message":"yes"}"#, ""),
            ("GET", "/api/v2/nothing", 200, "{}", "does not exist"),
            ("GET", "/api/v2/nothing", 404, "{}", ""),
            ("GET", "/healthz", 200, "OK", ""),
            ("GET", "/@ann/dev.main/apps/code/a/b", 200, "<html>", ""),
            ("DELETE", "/api/v2/users/me/keys/abc", 204, "", ""),
            ("DELETE", "/api/v2/users/me/keys/abc", 204, "{}", "no body"),
            ("GET", "/api/v2/licenses", 200, "null", ""),
            ("GET", "/api/v2/licenses", 200, "[]", "sent as null"),
            ("GET", "/api/v2/regions", 200, r#"{"regions":[{}]}"#, "regions[0]"),
        ] {
            let got = API.check(method, target, status, body.as_bytes());
            match got {
                Ok(()) => assert_eq!(want, "", "{method} {target} {status} {body}"),
                Err(got) => assert!(!want.is_empty() && got.contains(want), "{method} {target} {body}: {got}"),
            }
        }
    }

    #[test]
    fn messages_of_streams_are_held_against_their_operations() {
        let line = json!({"id": 1, "created_at": "2026-01-02T03:04:05Z", "log_source": "provisioner",
            "log_level": "info", "stage": "Plan", "output": ""});
        let build = "/api/v2/workspacebuilds/6ab75d13-6bd5-46e3-8163-e4d9d734c556/logs?follow";
        for (target, message, fits) in [
            (build, line.clone(), true),
            (build, json!([line]), true),
            (build, json!({"id": 1}), false),
            ("/api/v2/workspaces/x/watch-ws", json!({"type": "ping", "data": null}), true),
            ("/api/v2/workspaces/x/watch-ws", json!({"type": "pong", "data": null}), false),
            ("/api/v2/nothing", json!({}), false),
        ] {
            assert_eq!(API.check_message(target, &message).is_ok(), fits, "{target} {message}");
        }
    }

    #[test]
    fn every_type_that_an_operation_names_is_known() {
        fn names(shape: &Shape, out: &mut Vec<String>) {
            match shape {
                Shape::Named(name, arguments) => {
                    out.push(name.clone());
                    arguments.iter().for_each(|a| names(a, out));
                }
                Shape::List(item) | Shape::Record(_, item) => names(item, out),
                _ => {}
            }
        }
        let mut all = Vec::new();
        API.operations.iter().flat_map(|o| o.answers.values().flatten()).for_each(|s| names(s, &mut all));
        let unknown: Vec<_> = all.iter().filter(|name| !API.shapes.knows(name)).collect();
        assert!(unknown.is_empty() && all.len() > 200, "{unknown:?} of {}", all.len());
    }
}
