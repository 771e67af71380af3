//! Where in a template something is, and what is wrong there.

use std::fmt;
use std::sync::Arc;

use super::eval::EvalError;

/// One configuration file.
#[derive(Debug, PartialEq, Eq)]
pub struct FileText {
    /// Its path in the template.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl FileText {
    /// The line of a byte, from 1.
    pub fn line_at(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().get(..byte).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|b| **b == b'\n').count()
    }
    /// The column of a byte, from 1, in characters.
    pub fn column_at(&self, byte: usize) -> usize {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        1 + before.chars().rev().take_while(|c| *c != '\n').count()
    }
    /// A line, from 1.
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    }
}

/// A place in a configuration file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<FileText>,
    /// The byte it begins at.
    pub at: usize,
    /// Whether bytes of expressions count in this file. They do not in JSON, where each string is
    /// parsed by itself.
    pub exact: bool,
}

impl Place {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.file.line_at(self.at)
    }
    /// Where within this place an expression failed, if that is known.
    pub fn narrowed(&self, error: &EvalError) -> Place {
        let at = error.at.filter(|at| self.exact && *at < self.file.text.len()).unwrap_or(self.at);
        Place { at, ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.name, self.line())
    }
}

/// Something wrong with a template.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// The block it is in, as `resource "coder_agent" "main"`.
    pub block: String,
    /// Whether Terraform would know what to do, and only this program does not.
    pub unsupported: bool,
}

/// What may be wrong with a template.
pub type Result<T> = std::result::Result<T, Diagnostic>;

impl Diagnostic {
    /// Something wrong with the template.
    pub fn new(message: impl Into<String>, place: Option<&Place>, block: &str) -> Diagnostic {
        let (message, block) = (message.into(), block.to_owned());
        Diagnostic { message, place: place.cloned(), block, unsupported: false }
    }
    /// Something this program leaves to Terraform. The message is what it is: `the provider "docker"`.
    pub fn unsupported(what: impl Into<String>, place: &Place, block: &str) -> Diagnostic {
        Diagnostic { unsupported: true, ..Diagnostic::new(what, Some(place), block) }
    }
    /// An expression that failed in the attribute or block at `place`.
    pub fn failed(error: &EvalError, place: &Place, block: &str) -> Diagnostic {
        let unsupported = error.unsupported;
        Diagnostic { unsupported, ..Diagnostic::new(error.message.as_str(), Some(&place.narrowed(error)), block) }
    }
    /// The lines a log shows: what, where, and the line of the template.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Error: {self}")];
        if let Some(place) = &self.place {
            let block = if self.block.is_empty() { String::new() } else { format!(", in {}", self.block) };
            lines.push(format!("on {} line {}{block}:", place.file.name, place.line()));
            lines.push(format!("  {}: {}", place.line(), place.file.line(place.line())));
        }
        lines
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if self.unsupported {
            let block = if self.block.is_empty() { "the template" } else { &self.block };
            return write!(f, "{block} needs Terraform: the embedded provisioner does not have {}", self.message);
        }
        f.write_str(&self.message)
    }
}
