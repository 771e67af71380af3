//! TLS to Postgres: what each `sslmode` takes and refuses, of servers with and without it, and what a refusal says. Belongs to
//! the run on Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rockpool::store::postgres::{Target, connect};

use crate::support::eventually;
use crate::support::postgres::{self, Cluster, hand_over};

/// Who may connect to which database, and how.
const ACCESS: &str = "
    local   all       all              trust
    host    open      all 127.0.0.1/32 trust
    hostssl secret    all 127.0.0.1/32 trust
    hostssl certified all 127.0.0.1/32 cert
";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificates and keys, and a cluster that knows them.
struct Bench {
    folder: tempfile::TempDir,
    cluster: Cluster,
}

impl Bench {
    /// The cluster has no TLS yet, but all it takes.
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        fs::write(folder.path().join("ours.crt"), ours.pem()).unwrap();
        fs::write(folder.path().join("theirs.crt"), theirs.pem()).unwrap();
        for (name, authority, common_name, hosts) in [
            ("server", &ours, "server", vec!["localhost".to_owned()]),
            ("postgres", &ours, "postgres", vec![]),
            ("other", &ours, "somebody else", vec![]),
            ("stranger", &theirs, "postgres", vec![]),
        ] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(hosts).unwrap();
            params.distinguished_name.push(DnType::CommonName, common_name);
            let signed = params.signed_by(&key, authority).unwrap();
            fs::write(folder.path().join(format!("{name}.crt")), signed.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        fs::write(folder.path().join("access"), ACCESS).unwrap();
        for file in ["server.crt", "server.key", "ours.crt", "access"] {
            hand_over(&folder.path().join(file));
        }
        hand_over(folder.path());
        let access = format!("hba_file={}", folder.path().join("access").display());
        let cluster = Cluster::start(&["listen_addresses=127.0.0.1", &access]);
        let mut admin = ::postgres::Client::connect(&cluster.url(), ::postgres::NoTls).unwrap();
        for database in ["open", "secret", "certified"] {
            admin.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        }
        Bench { folder, cluster }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Switches TLS on, as an administrator does on a server that runs.
    fn switch_on(&self) {
        let mut admin = ::postgres::Client::connect(&self.cluster.url(), ::postgres::NoTls).unwrap();
        for (setting, file) in
            [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key"), ("ssl_ca_file", "ours.crt")]
        {
            admin.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{}'", self.file(file).display())).unwrap();
        }
        admin.batch_execute("ALTER SYSTEM SET ssl = on").unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        eventually("TLS", || self.try_it("localhost", "open", "sslmode=require").ok());
    }

    /// Connects by TCP; whether the connection is by TLS, or why there is none.
    fn try_it(&self, host: &str, database: &str, options: &str) -> Result<bool, String> {
        let url = format!("postgres://postgres@{host}:{}/{database}?{options}", self.cluster.port());
        let target = Target::parse(&url).map_err(|e| e.to_string())?;
        let mut client = connect(&target).map_err(|e| e.to_string())?;
        let asked = client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]);
        Ok(asked.unwrap().get(0))
    }

    fn with(&self, mode: &str, authority: Option<&str>, certificate: Option<&str>) -> String {
        let mut options = format!("sslmode={mode}");
        let mut add = |name: &str, file: &Path| options.push_str(&format!("&{name}={}", file.display()));
        if let Some(authority) = authority {
            add("sslrootcert", &self.file(&format!("{authority}.crt")));
        }
        if let Some(certificate) = certificate {
            add("sslcert", &self.file(&format!("{certificate}.crt")));
            add("sslkey", &self.file(&format!("{certificate}.key")));
        }
        options
    }
}

/// Long before a server that is away would be given up.
const AT_ONCE: Duration = Duration::from_secs(20);

const NO_TLS: &str = "server does not support TLS: switch TLS on there, or add sslmode=disable";
const NO_ENTRY: &str = "sslmode=require in the connection string";
const UNTRUSTED: &str = "is from an authority that is not trusted here; name the file";
const OTHER_HOST: &str = "is for another host; connect by a name that is in it";
const NOT_OURS: &str = "the server does not take our certificate; name one that it trusts";

#[test]
fn every_sslmode_takes_what_it_should_and_says_why_it_refuses() {
    if postgres::waits_for_its_run() {
        return;
    }
    let bench = Bench::new();
    let check = |host: &str, database: &str, options: &str, want: Result<bool, &str>| {
        let begun = Instant::now();
        match (bench.try_it(host, database, options), want) {
            (Ok(by_tls), Ok(want)) => assert_eq!(by_tls, want, "{host} {database} {options}"),
            (Err(said), Err(want)) => {
                assert!(said.contains(want), "{host} {database} {options}: {said}");
                assert!(begun.elapsed() < AT_ONCE, "{options}: what waiting does not change is said at once");
            }
            (got, want) => panic!("{host} {database} {options}: {got:?}, not {want:?}"),
        }
    };
    for (mode, want) in [
        ("disable", Ok(false)),
        ("allow", Ok(false)),
        ("prefer", Ok(false)),
        ("require", Err(NO_TLS)),
        ("verify-full", Err(NO_TLS)),
    ] {
        check("localhost", "open", &bench.with(mode, Some("ours").filter(|_| mode == "verify-full"), None), want);
    }

    bench.switch_on();
    for (host, database, mode, authority, certificate, want) in [
        ("localhost", "open", "disable", None, None, Ok(false)),
        ("localhost", "open", "allow", None, None, Ok(false)),
        ("localhost", "open", "prefer", None, None, Ok(true)),
        ("localhost", "open", "require", None, None, Ok(true)),
        // Only TLS goes there.
        ("localhost", "secret", "disable", None, None, Err(NO_ENTRY)),
        ("localhost", "secret", "allow", None, None, Ok(true)),
        ("localhost", "secret", "prefer", None, None, Ok(true)),
        ("localhost", "secret", "require", None, None, Ok(true)),
        // Authorities, and names. Where one is named it is asked for, as libpq does.
        ("localhost", "secret", "require", Some("theirs"), None, Err(UNTRUSTED)),
        ("localhost", "secret", "verify-ca", Some("ours"), None, Ok(true)),
        ("127.0.0.1", "secret", "verify-ca", Some("ours"), None, Ok(true)),
        ("localhost", "secret", "verify-ca", Some("theirs"), None, Err(UNTRUSTED)),
        ("localhost", "secret", "verify-full", Some("ours"), None, Ok(true)),
        ("localhost", "secret", "verify-full", Some("theirs"), None, Err(UNTRUSTED)),
        ("127.0.0.1", "secret", "verify-full", Some("ours"), None, Err(OTHER_HOST)),
        // Our own certificate, where the server asks for one.
        ("localhost", "certified", "verify-full", Some("ours"), Some("postgres"), Ok(true)),
        ("localhost", "certified", "require", None, Some("postgres"), Ok(true)),
        ("localhost", "certified", "require", None, None, Err("requires a valid client certificate")),
        ("localhost", "certified", "require", None, Some("other"), Err("authentication failed")),
        ("localhost", "certified", "require", None, Some("stranger"), Err(NOT_OURS)),
    ] {
        check(host, database, &bench.with(mode, authority, certificate), want);
    }
    // Files that cannot be used are named before anything is tried.
    let mixed = format!(
        "sslmode=require&sslcert={}&sslkey={}",
        bench.file("postgres.crt").display(),
        bench.file("other.key").display()
    );
    let swapped = format!("sslmode=require&sslcert={0}&sslkey={0}", bench.file("postgres.crt").display());
    for (options, want) in [
        (mixed.as_str(), "other.key"),
        (swapped.as_str(), "postgres.crt"),
        ("sslmode=require&sslcert=/nowhere/a.crt&sslkey=/nowhere/a.key", "/nowhere/a.crt"),
        ("sslmode=verify-ca&sslrootcert=/nowhere/ca.crt", "/nowhere/ca.crt"),
    ] {
        check("localhost", "secret", options, Err(want));
    }
}
