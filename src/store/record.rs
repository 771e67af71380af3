//! Rows as structs: [`rows!`] declares a struct once and gives it its columns, how it is read and
//! how its fields are bound as arguments.

use crate::store::Error;
use crate::store::clause::Where;
use crate::store::driver::Row;
use crate::store::value::{FromColumn, ToValue, Value};

/// What a query can answer with.
pub trait FromRow: Clone + Send + Sync + Sized + 'static {
    /// The columns it reads, in order: what `{row}` stands for. Empty for a single value.
    const COLUMNS: &'static [&'static str];
    /// Reads it, its first column at `at`.
    fn from_row(row: &dyn Row, at: usize) -> Result<Self, Error>;
}

impl<T: FromColumn + Clone + Send + Sync + 'static> FromRow for T {
    const COLUMNS: &'static [&'static str] = &[];
    fn from_row(row: &dyn Row, at: usize) -> Result<Self, Error> {
        T::from_column(row.column(at)?)
    }
}

/// A row of a page, and how many rows there are on all pages: `SELECT {row}, count(*) OVER () ...`.
#[derive(Debug, Clone)]
pub struct Counted<T> {
    /// The row.
    pub row: T,
    /// How many there are in all.
    pub count: i64,
}

impl<T: FromRow> FromRow for Counted<T> {
    const COLUMNS: &'static [&'static str] = T::COLUMNS;
    fn from_row(row: &dyn Row, at: usize) -> Result<Self, Error> {
        Ok(Counted { row: T::from_row(row, at)?, count: i64::from_column(row.column(at + T::COLUMNS.len())?)? })
    }
}

/// What can stand in a query's parameter list: one value under the parameter's name, a record that
/// gives each field under its own, or a [`Where`] that fills in `{where}`.
pub trait Bind {
    /// Adds the names of what it binds, in the order of [`bind`](Bind::bind).
    fn names(name: &'static str, out: &mut Vec<&'static str>);
    /// Adds what it binds.
    fn bind<'a>(&'a self, name: &'static str, out: &mut Bound<'a>);
}

/// The arguments of one call.
#[derive(Default)]
pub struct Bound<'a> {
    /// Names and values, in the order of the parameter list.
    pub values: Vec<(&'static str, Value<'a>)>,
    /// What stands for `{where}`.
    pub clause: Option<&'a Where>,
}

impl<T: ToValue> Bind for T {
    fn names(name: &'static str, out: &mut Vec<&'static str>) {
        out.push(name);
    }
    fn bind<'a>(&'a self, name: &'static str, out: &mut Bound<'a>) {
        out.values.push((name, self.to_value()));
    }
}

impl Bind for Where {
    fn names(_: &'static str, _: &mut Vec<&'static str>) {}
    fn bind<'a>(&'a self, _: &'static str, out: &mut Bound<'a>) {
        out.clause = Some(self);
    }
}

impl Bind for &Where {
    fn names(_: &'static str, _: &mut Vec<&'static str>) {}
    fn bind<'a>(&'a self, _: &'static str, out: &mut Bound<'a>) {
        out.clause = Some(self);
    }
}

/// Declares row structs. A field is a column of the same name, or of the name given after `=`.
macro_rules! rows {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident: $type:ty $(= $column:literal)?),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[allow(missing_docs, reason = "the fields are the schema's own columns")]
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $type),* }

        impl $crate::store::record::FromRow for $name {
            const COLUMNS: &'static [&'static str] = &[$($crate::store::record::rows!(@column $field $(= $column)?)),*];
            fn from_row(row: &dyn $crate::store::driver::Row, at: usize) -> Result<Self, $crate::store::Error> {
                let mut next = at..;
                Ok($name {
                    $($field: {
                        let at = next.next().unwrap_or_default();
                        let column = row.column(at)?;
                        $crate::store::value::FromColumn::from_column(column).map_err(|e| $crate::store::record::at(e, stringify!($name), stringify!($field)))?
                    }),*
                })
            }
        }

        impl $crate::store::record::Bind for $name {
            fn names(_: &'static str, out: &mut Vec<&'static str>) {
                out.extend_from_slice(<$name as $crate::store::record::FromRow>::COLUMNS);
            }
            fn bind<'a>(&'a self, _: &'static str, out: &mut $crate::store::record::Bound<'a>) {
                $(out.values.push(($crate::store::record::rows!(@column $field $(= $column)?), $crate::store::value::ToValue::to_value(&self.$field)));)*
            }
        }
        impl $crate::store::record::Bind for &$name {
            fn names(name: &'static str, out: &mut Vec<&'static str>) {
                <$name as $crate::store::record::Bind>::names(name, out);
            }
            fn bind<'a>(&'a self, name: &'static str, out: &mut $crate::store::record::Bound<'a>) {
                (**self).bind(name, out)
            }
        }
    )*};
    (@column $field:ident = $column:literal) => { $column };
    (@column $field:ident) => { stringify!($field) };
}
pub(crate) use rows;

/// Says where a value that could not be read stands.
pub fn at(e: Error, record: &str, field: &str) -> Error {
    match e {
        Error::Decode(what) => Error::Decode(format!("{record}.{field}: {what}")),
        other => other,
    }
}
