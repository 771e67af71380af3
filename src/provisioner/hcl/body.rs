//! A file's attributes and blocks as they are written, before anybody knows what a block means.
//!
//! Reading takes what it knows out of a body; what is left then is not expected there ([`Block::done`]).

use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure as syntax;

use super::eval;
use super::place::{Diagnostic, FileText, Place, Result};
use super::value::Value;

/// An attribute: a name and an expression.
#[derive(Clone, Debug)]
pub struct Attr {
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub expr: Expression,
    /// Where it is.
    pub place: Place,
}

/// A block: a word, labels, and what is in braces.
#[derive(Clone, Debug)]
pub struct Block {
    /// The word.
    pub kind: String,
    /// The labels.
    pub labels: Vec<String>,
    /// What is in braces.
    pub body: Body,
    /// Where it begins.
    pub place: Place,
}

/// What is in a block's braces, or in a file.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The attributes, in order.
    pub attrs: Vec<Attr>,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
}

impl Body {
    /// The attribute of that name.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.iter().find(|a| a.name == name)
    }
    pub(super) fn take(&mut self, name: &str) -> Option<Attr> {
        let at = self.attrs.iter().position(|a| a.name == name)?;
        Some(self.attrs.remove(at))
    }
    pub(super) fn take_blocks(&mut self, kind: &str) -> Vec<Block> {
        let (taken, kept) = std::mem::take(&mut self.blocks).into_iter().partition(|b| b.kind == kind);
        self.blocks = kept;
        taken
    }
    pub(super) fn from_syntax(body: &syntax::Body, file: &Arc<FileText>) -> Body {
        let place = |span: Option<std::ops::Range<usize>>| Place {
            file: file.clone(),
            at: span.map_or(0, |s| s.start),
            exact: true,
        };
        let mut out = Body::default();
        for structure in body.iter() {
            match structure {
                syntax::Structure::Attribute(a) => out.attrs.push(Attr {
                    name: a.key.as_str().to_owned(),
                    expr: a.value.clone(),
                    place: place(a.key.span()),
                }),
                syntax::Structure::Block(b) => out.blocks.push(Block {
                    kind: b.ident.as_str().to_owned(),
                    labels: b.labels.iter().map(|l| l.as_str().to_owned()).collect(),
                    body: Body::from_syntax(&b.body, file),
                    place: place(b.ident.span()),
                }),
            }
        }
        out
    }
}

impl Block {
    /// The block in messages: its word and labels.
    pub fn title(&self) -> String {
        let labels: String = self.labels.iter().map(|l| format!(" {l:?}")).collect();
        format!("{}{labels}", self.kind)
    }
    pub(super) fn labeled(&self, n: usize) -> Result<&[String]> {
        if self.labels.len() == n {
            return Ok(&self.labels);
        }
        let what = format!("a {} block takes {n} label(s), not {}", self.kind, self.labels.len());
        Err(Diagnostic::new(what, Some(&self.place), &self.title()))
    }
    pub(super) fn constant(&mut self, name: &str) -> Result<Option<Value>> {
        let Some(attr) = self.body.take(name) else { return Ok(None) };
        let value = eval::constant(&attr.expr).map_err(|e| Diagnostic::failed(&e, &attr.place, &self.title()))?;
        Ok(Some(value))
    }
    pub(super) fn flag(&mut self, name: &str, otherwise: bool) -> Result<bool> {
        let place = self.body.attr(name).map(|a| a.place.clone());
        match self.constant(name)? {
            None => Ok(otherwise),
            Some(v) if v.is_null() => Ok(otherwise),
            Some(v) => v
                .to_bool()
                .ok_or_else(|| Diagnostic::new(format!("{name} must be true or false"), place.as_ref(), &self.title())),
        }
    }
    pub(super) fn done(&self) -> Result<()> {
        let attr = self.body.attrs.first().map(|a| (format!("an attribute named {:?}", a.name), &a.place));
        let block = self.body.blocks.first().map(|b| (format!("blocks of type {:?}", b.kind), &b.place));
        match attr.or(block) {
            None => Ok(()),
            Some((what, place)) => {
                Err(Diagnostic::new(format!("{what} is not expected here"), Some(place), &self.title()))
            }
        }
    }
}
