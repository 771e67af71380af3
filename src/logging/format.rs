//! What log lines look like: for people, as JSON, and as Google Cloud reads them.

use std::borrow::Cow;
use std::fmt::Write as _;

use log::Record;
use log::kv::{self, VisitSource};
use serde_json::{Map, Value as Json, json};

use super::Entry;
use crate::time::Time;

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2024-03-26 06:20:12.067 [warn]  terraform: message  key=value`.
    Human,
    /// One JSON object, with the fields in an object of their own.
    Json,
    /// One JSON object under the keys that Google Cloud gives a meaning.
    Stackdriver,
}

/// The key that makes an error a critical one: `log::error!(critical = true; "...")`.
const CRITICAL: &str = "critical";

/// Takes a record down, for it does not outlive the call that made it.
pub fn entry(record: &Record<'_>, time: Time) -> Entry {
    let mut fields = Fields(Vec::new());
    // The visitor fails nowhere.
    let _ = record.key_values().visit(&mut fields);
    let mut fields = fields.0;
    let mut level = match record.level() {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug | log::Level::Trace => Level::Debug,
    };
    if level == Level::Error && fields.iter().any(|(key, value)| key == CRITICAL && *value == json!(true)) {
        level = Level::Critical;
        fields.retain(|(key, _)| key != CRITICAL);
    }
    let target = record.target();
    let name = target.strip_prefix("rockpool::").unwrap_or(if target == "rockpool" { "" } else { target });
    Entry {
        time,
        level,
        name: name.replace("::", "."),
        message: record.args().to_string(),
        fields,
        caller: record.file().zip(record.line()).map(|(file, line)| (file.to_owned(), line)),
        module: record.module_path().unwrap_or_default().to_owned(),
    }
}

struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let value = if let Some(flag) = value.to_bool() {
            json!(flag)
        } else if let Some(number) = value.to_i64() {
            json!(number)
        } else if let Some(number) = value.to_u64() {
            json!(number)
        } else if let Some(number) = value.to_f64() {
            json!(number)
        } else {
            json!(value.to_string())
        };
        self.0.push((key.to_string(), value));
        Ok(())
    }
}

impl Format {
    /// One line without its newline. People's lines have colours on a terminal.
    pub fn line(self, entry: &Entry, colours: bool) -> String {
        match self {
            Format::Human => human(entry, colours),
            Format::Json => json_line(entry).to_string(),
            Format::Stackdriver => stackdriver(entry).to_string(),
        }
    }
}

fn human(entry: &Entry, colours: bool) -> String {
    let (label, colour) = match entry.level {
        Level::Debug => ("[debu]", 90),
        Level::Info => ("[info]", 34),
        Level::Warn => ("[warn]", 33),
        Level::Error => ("[erro]", 31),
        Level::Critical => ("[crit]", 31),
    };
    let paint = |text: &str, colour: u8| {
        if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut line = format!("{} {}  ", paint(&clock_face(entry.time), 90), paint(label, colour));
    if !entry.name.is_empty() {
        let _ = write!(line, "{}: ", quoted(&entry.name));
    }
    // One text of several lines goes below the others, lined up: the message, else the first such field.
    let message = entry.message.trim();
    let mut below = message.contains('\n').then_some(("msg", message));
    if below.is_some() {
        line.push_str("...");
    } else {
        line.push_str(&escaped(message));
    }
    let mut skipped = None;
    if below.is_none() {
        let long = entry.fields.iter().enumerate().find_map(|(at, (key, value))| match value {
            Json::String(text) if text.trim().contains('\n') => Some((at, key.as_str(), text.trim())),
            _ => None,
        });
        if let Some((at, key, text)) = long {
            (skipped, below) = (Some(at), Some((key, text)));
        }
    }
    for (at, (key, value)) in entry.fields.iter().enumerate() {
        if skipped != Some(at) {
            let key = key.replace(' ', "_");
            let _ = write!(line, "  {}{}", paint(&format!("{}=", quoted(&key)), 90), value_text(value));
        }
    }
    if let Some((key, text)) = below {
        if skipped.is_some() {
            line.push_str(" ...");
        }
        let pad = " ".repeat(4 + key.len() + 2);
        for (at, part) in text.split('\n').enumerate() {
            let _ = match (at, part) {
                (0, part) => write!(line, "\n    {} {}", paint(&format!("{key}="), 90), escaped(part)),
                (_, "") => writeln!(line),
                (_, part) => write!(line, "\n{pad}{}", escaped(part)),
            };
        }
    }
    line
}

/// `2024-03-26 06:20:12.067`, in UTC.
fn clock_face(time: Time) -> String {
    let at = jiff::tz::Offset::UTC.to_datetime(time.timestamp());
    let millis = time.millis().rem_euclid(1000);
    let (date, clock) = (at.date(), at.time());
    format!("{date} {:02}:{:02}:{:02}.{millis:03}", clock.hour(), clock.minute(), clock.second())
}

fn value_text(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text).into_owned(),
        other => other.to_string(),
    }
}

/// The text as it is, or in quotes when it is empty or has spaces, quotes or control characters in it.
fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"' && c != '\\';
    if !text.is_empty() && text.chars().all(plain) { Cow::Borrowed(text) } else { Cow::Owned(format!("{text:?}")) }
}

/// Control characters written out, for a log must not move the cursor.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let each =
        text.chars().map(|c| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.into() });
    Cow::Owned(each.collect())
}

fn fields_json(entry: &Entry) -> Map<String, Json> {
    entry.fields.iter().cloned().collect()
}

fn json_line(entry: &Entry) -> Json {
    let level = match entry.level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
        Level::Critical => "CRITICAL",
    };
    let caller = entry.caller.as_ref().map(|(file, line)| format!("{file}:{line}")).unwrap_or_default();
    let mut line = json!({
        "ts": entry.time.to_string(),
        "level": level,
        "msg": entry.message,
        "caller": caller,
        "func": entry.module,
    });
    if !entry.name.is_empty() {
        line["logger_names"] = entry.name.split('.').collect();
    }
    if !entry.fields.is_empty() {
        line["fields"] = Json::Object(fields_json(entry));
    }
    line
}

fn stackdriver(entry: &Entry) -> Json {
    let severity = match entry.level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warn => "WARNING",
        Level::Error => "ERROR",
        Level::Critical => "CRITICAL",
    };
    let (file, line_number) = entry.caller.clone().unwrap_or_default();
    let mut line = json!({
        "logging.googleapis.com/severity": severity,
        "severity": severity,
        "message": entry.message,
        "timestampSeconds": entry.time.seconds(),
        "timestampNanos": entry.time.micros().rem_euclid(1_000_000) * 1000,
        "logging.googleapis.com/sourceLocation": { "file": file, "line": line_number, "function": entry.module },
    });
    if !entry.name.is_empty() {
        line["logging.googleapis.com/operation"] = json!({ "producer": entry.name });
    }
    for (key, value) in fields_json(entry) {
        line[key] = value;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(level: Level, name: &str, message: &str, fields: &[(&str, Json)]) -> Entry {
        Entry {
            time: Time::parse("2024-03-26T06:20:12.067891Z").expect("it is a time"),
            level,
            name: name.to_owned(),
            message: message.to_owned(),
            fields: fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            caller: Some(("src/x.rs".to_owned(), 7)),
            module: "rockpool::x".to_owned(),
        }
    }

    #[test]
    fn lines_for_people_are_the_ones_tools_look_for() {
        let head = "2024-03-26 06:20:12.067";
        for (level, name, message, fields, want) in [
            (
                Level::Warn,
                "terraform",
                "message",
                &[("key", json!("value"))][..],
                "[warn]  terraform: message  key=value",
            ),
            (Level::Info, "", "ready", &[], "[info]  ready"),
            (
                Level::Debug,
                "http.porter",
                "x",
                &[("n", json!(3)), ("on", json!(true))],
                "[debu]  http.porter: x  n=3  on=true",
            ),
            (Level::Error, "", "x", &[("a b", json!("c d")), ("e", json!(""))], "[erro]  x  a_b=\"c d\"  e=\"\""),
            (Level::Critical, "", "x", &[("quote", json!("\""))], "[crit]  x  quote=\"\\\"\""),
            (Level::Info, "", "one\ntwo", &[("k", json!(1))], "[info]  ...  k=1\n    msg= one\n         two"),
            (Level::Info, "", "x", &[("out", json!("one\n\ntwo\n"))], "[info]  x ...\n    out= one\n\n         two"),
            (
                Level::Info,
                "",
                "x",
                &[("out", json!("one\n\u{1b}[2Jtwo"))],
                "[info]  x ...\n    out= one\n         \\u{1b}[2Jtwo",
            ),
        ] {
            assert_eq!(Format::Human.line(&entry_of(level, name, message, fields), false), format!("{head} {want}"));
        }
    }

    #[test]
    fn json_lines_have_the_reference_keys_in_order() {
        let entry = entry_of(Level::Warn, "coderd.http", "slow", &[("took_ms", json!(12))]);
        assert_eq!(
            Format::Json.line(&entry, false),
            r#"{"ts":"2024-03-26T06:20:12.067891Z","level":"WARN","msg":"slow","caller":"src/x.rs:7","func":"rockpool::x","logger_names":["coderd","http"],"fields":{"took_ms":12}}"#
        );
        assert_eq!(
            Format::Stackdriver.line(&entry, false),
            r#"{"logging.googleapis.com/severity":"WARNING","severity":"WARNING","message":"slow","timestampSeconds":1711434012,"timestampNanos":67891000,"logging.googleapis.com/sourceLocation":{"file":"src/x.rs","line":7,"function":"rockpool::x"},"logging.googleapis.com/operation":{"producer":"coderd.http"},"took_ms":12}"#
        );
    }

    #[test]
    fn records_are_taken_down_with_their_types() {
        let kvs: &[(&str, kv::Value<'_>)] = &[
            ("n", kv::Value::from(3)),
            ("f", kv::Value::from(1.5)),
            ("on", kv::Value::from(true)),
            ("text", kv::Value::from("a b")),
            ("critical", kv::Value::from(true)),
        ];
        let args = format_args!("it broke");
        let record =
            Record::builder().level(log::Level::Error).target("rockpool::a::b").args(args).key_values(&kvs).build();
        let entry = entry(&record, Time::from_micros(0));
        assert_eq!((entry.level, entry.name.as_str(), entry.message.as_str()), (Level::Critical, "a.b", "it broke"));
        let want = [("n", json!(3)), ("f", json!(1.5)), ("on", json!(true)), ("text", json!("a b"))];
        assert_eq!(entry.fields, want.map(|(key, value)| (key.to_owned(), value)));
    }
}
