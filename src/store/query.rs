//! [`queries!`]: declares queries, each once. From a declaration come the method on
//! [`Db`](super::Db), its counter and timer, its authorization check and its line in the list of all
//! queries.
//!
//! ```text
//! /// Changes the status of a user the caller may update.
//! UpdateUserStatus = update_user_status(db, id: Uuid, status: UserStatus, now: Time) -> one User;
//!     allow(on Update db.unguarded().get_user_by_id(id)?),
//!     sql "UPDATE users SET status = :status, updated_at = :now WHERE id = :id RETURNING {row}";
//! ```
//!
//! Shapes: `one T` (a missing row is [`Error::NotFound`](super::Error::NotFound)), `many T`, `exec` (rows changed).
//! What the text may hold: [`statement`](super::statement). Rules:
//!
//! | `allow(...)` | asks |
//! |---|---|
//! | `none` | nothing: the reference does not check either |
//! | `system Action Resource` | the action on the bare resource |
//! | `object Action expr` | the action on an object built from the arguments |
//! | `on Action expr` | the action on another row, fetched first |
//! | `row Action` | the action on the row that was found |
//! | `via Action \|row\| expr` | the action on a row that the found one belongs to |
//! | `rows Action` | leaves out rows that fail |
//! | `filter Action Resource COLUMNS` | `{filter}` in the text, derived from the subject |
//! | `check expr` | whatever `expr: Result<(), Error>` says |
//!
//! A rule runs before its statement, in one transaction with it when the statement writes.
//!
//! `kept Watch` after the rule: the answer is kept in memory for as long as the [watch](super::watch) stands still. For rows
//! that nearly every request reads. The rule is asked each time all the same.

macro_rules! queries {
    ($($(#[$meta:meta])* $name:ident = $method:ident($db:ident $(, $arg:ident: $type:ty)* $(,)?) -> $shape:ident $($row:ty)?;
        allow($($rule:tt)*), $(kept $watch:ident,)? sql $sql:expr $(, pg $pg:expr)?;)*) => {
        /// The queries declared here.
        pub static QUERIES: &[&$crate::store::statement::Query] = &[$(&declared::$method),*];

        #[allow(non_upper_case_globals, unused_imports, reason = "the names are the metrics' own; a file may declare what no row type is needed for")]
        mod declared {
            use super::*;
            $(pub(super) static $method: $crate::store::statement::Query = $crate::store::query::queries!(@info $name $method [$($arg: $type),*] [$($rule)*] [$($watch)?] $sql, [$($pg)?], [$($row)?]);)*
        }

        #[allow(clippy::too_many_arguments, reason = "a query has as many as its statement needs")]
        impl $crate::store::Db {$(
            $(#[$meta])*
            pub fn $method(&self $(, $arg: $type)*) -> Result<$crate::store::query::queries!(@answer $shape $($row)?), $crate::store::Error> {
                let query = &declared::$method;
                #[allow(unused_mut, reason = "a query without arguments adds none")]
                let mut bound = $crate::store::record::Bound::default();
                $($crate::store::record::Bind::bind(&$arg, stringify!($arg), &mut bound);)*
                $crate::store::query::queries!(@run self, query $shape [$($row)?] bound $db [$($rule)*])
            }
        )*}
    };

    (@info $name:ident $method:ident [$($arg:ident: $type:ty),*] [$($rule:tt)*] [$($watch:ident)?] $sql:expr, [$($pg:expr)?], [$($row:ty)?]) => {
        $crate::store::statement::Query {
            name: stringify!($name),
            method: stringify!($method),
            rule: stringify!($($rule)*),
            sql: $sql,
            pg: $crate::store::query::queries!(@pg $($pg)?),
            kept: $crate::store::query::queries!(@kept $($watch)?),
            columns: $crate::store::query::queries!(@columns $($row)?),
            arguments: || {
                #[allow(unused_mut, reason = "a query without arguments adds none")]
                let mut names = Vec::new();
                $(<$type as $crate::store::record::Bind>::names(stringify!($arg), &mut names);)*
                names
            },
            prepared: [const { std::sync::OnceLock::new() }; 2],
        }
    };
    (@kept) => { None };
    (@kept $watch:ident) => { Some($crate::store::watch::Watch::$watch) };
    (@pg) => { None };
    (@pg $pg:expr) => { Some($pg) };
    (@columns) => { &[] };
    (@columns $row:ty) => { <$row as $crate::store::record::FromRow>::COLUMNS };
    (@answer one $row:ty) => { $row };
    (@answer many $row:ty) => { Vec<$row> };
    (@answer exec) => { u64 };

    (@run $self:ident, $query:ident one [$row:ty] $bound:ident $db:ident $rule:tt) => {
        $self.run_one::<$row>($query, &$bound, &$crate::store::query::queries!(@before $db $rule), &$crate::store::query::queries!(@keep $row, $db $rule))
    };
    (@run $self:ident, $query:ident many [$row:ty] $bound:ident $db:ident $rule:tt) => {
        $self.run_many::<$row>($query, &$bound, &$crate::store::query::queries!(@before $db $rule), &$crate::store::query::queries!(@keep $row, $db $rule))
    };
    (@run $self:ident, $query:ident exec [] $bound:ident $db:ident $rule:tt) => {
        $self.run_exec($query, &$bound, &$crate::store::query::queries!(@before $db $rule))
    };

    (@before $db:ident [system $action:ident $resource:ident]) => {
        |$db: &$crate::store::Db| { $db.require($crate::rbac::Action::$action, &$crate::rbac::Object::of($crate::rbac::Resource::$resource))?; Ok(None) }
    };
    (@before $db:ident [object $action:ident $object:expr]) => {
        |$db: &$crate::store::Db| { $db.require($crate::rbac::Action::$action, &$object)?; Ok(None) }
    };
    (@before $db:ident [on $action:ident $row:expr]) => {
        |$db: &$crate::store::Db| { $db.require_on($crate::rbac::Action::$action, &$row)?; Ok(None) }
    };
    (@before $db:ident [check $check:expr]) => {
        |$db: &$crate::store::Db| { $check?; Ok(None) }
    };
    (@before $db:ident [filter $action:ident $resource:ident $columns:expr]) => {
        |$db: &$crate::store::Db| Ok($db.visible($crate::rbac::Action::$action, $crate::rbac::Resource::$resource, &$columns))
    };
    (@before $db:ident $rule:tt) => { |_: &$crate::store::Db| Ok(None) };

    (@keep $type:ty, $db:ident [row $action:ident]) => {
        |$db: &$crate::store::Db, row: &$type| { $db.require_on($crate::rbac::Action::$action, row)?; Ok(true) }
    };
    (@keep $type:ty, $db:ident [via $action:ident |$row:ident| $owner:expr]) => {
        |$db: &$crate::store::Db, $row: &$type| { $db.require_on($crate::rbac::Action::$action, &$owner)?; Ok(true) }
    };
    (@keep $type:ty, $db:ident [rows $action:ident]) => {
        |$db: &$crate::store::Db, row: &$type| Ok($db.may_on($crate::rbac::Action::$action, row))
    };
    (@keep $type:ty, $db:ident $rule:tt) => { |_: &$crate::store::Db, _: &$type| Ok(true) };
}
pub(crate) use queries;
