//! The Postgres engine: a pool of connections to one server, 13 or later.
//!
//! Where to start: [`Postgres::open`] connects, [`session`] runs statements, [`values`] says how values travel,
//! [`fault`] what errors mean, [`target`] and [`tls`] how the server is found. Nothing here names a schema: tables are
//! found by the `search_path` of the connection.

mod fault;
mod options;
mod passfile;
mod pool;
mod session;
mod target;
mod tls;
mod values;

use std::time::{Duration, Instant};

use postgres::Client;

pub use options::PostgresOptions;
pub use target::{Target, TargetError};

use self::pool::{Lease, Pool};
use crate::store::driver::{Conn, Dialect, Driver, Row, Transaction};
use crate::store::value::Value;
use crate::store::{Error, migrate};

/// The oldest server, as it numbers itself.
const OLDEST_VERSION: i32 = 130_000;
/// How long a server that does not answer is waited for at start.
const START_PATIENCE: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(3);
const PING_PATIENCE: Duration = Duration::from_secs(5);

/// An open database.
pub struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Connects, waiting up to half a minute for a server that is still starting, and brings the schema up to date.
    pub fn open(options: &PostgresOptions) -> Result<Postgres, Error> {
        let mut client = connect(&options.target)?;
        migrate::postgres::up(&mut client).map_err(|e| Error::Unavailable(format!("migrate up: {e}")))?;
        Ok(Postgres { pool: Pool::new(options) })
    }
}

/// A connection outside any pool, to a server that is new enough.
pub fn connect(target: &Target) -> Result<Client, Error> {
    let until = Instant::now() + START_PATIENCE;
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    let mut client = loop {
        let failed = match target.connect().and_then(|mut client| client.is_valid(PING_PATIENCE).map(|()| client)) {
            Ok(client) => break client,
            Err(e) => e,
        };
        let why = fault::with_cause(&failed);
        // Waiting changes neither a password nor the lack of TLS.
        if target.refuses_for_good(&failed) || Instant::now() + wait > until {
            let hint = target.hint(&failed);
            let tries = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
            return Err(Error::Unavailable(format!(
                "cannot connect to Postgres at {target} after {tries}: {why}{hint}"
            )));
        }
        log::warn!(target: "store", tries; "connecting to Postgres at {target} failed, trying again: {why}");
        std::thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
        tries += 1;
    };
    let number: String =
        client.query_one("SELECT current_setting('server_version_num')", &[]).map_err(fault::fault)?.get(0);
    match number.parse::<i32>() {
        Ok(number) if number >= OLDEST_VERSION => Ok(client),
        _ => Err(Error::Unavailable(format!(
            "the server at {target} is PostgreSQL {}, and 13 or newer is needed",
            number.parse().map_or(number, |n: i32| format!("{}.{}", n / 10_000, n % 10_000)),
        ))),
    }
}

impl Driver for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }
    fn reader(&self) -> Result<Box<dyn Conn>, Error> {
        Ok(Box::new(self.pool.lease()?))
    }
    fn writer(&self) -> Result<Box<dyn Conn>, Error> {
        Ok(Box::new(self.pool.lease()?))
    }
    fn pool(&self) -> crate::store::driver::Pool {
        self.pool.state()
    }
}

impl Conn for Lease {
    /// A connection that was lost while nobody looked, as when the server was restarted, shows at its first use:
    /// outside a transaction, where there are only readers, another one takes its place then.
    fn run(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
        on_row: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        if args.iter().any(holds_nul) {
            // Nothing that is stored can be equal to it.
            let asks = sql.trim_start().get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"));
            let why = "a text with the character U+0000 cannot be kept in Postgres";
            return if asks { Ok(0) } else { Err(Error::Refused(why.to_owned())) };
        }
        match self.session().run(sql, args, on_row) {
            Err(failed) if failed.try_another && !self.session().is_in_transaction() => {
                self.reconnect()?;
                self.session().run(sql, args, on_row)
            }
            answer => answer,
        }
        .map_err(|failed| failed.error)
    }

    fn begin(&mut self, transaction: Transaction) -> Result<(), Error> {
        match self.session().begin(transaction) {
            Err(failed) if failed.try_another => {
                self.reconnect()?;
                self.session().begin(transaction)
            }
            answer => answer,
        }
        .map_err(|failed| failed.error)
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.session().commit()
    }

    fn rollback(&mut self) -> Result<(), Error> {
        self.session().rollback()
    }
}

/// Whether it holds the one character that Postgres has no text with.
fn holds_nul(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.contains('\0'),
        Value::Texts(texts) => texts.iter().any(|text| text.contains('\0')),
        _ => false,
    }
}
