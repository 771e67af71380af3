//! Where even a wrong path or method is not told apart from a right one to somebody without a key.
//!
//! Parts of the API that only users may use are closed as a whole: below `/api/v2/templates`, say, a path
//! that does not exist is 401 to a stranger and 404 to a user. Which parts these are follows from the
//! routes: the longest beginning that routes for users alone have in common.

use super::routes::{Access, Routes};

const API: [&str; 2] = ["api", "v2"];

/// The closed parts.
pub struct Guarded {
    /// Segments of a path's beginning; `{...}` stands for any.
    beginnings: Vec<Vec<String>>,
}

impl Guarded {
    /// The closed parts of a table of routes.
    pub fn of(table: &Routes) -> Guarded {
        let mut routes: Vec<(Vec<&str>, bool)> = Vec::new();
        for (pattern, access) in &table.accesses {
            let segments: Vec<&str> = pattern.split('/').filter(|s| !s.is_empty()).collect();
            if let Some(below) = segments.strip_prefix(API.as_slice()).filter(|below| !below.is_empty()) {
                routes.push((below.to_vec(), matches!(access, Access::User | Access::UserOf(_))));
            }
        }
        let mut guarded = Guarded { beginnings: Vec::new() };
        guarded.gather(&routes, 1);
        guarded
    }

    /// Looks at groups of routes that have their first `depth` segments in common.
    fn gather(&mut self, routes: &[(Vec<&str>, bool)], depth: usize) {
        let mut firsts: Vec<&[&str]> = routes.iter().filter_map(|(path, _)| path.get(..depth)).collect();
        firsts.sort_unstable();
        firsts.dedup();
        for first in firsts {
            let group: Vec<_> = routes.iter().filter(|(path, _)| path.starts_with(first)).cloned().collect();
            let is_one_path = group.iter().all(|(path, _)| *path == group[0].0);
            if group.iter().any(|(_, for_users)| !for_users) {
                self.gather(&group, depth + 1);
            } else if !is_one_path {
                let common = (depth..=group[0].0.len())
                    .take_while(|n| group.iter().all(|(path, _)| path.get(..*n) == group[0].0.get(..*n)))
                    .last();
                let common = &group[0].0[..common.unwrap_or(depth)];
                self.beginnings.push(common.iter().map(|s| (*s).to_owned()).collect());
            }
        }
    }

    /// Whether a path is in a closed part.
    pub fn contains(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let Some(below) = segments.strip_prefix(API.as_slice()) else { return false };
        self.beginnings.iter().any(|beginning| {
            let fits = |(pattern, segment): (&String, &&str)| pattern.starts_with('{') || pattern == segment;
            below.len() >= beginning.len() && beginning.iter().zip(below).all(fits)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_for_users_alone_are_closed() {
        let guarded = Guarded::of(&super::super::routes::all());
        for (path, closed) in [
            ("/api/v2/templates/x/nope", true),
            ("/api/v2/templates", true),
            ("/api/v2/users", false),
            ("/api/v2/users/me/nope", true),
            ("/api/v2/users/login", true),
            ("/api/v2/nope", false),
            ("/api/v2/buildinfo", false),
            ("/api/v2", false),
            ("/healthz", false),
        ] {
            assert_eq!(guarded.contains(path), closed, "{path}: {:?}", guarded.beginnings);
        }
    }
}
