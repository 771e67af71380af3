//! From the text of a declaration to the text an engine takes. Done once per query and dialect; only
//! `{where}` and `{filter}` are filled in at each call.
//!
//! | in a declaration | becomes |
//! |---|---|
//! | `:name` | the argument of that name |
//! | `:name::type` | the same, of that type: only Postgres needs to be told, where nothing else says what it is |
//! | `IN [:names]` | membership in an array argument |
//! | `{row}`, `{row:w}` | the columns of the row type, the second with `w.` before each |
//! | `{insert}` | `(columns) VALUES (arguments)` for every argument of the call |
//! | `{set}` | `column = argument, ...` for every argument but `id` |
//! | `{where}` | the conditions of the call's [`Where`](super::clause::Where) |
//! | `{filter}` | the rows that the subject may see, by the query's rule |

use std::sync::OnceLock;

use crate::store::Error;
use crate::store::driver::Dialect;
use crate::store::filter::{self, Columns};
use crate::store::record::Bound;
use crate::store::value::Value;
use crate::store::watch::{Changes, Watch};

/// A declared query: everything there is to know of it.
#[derive(Debug)]
pub struct Query {
    /// Its name in metrics.
    pub name: &'static str,
    /// The method of [`Db`](super::Db) that runs it.
    pub method: &'static str,
    /// Its authorization rule, as declared.
    pub rule: &'static str,
    /// Its text.
    pub sql: &'static str,
    /// Its text on Postgres, where that differs.
    pub pg: Option<&'static str>,
    /// What its answer holds until: for queries whose answers are kept in memory.
    pub kept: Option<Watch>,
    /// The columns that `{row}` stands for.
    pub columns: &'static [&'static str],
    /// The names of its arguments, in order; a record counts with each of its fields.
    pub arguments: fn() -> Vec<&'static str>,
    /// The statement made of it, for each dialect.
    pub prepared: [OnceLock<Prepared>; 2],
}

/// A statement ready but for what changes from call to call.
#[derive(Debug)]
pub struct Prepared {
    pieces: Vec<Piece>,
    /// For each placeholder, which of the bound values it takes.
    args: Vec<usize>,
    /// Whether it changes anything.
    pub writes: bool,
    /// What that others keep in memory it changes.
    pub changes: Changes,
}

#[derive(Debug)]
enum Piece {
    Sql(String),
    Where,
    Filter,
}

/// A statement ready to run.
pub struct Ready<'a> {
    /// Its text.
    pub sql: std::borrow::Cow<'a, str>,
    /// Its arguments.
    pub args: Vec<Value<'a>>,
}

impl Query {
    /// The statement for a dialect.
    pub fn prepared(&self, dialect: Dialect) -> Result<&Prepared, Error> {
        let slot = &self.prepared[dialect as usize];
        if let Some(p) = slot.get() {
            return Ok(p);
        }
        let text = if dialect == Dialect::Postgres { self.pg.unwrap_or(self.sql) } else { self.sql };
        let made = prepare(text, dialect, self.columns, &(self.arguments)())
            .map_err(|why| Error::Bug(format!("{}: {why}", self.name)))?;
        Ok(slot.get_or_init(|| made))
    }
}

impl Prepared {
    /// Its text with every condition left open, for tests that look at the plan.
    pub fn open_text(&self) -> String {
        self.pieces.iter().map(|p| if let Piece::Sql(sql) = p { sql.as_str() } else { "1 = 1" }).collect()
    }

    /// The text and arguments of one call.
    pub fn ready<'a>(
        &'a self,
        dialect: Dialect,
        bound: &Bound<'a>,
        visible: Option<&(crate::rbac::Filter, &'static Columns)>,
    ) -> Result<Ready<'a>, Error> {
        let mut args: Vec<Value<'a>> = self.args.iter().map(|i| bound.values[*i].1.clone()).collect();
        if let [Piece::Sql(sql)] = self.pieces.as_slice() {
            return Ok(Ready { sql: sql.as_str().into(), args });
        }
        let mut sql = String::new();
        let mut more = Vec::new();
        let mut next = args.len();
        let mut placeholder = || {
            next += 1;
            mark(dialect, next)
        };
        for piece in &self.pieces {
            match piece {
                Piece::Sql(text) => sql.push_str(text),
                Piece::Where => match bound.clause {
                    Some(clause) => clause.render(&mut sql, &mut more, &mut placeholder),
                    None => return Err(Error::Bug("{where} without a Where argument".into())),
                },
                Piece::Filter => match visible {
                    Some((what, columns)) => {
                        filter::render(what, columns, dialect, &mut sql, &mut more, &mut placeholder)
                    }
                    None => sql.push_str("1 = 1"),
                },
            }
        }
        args.extend(more);
        Ok(Ready { sql: sql.into(), args })
    }
}

fn mark(dialect: Dialect, number: usize) -> String {
    match dialect {
        Dialect::Sqlite => format!("?{number}"),
        Dialect::Postgres => format!("${number}"),
    }
}

fn prepare(text: &str, dialect: Dialect, columns: &[&str], names: &[&str]) -> Result<Prepared, String> {
    let expanded = expand(text, columns, names)?;
    let writes = !reads_only(&expanded);
    let changes = if writes { Changes::of(&expanded) } else { Changes::default() };
    let mut p = Prepared { pieces: Vec::new(), args: Vec::new(), writes, changes };
    let mut sql = String::new();
    let mut rest = expanded.as_str();
    while let Some(at) = rest.find(['\'', ':', '[', '{']) {
        sql.push_str(&rest[..at]);
        rest = &rest[at..];
        let (skip, piece) = match rest.as_bytes()[0] {
            b'\'' => {
                let end = rest[1..].find('\'').ok_or("an unclosed quote")? + 2;
                sql.push_str(&rest[..end]);
                (end, None)
            }
            // An array of the engine's own, such as `text[]`.
            b'[' if !rest.starts_with("[:") => {
                sql.push('[');
                (1, None)
            }
            b'[' => {
                let end = rest.find(']').ok_or("an unclosed [")?;
                let name = &rest[2..end];
                let number = argument(&mut p.args, names, name)?;
                match dialect {
                    Dialect::Sqlite => {
                        sql.push_str(&format!("(SELECT value FROM json_each({}))", mark(dialect, number)))
                    }
                    Dialect::Postgres => {
                        let kept = sql.trim_end().strip_suffix("IN").ok_or("[:name] without IN")?.len();
                        sql.truncate(kept);
                        sql.push_str(&format!("= ANY({})", mark(dialect, number)));
                    }
                }
                (end + 1, None)
            }
            b'{' => match rest {
                r if r.starts_with("{where}") => (7, Some(Piece::Where)),
                r if r.starts_with("{filter}") => (8, Some(Piece::Filter)),
                _ => return Err(format!("unknown placeholder at {rest:.20}")),
            },
            _ => {
                let name: String = rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if name.is_empty() || rest.starts_with("::") {
                    let skip = if rest.starts_with("::") { 2 } else { 1 };
                    sql.push_str(&rest[..skip]);
                    (skip, None)
                } else {
                    let number = argument(&mut p.args, names, &name)?;
                    sql.push_str(&mark(dialect, number));
                    let after = &rest[1 + name.len()..];
                    (1 + name.len() + if dialect == Dialect::Sqlite { cast(after) } else { 0 }, None)
                }
            }
        };
        if let Some(piece) = piece {
            p.pieces.push(Piece::Sql(std::mem::take(&mut sql)));
            p.pieces.push(piece);
        }
        rest = &rest[skip..];
    }
    sql.push_str(rest);
    p.pieces.push(Piece::Sql(sql));
    Ok(p)
}

fn reads_only(sql: &str) -> bool {
    let head = sql.trim_start().get(..6).unwrap_or_default();
    if head.eq_ignore_ascii_case("select") {
        return true;
    }
    let changes = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];
    head[..4.min(head.len())].eq_ignore_ascii_case("with") && !changes.iter().any(|c| sql.contains(c))
}

fn expand(text: &str, columns: &[&str], names: &[&str]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let end = at + rest[at..].find('}').ok_or("an unclosed {")?;
        out.push_str(&rest[..at]);
        match &rest[at + 1..end] {
            // An empty JSON object.
            "" => out.push_str("{}"),
            "where" | "filter" => out.push_str(&rest[at..=end]),
            "insert" => {
                let columns: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                let values: Vec<String> = names.iter().map(|n| format!(":{n}")).collect();
                out.push_str(&format!("({}) VALUES ({})", columns.join(", "), values.join(", ")));
            }
            "set" => {
                let sets: Vec<String> =
                    names.iter().filter(|n| **n != "id").map(|n| format!("\"{n}\" = :{n}")).collect();
                out.push_str(&sets.join(", "));
            }
            row => {
                let prefix = match row.strip_prefix("row") {
                    Some("") => String::new(),
                    Some(alias) => {
                        format!("{}.", alias.strip_prefix(':').ok_or_else(|| format!("unknown placeholder {{{row}}}"))?)
                    }
                    None => return Err(format!("unknown placeholder {{{row}}}")),
                };
                let columns: Vec<String> = columns.iter().map(|c| format!("{prefix}\"{c}\"")).collect();
                out.push_str(&columns.join(", "));
            }
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// How long the cast is that a text begins with, such as `::uuid` or `::text[]`; 0 where there is none.
fn cast(text: &str) -> usize {
    let Some(name) = text.strip_prefix("::") else { return 0 };
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    2 + end + if name[end..].starts_with("[]") { 2 } else { 0 }
}

/// The number of the placeholder for `name`, from 1: the one it has, or the next.
fn argument(args: &mut Vec<usize>, names: &[&str], name: &str) -> Result<usize, String> {
    let bound = names.iter().position(|n| *n == name).ok_or_else(|| format!("no argument is named {name:?}"))?;
    Ok(match args.iter().position(|a| *a == bound) {
        Some(at) => at + 1,
        None => {
            args.push(bound);
            args.len()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str, dialect: Dialect, names: &[&str]) -> Result<String, String> {
        let p = prepare(sql, dialect, &["id", "name"], names)?;
        Ok(p.pieces
            .iter()
            .map(|p| match p {
                Piece::Sql(s) => s.as_str(),
                Piece::Where => "<where>",
                Piece::Filter => "<filter>",
            })
            .collect())
    }

    #[test]
    fn declarations_become_statements() {
        use Dialect::{Postgres, Sqlite};
        for (sql, dialect, names, want) in [
            (
                "SELECT {row} FROM t WHERE id = :id AND x = :id",
                Sqlite,
                &["id"][..],
                Ok("SELECT \"id\", \"name\" FROM t WHERE id = ?1 AND x = ?1"),
            ),
            (
                "SELECT {row:t} FROM t WHERE a = 'x:y' AND b = :b",
                Postgres,
                &["b"],
                Ok("SELECT t.\"id\", t.\"name\" FROM t WHERE a = 'x:y' AND b = $1"),
            ),
            (
                "SELECT 1 WHERE id IN [:ids]",
                Sqlite,
                &["ids"],
                Ok("SELECT 1 WHERE id IN (SELECT value FROM json_each(?1))"),
            ),
            (
                "SELECT 1 WHERE id IN [:ids] AND n = :n",
                Postgres,
                &["n", "ids"],
                Ok("SELECT 1 WHERE id = ANY($1) AND n = $2"),
            ),
            ("INSERT INTO t {insert}", Sqlite, &["a", "b"], Ok("INSERT INTO t (\"a\", \"b\") VALUES (?1, ?2)")),
            ("UPDATE t SET {set} WHERE id = :id", Sqlite, &["id", "b"], Ok("UPDATE t SET \"b\" = ?1 WHERE id = ?2")),
            (
                "SELECT 1 WHERE {filter} AND {where} LIMIT :n",
                Sqlite,
                &["n"],
                Ok("SELECT 1 WHERE <filter> AND <where> LIMIT ?1"),
            ),
            ("SELECT :a::text[] || :b::uuid, x", Sqlite, &["a", "b"], Ok("SELECT ?1 || ?2, x")),
            (
                "SELECT :a::text[] || :b::uuid, x::text[], ARRAY[1]",
                Postgres,
                &["a", "b"],
                Ok("SELECT $1::text[] || $2::uuid, x::text[], ARRAY[1]"),
            ),
            ("SELECT :x", Sqlite, &["y"], Err("no argument is named \"x\"")),
            ("SELECT {rows}", Sqlite, &[], Err("unknown placeholder {rows}")),
        ] {
            assert_eq!(text(sql, dialect, names), want.map(str::to_owned).map_err(str::to_owned), "{sql}");
        }
    }
}
