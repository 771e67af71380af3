//! Finds the handler of a method and path. Generic over what a handler is; knows no resource.
//!
//! A pattern is made of segments: `users` matches itself, `{user}` any segment, `@{user}` any that begin
//! with `@`, and a last `*` everything that is left. The more exact segment wins, and when it leads to no
//! handler for the method the next is tried, as chi does. Below `/api`, doubled and trailing slashes do
//! not count.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

/// A table of routes, as a tree over path segments.
pub struct Router<H> {
    root: Node<H>,
}

struct Node<H> {
    /// In the order of their names.
    exact: Vec<(String, Node<H>)>,
    /// `{name}` and `prefix{name}`, the longest prefix first.
    params: Vec<(String, Node<H>)>,
    rest: Option<Box<Node<H>>>,
    routes: Vec<Route<H>>,
}

struct Route<H> {
    method: String,
    pattern: String,
    names: Vec<Arc<str>>,
    handler: H,
}

impl<H> Default for Node<H> {
    fn default() -> Node<H> {
        Node { exact: Vec::new(), params: Vec::new(), rest: None, routes: Vec::new() }
    }
}

/// The values of a pattern's `{names}`, percent-decoded, and of its `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(Arc<str>, String)>);

impl Params {
    /// The value of `{name}`; the rest of the path, as sent, is called `*`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| **n == *name).map(|(_, v)| v.as_str())
    }
    /// All of them, in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (&**n, v.as_str()))
    }
}

/// A route that matches.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'r, H> {
    /// Its handler.
    pub handler: &'r H,
    /// Its pattern without a trailing slash, as metrics show it.
    pub pattern: &'r str,
    /// What the path gave for the pattern's names.
    pub params: Params,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'r, H> {
    /// A handler.
    Found(Found<'r, H>),
    /// Handlers for other methods alone: these, in the order they were added.
    MethodNotAllowed(Vec<&'r str>),
    /// Nothing.
    NotFound,
}

/// Any method, where a method is asked for.
const ANY_METHOD: &str = "*";

impl<H> Default for Router<H> {
    fn default() -> Router<H> {
        Router { root: Node::default() }
    }
}

impl<H> Router<H> {
    /// An empty table.
    pub fn new() -> Router<H> {
        Router::default()
    }

    /// Adds a route; the method `*` stands for all. Routes are written in the program, so a second one
    /// for the same method and path is a mistake in it.
    ///
    /// # Panics
    /// On a malformed pattern, and on one that is there already.
    pub fn add(&mut self, method: &str, pattern: &str, handler: H) {
        assert!(pattern.starts_with('/'), "pattern {pattern:?} does not begin with a slash");
        let mut names = Vec::new();
        let mut node = &mut self.root;
        let shown = if pattern.len() > 1 { pattern.trim_end_matches('/') } else { pattern };
        for segment in segments(pattern) {
            node = match segment.split_once('{') {
                None if segment == "*" => {
                    names.push("*".into());
                    node.rest.get_or_insert_default()
                }
                None => child(&mut node.exact, segment, str::cmp),
                Some((prefix, name)) => {
                    let name = name.strip_suffix('}').filter(|n| !n.is_empty() && !n.contains(['{', '}']));
                    names.push(name.unwrap_or_else(|| panic!("pattern {pattern:?} is malformed")).into());
                    child(&mut node.params, prefix, longest_first)
                }
            };
        }
        let taken = node.routes.iter().any(|r| r.method == method);
        assert!(!taken, "there are two routes for {method} {pattern}");
        node.routes.push(Route { method: method.to_owned(), pattern: shown.to_owned(), names, handler });
    }

    /// The route of a path, which is given without its query.
    pub fn find<'r>(&'r self, method: &str, path: &str) -> Lookup<'r, H> {
        let segments: Vec<&str> = segments(path).collect();
        let mut search = Search { method, allowed: Vec::new(), values: Vec::new() };
        match search.walk(&self.root, &segments) {
            Some(route) => {
                let values = search.values.iter().map(|v| decode(v));
                let mut params: Vec<_> = route.names.iter().cloned().zip(values).collect();
                if let (Some(last), Some((name, value))) = (search.values.last(), params.last_mut())
                    && **name == *"*"
                {
                    *value = last.clone().into_owned();
                }
                Lookup::Found(Found { handler: &route.handler, pattern: &route.pattern, params: Params(params) })
            }
            None if search.allowed.is_empty() => Lookup::NotFound,
            None => Lookup::MethodNotAllowed(search.allowed),
        }
    }

    /// The handler of a path alone, for whoever decides how a request is taken before it is.
    pub fn handler(&self, method: &str, path: &str) -> Option<&H> {
        let segments: Vec<&str> = segments(path).collect();
        let mut search = Search { method, allowed: Vec::new(), values: Vec::new() };
        search.walk(&self.root, &segments).map(|route| &route.handler)
    }

    /// Every method and pattern, for a test that compares the table with what it should hold.
    pub fn routes(&self) -> Vec<(&str, &str)> {
        fn gather<'r, H>(node: &'r Node<H>, out: &mut Vec<(&'r str, &'r str)>) {
            out.extend(node.routes.iter().map(|r| (r.method.as_str(), r.pattern.as_str())));
            node.exact.iter().chain(&node.params).for_each(|(_, child)| gather(child, out));
            node.rest.iter().for_each(|child| gather(child, out));
        }
        let mut out = Vec::new();
        gather(&self.root, &mut out);
        out
    }
}

impl<H> fmt::Debug for Router<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes()).finish()
    }
}

/// The segments of a path or pattern. A trailing slash is an empty last one, except below `/api`, where
/// empty segments do not count.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let lenient = inner == "api" || inner.starts_with("api/");
    inner.split('/').take(if inner.is_empty() { 0 } else { usize::MAX }).filter(move |s| !lenient || !s.is_empty())
}

/// The child of that key, made if need be; keeps `children` in the order of `compare`.
fn child<'n, H>(
    children: &'n mut Vec<(String, Node<H>)>,
    key: &str,
    compare: impl Fn(&str, &str) -> Ordering,
) -> &'n mut Node<H> {
    let at = children.binary_search_by(|(k, _)| compare(k, key)).unwrap_or_else(|at| {
        children.insert(at, (key.to_owned(), Node::default()));
        at
    });
    &mut children[at].1
}

/// The longest prefix first, since it is the most exact.
fn longest_first(a: &str, b: &str) -> Ordering {
    b.len().cmp(&a.len()).then_with(|| a.cmp(b))
}

fn decode(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

struct Search<'r, 'p> {
    method: &'p str,
    /// Methods of the routes that match the path and not the method.
    allowed: Vec<&'r str>,
    /// Raw values of the names on the way to here.
    values: Vec<Cow<'p, str>>,
}

impl<'r, 'p> Search<'r, 'p> {
    fn walk<H>(&mut self, node: &'r Node<H>, segments: &[&'p str]) -> Option<&'r Route<H>> {
        let Some((segment, after)) = segments.split_first() else {
            return self.end(node);
        };
        if let Ok(at) = node.exact.binary_search_by(|(name, _)| name.as_str().cmp(segment))
            && let Some(route) = self.walk(&node.exact[at].1, after)
        {
            return Some(route);
        }
        for (prefix, child) in &node.params {
            let Some(value) = segment.strip_prefix(prefix.as_str()).filter(|v| !v.is_empty()) else { continue };
            self.values.push(value.into());
            if let Some(route) = self.walk(child, after) {
                return Some(route);
            }
            self.values.pop();
        }
        if let Some(child) = &node.rest {
            self.values.push(segments.join("/").into());
            if let Some(route) = self.end(child) {
                return Some(route);
            }
            self.values.pop();
        }
        None
    }

    fn end<H>(&mut self, node: &'r Node<H>) -> Option<&'r Route<H>> {
        let found = node.routes.iter().find(|r| r.method == self.method);
        if let Some(route) = found.or_else(|| node.routes.iter().find(|r| r.method == ANY_METHOD)) {
            return Some(route);
        }
        for route in &node.routes {
            if !self.allowed.contains(&route.method.as_str()) {
                self.allowed.push(&route.method);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Router<&'static str> {
        let mut router = Router::new();
        for (method, pattern) in [
            ("GET", "/"),
            ("GET", "/healthz"),
            ("GET", "/api/v2/users"),
            ("POST", "/api/v2/users"),
            ("POST", "/api/v2/users/first"),
            ("GET", "/api/v2/users/{user}"),
            ("DELETE", "/api/v2/users/{user}/"),
            ("GET", "/api/v2/users/{user}/workspace/{workspacename}"),
            ("GET", "/api/v2/users/{user}/workspace/{workspacename}/builds/{buildnumber}"),
            ("GET", "/api/v2/debug/pprof/*"),
            ("*", "/@{user}/{workspace_and_agent}/apps/{app}/*"),
            ("GET", "/derp/"),
            ("GET", "/derp/latency-check"),
            ("GET", "/*"),
        ] {
            router.add(method, pattern, pattern);
        }
        router
    }

    #[test]
    fn the_most_exact_route_for_the_method_wins() {
        let router = table();
        for (method, path, pattern, params) in [
            ("GET", "/", "/", ""),
            ("GET", "/healthz", "/healthz", ""),
            ("GET", "/healthz/", "/*", "*=healthz/"),
            ("GET", "/api/v2/users", "/api/v2/users", ""),
            ("GET", "/api/v2/users/", "/api/v2/users", ""),
            ("GET", "/api/v2//users///me/", "/api/v2/users/{user}", "user=me"),
            ("DELETE", "/api/v2/users/me", "/api/v2/users/{user}", "user=me"),
            ("POST", "/api/v2/users/first", "/api/v2/users/first", ""),
            ("GET", "/api/v2/users/first", "/api/v2/users/{user}", "user=first"),
            ("GET", "/api/v2/users/a%20b", "/api/v2/users/{user}", "user=a b"),
            ("GET", "/api/v2/users/a%2fb", "/api/v2/users/{user}", "user=a/b"),
            ("GET", "/api/v2/users/%ff", "/api/v2/users/{user}", "user=\u{fffd}"),
            (
                "GET",
                "/api/v2/users/me/workspace/w/builds/3",
                "/api/v2/users/{user}/workspace/{workspacename}/builds/{buildnumber}",
                "user=me workspacename=w buildnumber=3",
            ),
            ("GET", "/api/v2/debug/pprof/a/%62", "/api/v2/debug/pprof/*", "*=a/%62"),
            (
                "PATCH",
                "/@me/w.main/apps/code/static/x.js",
                "/@{user}/{workspace_and_agent}/apps/{app}/*",
                "user=me workspace_and_agent=w.main app=code *=static/x.js",
            ),
            (
                "GET",
                "/@me/w/apps/code/",
                "/@{user}/{workspace_and_agent}/apps/{app}/*",
                "user=me workspace_and_agent=w app=code *=",
            ),
            ("GET", "/@/w/apps/code/", "/*", "*=@/w/apps/code/"),
            ("GET", "/derp/", "/derp", ""),
            ("GET", "/derp", "/*", "*=derp"),
            ("GET", "/api/v2/unknown", "/*", "*=api/v2/unknown"),
        ] {
            let Lookup::Found(found) = router.find(method, path) else { panic!("{method} {path}") };
            let shown: Vec<_> = found.params.iter().map(|(n, v)| format!("{n}={v}")).collect();
            assert_eq!((found.pattern, shown.join(" ").as_str()), (pattern, params), "{method} {path}");
            assert_eq!(found.handler.trim_end_matches('/'), pattern.trim_end_matches('/'), "{method} {path}");
        }
    }

    #[test]
    fn a_path_without_the_method_names_the_methods_it_has() {
        let router = table();
        for (method, path, allow) in [
            ("HEAD", "/api/v2/users", "GET POST GET"),
            ("PUT", "/api/v2/users/first", "POST GET DELETE"),
            ("POST", "/nothing", "GET"),
        ] {
            let Lookup::MethodNotAllowed(mut allowed) = router.find(method, path) else { panic!("{method} {path}") };
            let mut want: Vec<_> = allow.split(' ').collect();
            want.sort_unstable();
            want.dedup();
            allowed.sort_unstable();
            assert_eq!(allowed, want, "{method} {path}");
        }
        let mut router = Router::new();
        router.add("GET", "/a/{b}", ());
        for path in ["/", "/a", "/a/", "/a/b/c", "/x/y", "//a/b"] {
            assert_eq!(router.find("GET", path), Lookup::NotFound, "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "two routes")]
    fn a_route_cannot_be_added_twice() {
        let mut router = table();
        router.add("GET", "/api/v2/users/{user}/", "again");
    }

    #[test]
    fn every_route_is_listed() {
        assert_eq!(table().routes().len(), 14);
    }
}
