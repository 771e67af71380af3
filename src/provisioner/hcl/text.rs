//! Text templates: literals, `${...}`, `%{ if }` and `%{ for }`, with strip markers.

use hcl_edit::Span;
use hcl_edit::template::{Directive, Element, Strip, Template};

use super::eval::{EvalError, Evaluator, Result, pairs};
use super::functions::MAX_BYTES;
use super::operators::operand;
use super::value::Value;

impl<'a> Evaluator<'a> {
    /// Works out a text template.
    pub fn template(&mut self, template: &'a Template) -> Result<Value> {
        let mut text = Text::default();
        self.fill(template, &mut text, Strip::None, Strip::None)?;
        Ok(match text.unknown {
            true => Value::UNKNOWN.marked(text.sensitive),
            false => Value::from(text.text).marked(text.sensitive),
        })
    }

    fn fill(&mut self, template: &'a Template, out: &mut Text, before: Strip, after: Strip) -> Result<()> {
        let elements: Vec<&Element> = template.iter().collect();
        for (n, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(literal) => {
                    let left = n.checked_sub(1).map_or(before, |i| ends(elements[i]).1);
                    let right = elements.get(n + 1).map_or(after, |e| ends(e).0);
                    out.text.push_str(stripped(literal, left.strip_end(), right.strip_start()));
                }
                Element::Interpolation(one) => {
                    let value = self.expr(&one.expr)?;
                    out.add(&value).map_err(|e| e.or_at(one.expr.span()))?;
                }
                Element::Directive(directive) => match &**directive {
                    Directive::If(d) => {
                        let cond = self.expr(&d.if_expr.cond_expr)?;
                        out.sensitive |= cond.sensitive;
                        if cond.is_unknown() {
                            out.unknown = true;
                            continue;
                        }
                        let end = d.endif_expr.strip;
                        match (operand(cond.to_bool(), "a bool condition", &cond)?, &d.else_expr) {
                            (true, els) => {
                                let end = els.as_ref().map_or(end, |e| e.strip);
                                self.fill(&d.if_expr.template, out, d.if_expr.strip, end)?;
                            }
                            (false, Some(els)) => self.fill(&els.template, out, els.strip, end)?,
                            (false, None) => {}
                        }
                    }
                    Directive::For(d) => {
                        let collection = self.expr(&d.for_expr.collection_expr)?;
                        out.sensitive |= collection.sensitive;
                        if collection.is_unknown() {
                            out.unknown = true;
                            continue;
                        }
                        let depth = self.locals.len();
                        for (key, value) in pairs(&collection)? {
                            if let Some(name) = &d.for_expr.key_var {
                                self.locals.push((name.as_str(), key));
                            }
                            self.locals.push((d.for_expr.value_var.as_str(), value));
                            let filled = self.fill(&d.for_expr.template, out, d.for_expr.strip, d.endfor_expr.strip);
                            self.locals.truncate(depth);
                            filled?;
                        }
                    }
                },
            }
            if out.text.len() > MAX_BYTES {
                return Err(EvalError::new(format!("the text is longer than {MAX_BYTES} bytes")));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Text {
    text: String,
    unknown: bool,
    sensitive: bool,
}

impl Text {
    fn add(&mut self, value: &Value) -> Result<()> {
        self.sensitive |= value.sensitive;
        if value.is_unknown() {
            self.unknown = true;
            return Ok(());
        }
        let text = value.to_text().ok_or_else(|| {
            EvalError::new(format!("a text cannot include {}; only strings, numbers and bools fit in", value.kind()))
        })?;
        self.text.push_str(&text);
        Ok(())
    }
}

/// The strip markers at the beginning and the end of an element.
fn ends(element: &Element) -> (Strip, Strip) {
    match element {
        Element::Literal(_) => (Strip::None, Strip::None),
        Element::Interpolation(i) => (i.strip, i.strip),
        Element::Directive(d) => match &**d {
            Directive::If(d) => (d.if_expr.strip, d.endif_expr.strip),
            Directive::For(d) => (d.for_expr.strip, d.endfor_expr.strip),
        },
    }
}

/// A literal without the space up to its first line break at either end.
fn stripped(mut text: &str, start: bool, end: bool) -> &str {
    let blank = |c: char| c.is_whitespace() && c != '\r' && c != '\n';
    if start {
        text = text.trim_start_matches(blank);
        text = text.strip_prefix("\r\n").or(text.strip_prefix('\n')).unwrap_or(text);
    }
    if end {
        text = text.trim_end_matches(blank);
        text = text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text);
    }
    text
}
