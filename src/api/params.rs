//! Query parameters and search terms. Everything that is wrong with a request's parameters is told at
//! once, so they are read from one [`Params`] and judged by [`Params::finish`].

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Cx, Error};
use crate::sdk::ValidationError;
use crate::time::Time;

/// The parameters in a query string. One that is not encoded soundly is left out, the others count.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let sound = |pair: &&str| {
        let escapes = pair.split('%').skip(1);
        let sound = |after: &str| after.len() >= 2 && after.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        !pair.contains(';') && escapes.into_iter().all(sound)
    };
    let sound = query.split('&').filter(sound);
    sound.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()).into_owned()).collect()
}

/// Parameters that are being read.
#[derive(Debug, Default)]
pub struct Params {
    values: Vec<(String, String)>,
    known: BTreeSet<&'static str>,
    wrong: Vec<ValidationError>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// What comes after this row.
    pub after_id: Option<Uuid>,
    /// The most rows; 0 for all.
    pub limit: i64,
    /// How many rows to leave out.
    pub offset: i64,
}

impl Page {
    /// Reads `after_id`, `limit` and `offset`.
    pub fn of(cx: &Cx) -> Result<Page, Error> {
        let mut params = Params::of_query(cx);
        let page = Page {
            after_id: params.uuid("after_id").filter(|id| !id.is_nil()),
            limit: params.count("limit"),
            offset: params.count("offset"),
        };
        params.finish("Query parameters have invalid values.")?;
        Ok(page)
    }
}

impl Params {
    /// The parameters of a request.
    pub fn of_query(cx: &Cx) -> Params {
        Params { values: cx.queries().to_vec(), ..Params::default() }
    }

    /// The terms of a search: `key:value` pairs, and everything else as one value of the key `bare`.
    /// Quotes keep spaces and colons together.
    pub fn of_search(query: &str, bare: &str) -> Params {
        let mut params = Params::default();
        let (mut elements, rest): (Vec<_>, Vec<_>) =
            split(query, ' ').into_iter().partition(|token| token.contains(':'));
        let rest = rest.join(" ");
        if !rest.is_empty() {
            elements.push(&rest);
        }
        for element in elements {
            if element.starts_with(':') || element.ends_with(':') {
                params.refuse("q", format!("The query element {element:?} cannot start or end with a colon."));
                return params;
            }
            let parts: Vec<&str> = split(element, ':').into_iter().map(|p| p.trim_matches('"')).collect();
            match parts.as_slice() {
                [] => {}
                [_] => params.values.push((bare.to_owned(), element.to_owned())),
                [key, value] => params.values.push((key.to_lowercase(), (*value).to_owned())),
                _ => {
                    params.refuse("q", format!("The query element {element:?} can have one colon at most."));
                    return params;
                }
            }
        }
        params
    }

    /// Says that a parameter is wrong.
    pub fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.wrong.push(ValidationError { field: name.to_owned(), detail: detail.into() });
    }

    /// Whether nothing was wrong up to here.
    pub fn is_fine(&self) -> bool {
        self.wrong.is_empty()
    }

    /// All values of a parameter; none when the first is empty.
    fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.insert(name);
        let all: Vec<String> = self.values.iter().filter(|(k, _)| k == name).map(|(_, v)| v.clone()).collect();
        if all.first().is_some_and(String::is_empty) { Vec::new() } else { all }
    }

    /// The value of a parameter that may be given once.
    fn one(&mut self, name: &'static str) -> Option<String> {
        let mut all = self.all(name);
        if all.len() > 1 {
            self.refuse(name, format!("Query param {name:?} was given {} times; give it once.", all.len()));
            return None;
        }
        all.pop()
    }

    /// A parameter as `parse` reads it; what it cannot read is refused with its words.
    pub fn parsed<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.one(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.refuse(name, format!("Query param {name:?} {why}"));
                None
            }
        }
    }

    /// A text; empty when there is none.
    pub fn text(&mut self, name: &'static str) -> String {
        self.one(name).unwrap_or_default()
    }

    /// A list: the parameter can be repeated, and each value can hold several with commas between.
    pub fn list<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut found = Vec::new();
        let mut wrong = Vec::new();
        for text in self.all(name).iter().flat_map(|value| value.split(',')) {
            match parse(text) {
                Ok(value) => found.push(value),
                Err(why) => wrong.push(why),
            }
        }
        if !wrong.is_empty() {
            self.refuse(name, format!("Query param {name:?} has values that cannot be used: {}", wrong.join("; ")));
            return Vec::new();
        }
        found
    }

    /// A list of ids.
    pub fn uuids(&mut self, name: &'static str) -> Vec<Uuid> {
        self.list(name, |text| Uuid::try_parse(text.trim()).map_err(|_| format!("{text:?} is not a UUID")))
    }

    /// An id.
    pub fn uuid(&mut self, name: &'static str) -> Option<Uuid> {
        self.parsed(name, |text| Uuid::try_parse(text).map_err(|_| "must be a valid UUID.".to_owned()))
    }

    /// Yes or no.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, |text| match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(format!("must be true or false, not {text:?}.")),
        })
    }

    /// A moment in RFC 3339, whatever the case of its letters: searches are often in lower case.
    pub fn time(&mut self, name: &'static str) -> Option<Time> {
        self.parsed(name, |text| {
            let time = Time::parse(&text.to_uppercase());
            time.ok_or_else(|| format!("must be a time such as 2006-01-02T15:04:05Z, not {text:?}."))
        })
    }

    /// A number.
    pub fn integer(&mut self, name: &'static str) -> Option<i64> {
        self.parsed(name, |text| text.parse().map_err(|_| format!("must be a whole number, not {text:?}.")))
    }

    /// A number of rows: 32 bits, not negative, 0 when there is none.
    pub fn count(&mut self, name: &'static str) -> i64 {
        let read = |text: &str| text.parse::<i32>().ok().filter(|n| *n >= 0);
        self.parsed(name, |text| {
            read(text).ok_or_else(|| format!("must be a number from 0 to {}, not {text:?}.", i32::MAX))
        })
        .map_or(0, i64::from)
    }

    /// Refuses every parameter that was not asked for.
    pub fn refuse_others(&mut self) {
        let others: BTreeSet<String> =
            self.values.iter().map(|(k, _)| k.clone()).filter(|k| !self.known.contains(k.as_str())).collect();
        for name in others {
            self.refuse(&name, format!("{name:?} is not a valid query param."));
        }
    }

    /// 400 with `message` and everything that was wrong, if anything was.
    pub fn finish(self, message: &str) -> Result<(), Error> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(self.wrong.into_iter().fold(Error::bad(message), |error, wrong| error.field(&wrong.field, wrong.detail)))
    }
}

/// Splits at a delimiter outside of quotes; the quotes stay, and nothing is empty.
fn split(text: &str, delimiter: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c == delimiter
    })
    .filter(|part| !part.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Params {
        let values = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Params { values, ..Params::default() }
    }

    #[test]
    fn a_search_is_split_into_terms() {
        for (query, want) in [
            ("", Ok(vec![])),
            ("alpha", Ok(vec![("bare", "alpha")])),
            ("first  letter", Ok(vec![("bare", "first letter")])),
            ("a NAME:b c", Ok(vec![("name", "b"), ("bare", "a c")])),
            (r#"name:"two words""#, Ok(vec![("name", "two words")])),
            (r#""quoted words""#, Ok(vec![("bare", r#""quoted words""#)])),
            ("name:", Err("name:")),
            (":x", Err(":x")),
            ("a:b:c", Err("a:b:c")),
            (r#"name:"b:c""#, Ok(vec![("name", "b:c")])),
        ] {
            let params = Params::of_search(query, "bare");
            match want {
                Ok(terms) => {
                    let found: Vec<_> = params.values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                    assert_eq!(found, terms, "{query}");
                    assert!(params.wrong.is_empty(), "{query}");
                }
                Err(element) => {
                    assert_eq!(params.wrong.len(), 1, "{query}");
                    assert!(params.wrong[0].field == "q" && params.wrong[0].detail.contains(element), "{query}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_once() {
        let mut params =
            given(&[("limit", "-1"), ("ids", "x,y"), ("on", "maybe"), ("once", "1"), ("once", "2"), ("odd", "")]);
        assert_eq!((params.count("limit"), params.boolean("on"), params.integer("once")), (0, None, None));
        assert!(params.uuids("ids").is_empty());
        params.refuse_others();
        let fields: Vec<_> = params.wrong.iter().map(|w| w.field.as_str()).collect();
        assert_eq!(fields, ["limit", "on", "once", "ids", "odd"]);
        assert_eq!(params.finish("No.").unwrap_err().body.validations.len(), 5);
    }

    #[test]
    fn an_empty_parameter_counts_as_none() {
        let mut params = given(&[("limit", ""), ("on", ""), ("name", "x"), ("at", "7")]);
        assert_eq!((params.count("limit"), params.boolean("on")), (0, None));
        assert_eq!((params.text("name"), params.integer("at")), ("x".to_owned(), Some(7)));
        assert!(params.finish("").is_ok());
    }
}
