//! The schema on Postgres: its catalogue against the reference's, migrations both ways, and what its triggers and
//! views do. These tests belong to the run on Postgres; in the other one they have nothing to do.

mod behaviour;
mod catalogue;
mod elsewhere;
mod migrations;

use std::collections::BTreeSet;

use postgres::Client;
use regex::Regex;

/// The first column of what a query finds, as text.
fn column(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).unwrap_or_else(|err| panic!("{sql}: {err:?}"));
    rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".to_owned())).collect()
}

/// Everything in the schema that is not of the reference's bookkeeping, a line each: tables with their persistence,
/// columns in their order, constraints, indexes, types, views, triggers, functions and sequences.
fn live(client: &mut Client) -> BTreeSet<String> {
    let ours = "JOIN pg_namespace AS home ON home.nspname = current_schema()";
    // Times in defaults are shown in the session's zone.
    client.batch_execute("SET timezone = 'UTC'").expect("the time zone");
    let mut lines = BTreeSet::new();
    for sql in [
        format!(
            "SELECT CASE relpersistence WHEN 'u' THEN 'unlogged ' ELSE '' END || 'table ' || relname
             FROM pg_class {ours} WHERE relnamespace = home.oid AND relkind IN ('r', 'p')"
        ),
        format!(
            "SELECT 'column ' || relname || ' ' || row_number() OVER (PARTITION BY class.oid ORDER BY attnum) || ' '
                || attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
                || coalesce(CASE attgenerated WHEN 's' THEN ' GENERATED' ELSE ' DEFAULT' END
                    || regexp_replace(' ' || pg_get_expr(adbin, adrelid), '\\s+', ' ', 'g'), '')
             FROM pg_class AS class {ours} JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
             LEFT JOIN pg_attrdef ON adrelid = class.oid AND adnum = attnum
             WHERE relnamespace = home.oid AND relkind IN ('r', 'p', 'v')"
        ),
        format!(
            "SELECT 'constraint ' || class.relname || ' ' || conname || ' ' || pg_get_constraintdef(con.oid)
             FROM pg_constraint AS con {ours} JOIN pg_class AS class ON class.oid = conrelid
             WHERE connamespace = home.oid AND contype <> 'n'"
        ),
        format!(
            "SELECT 'index ' || pg_get_indexdef(indexrelid) FROM pg_index {ours} JOIN pg_class ON pg_class.oid = indexrelid
             WHERE relnamespace = home.oid AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"
        ),
        format!(
            "SELECT 'enum ' || typname || ' ' || string_agg(enumlabel, ' ' ORDER BY enumsortorder)
             FROM pg_type AS type {ours} JOIN pg_enum ON enumtypid = type.oid WHERE typnamespace = home.oid GROUP BY typname"
        ),
        format!(
            "SELECT 'domain ' || typname || ' ' || format_type(typbasetype, typtypmod)
             FROM pg_type {ours} WHERE typnamespace = home.oid AND typtype = 'd'"
        ),
        format!(
            "SELECT 'type ' || relname || ' ' || string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
             FROM pg_class AS class {ours} JOIN pg_attribute ON attrelid = class.oid
             WHERE relnamespace = home.oid AND relkind = 'c' GROUP BY relname"
        ),
        format!("SELECT 'view ' || relname FROM pg_class {ours} WHERE relnamespace = home.oid AND relkind = 'v'"),
        format!(
            "SELECT 'sequence ' || class.relname || ' ' || coalesce(owner.relname || '.' || attname, '')
             FROM pg_class AS class {ours}
             LEFT JOIN pg_depend AS owns ON owns.objid = class.oid AND owns.deptype = 'a' AND owns.classid = 'pg_class'::regclass
             LEFT JOIN pg_class AS owner ON owner.oid = owns.refobjid
             LEFT JOIN pg_attribute ON attrelid = owner.oid AND attnum = owns.refobjsubid
             WHERE class.relnamespace = home.oid AND class.relkind = 'S'"
        ),
        format!(
            "SELECT 'function ' || proname || '(' || pg_get_function_identity_arguments(pro.oid) || ') returns '
                || pg_get_function_result(pro.oid)
             FROM pg_proc AS pro {ours} WHERE pronamespace = home.oid"
        ),
        format!(
            "SELECT 'trigger ' || pg_get_triggerdef(trig.oid) FROM pg_trigger AS trig {ours}
             JOIN pg_class AS class ON class.oid = tgrelid WHERE relnamespace = home.oid AND NOT tgisinternal"
        ),
    ] {
        lines.extend(column(client, &sql));
    }
    // Postgres names the schema in what makes indexes and triggers, wherever the search path leads.
    let schema = column(client, "SELECT quote_ident(current_schema())").remove(0);
    let named = Regex::new(&format!(r"( ON | FUNCTION ){}\.", regex::escape(&schema))).expect("a pattern");
    lines.into_iter().map(|line| named.replace_all(&line, "$1").into_owned()).collect()
}
