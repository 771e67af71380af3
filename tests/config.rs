//! How `rockpool server` is told what to do: the table of options against the reference's, and
//! reading them from flags, environment and YAML.

use std::collections::BTreeMap;
use std::ffi::OsString;

use rockpool::config::options::Honoured;
use rockpool::config::value::Kind;
use rockpool::config::{Asked, Config, Source, Value, options};
use serde_json::Value as Json;

/// What the reference says of its commands.
fn reference() -> Json {
    serde_json::from_str(include_str!("../fixtures/reference/cli.json")).expect("the fixture is JSON")
}

fn reference_options(command: &str) -> Vec<Json> {
    let all = reference();
    let found = all["commands"].as_array().and_then(|all| all.iter().find(|each| each["command"] == command));
    found.and_then(|found| found["options"].as_array()).expect("the command has options").clone()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let home = [("HOME", "/home/ada")];
    home.iter().chain(pairs).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn read(args: &[&str], pairs: &[(&str, &str)]) -> Result<Asked, String> {
    Config::read(args.iter().map(OsString::from), &env(pairs)).map_err(|error| error.to_string())
}

fn config(args: &[&str], pairs: &[(&str, &str)]) -> Config {
    match read(args, pairs) {
        Ok(Asked::Run(config)) => *config,
        other => panic!("{args:?} {pairs:?}: {other:?}"),
    }
}

/// An option of ours in the form of the fixture.
fn described(spec: &options::OptionSpec) -> Json {
    let mut out = serde_json::Map::new();
    let long = format!("--{}", spec.flag);
    let flags = spec.short.map_or_else(|| long.clone(), |letter| format!("-{letter}, {long}"));
    out.insert("flags".into(), flags.into());
    out.insert("type".into(), spec.kind.name().into());
    out.insert("name".into(), spec.name.into());
    let texts = [
        ("environment", spec.env.map(|name| format!("${name}"))),
        ("yaml", spec.yaml_path()),
        ("default", spec.default.map(str::to_owned)),
        ("group", spec.group.map(|group| group.full_name())),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            out.insert(key.into(), text.into());
        }
    }
    if spec.hidden {
        out.insert("hidden".into(), true.into());
    }
    if !spec.use_instead.is_empty() {
        out.insert("use_instead".into(), spec.use_instead.iter().map(|flag| format!("--{flag}")).collect());
    }
    let marks = [
        ("enterprise", spec.enterprise),
        ("external_workspace_proxies", spec.proxies),
        ("format_duration", spec.kind == Kind::Duration),
        ("secret", spec.secret),
    ];
    let marks: Vec<_> = marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| mark).collect();
    if !marks.is_empty() {
        out.insert("annotations".into(), marks.into());
    }
    Json::Object(out)
}

#[test]
fn every_option_of_the_reference_is_declared_as_it_is_there() {
    let mut theirs: BTreeMap<String, Json> = BTreeMap::new();
    for mut option in reference_options("coder server") {
        // A remark for readers, not something that a server says.
        option.as_object_mut().expect("an option is an object").remove("default_note");
        theirs.insert(option["flags"].to_string(), option);
    }
    let mut ours = BTreeMap::new();
    for spec in options::all().iter().filter(|spec| spec.field.is_some()) {
        let described = described(spec);
        ours.insert(described["flags"].to_string(), described);
    }
    for flags in theirs.keys().chain(ours.keys()) {
        assert_eq!(ours.get(flags), theirs.get(flags), "{flags}");
    }
}

#[test]
fn no_flag_variable_or_key_is_declared_twice() {
    let mut seen = std::collections::BTreeSet::new();
    for spec in options::all() {
        let names = [Some(format!("--{}", spec.flag)), spec.env.map(str::to_owned), spec.yaml_path()];
        for name in names.into_iter().flatten() {
            assert!(seen.insert(name.clone()), "{name}");
        }
        assert!(spec.help.ends_with('.') && !spec.help.contains("  "), "{}: {:?}", spec.flag, spec.help);
    }
}

#[test]
fn a_server_told_nothing_starts_on_its_defaults() {
    let config = config(&[], &[]);
    assert_eq!(config.http_address.expect("HTTP is on").to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir.to_str(), Some("/home/ada/.config/rockpool"));
    assert_eq!(config.cache_dir.to_str(), Some("/home/ada/.config/rockpool/cache"));
    assert!(config.tls.is_none() && config.access_url.is_none() && config.first_user.is_none());
    assert_eq!(config.rate_limits.api_per_minute, Some(512));
    assert_eq!(config.sessions.default_duration.as_secs(), 86_400);
    assert_eq!(config.provisioner.daemons, 3);
    assert_eq!(config.warnings, Vec::<String>::new());
}

/// A YAML file that lives as long as the test.
fn yaml(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), text).expect("it can be written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("the path is text")
}

#[test]
fn flags_win_over_the_environment_and_that_over_yaml() {
    let file = yaml(
        "networking:\n  http:\n    httpAddress: 127.0.0.1:1\n    sessionDuration: 1h\nprovisioning: {daemons: 7}\n",
    );
    let vars = &[("CODER_CONFIG_PATH", path(&file)), ("CODER_HTTP_ADDRESS", "127.0.0.1:2")];
    let all = config(&["--http-address", "127.0.0.1:3"], vars);
    assert_eq!(all.http_address.expect("HTTP is on").to_string(), "127.0.0.1:3");
    assert_eq!(all.settings.get("http-address").source, Source::Flag);
    let two = config(&[], vars);
    assert_eq!(two.http_address.expect("HTTP is on").to_string(), "127.0.0.1:2");
    assert_eq!(two.settings.get("http-address").source, Source::Env);
    let one = config(&["-c", path(&file)], &[("CODER_HTTP_ADDRESS", "")]);
    assert_eq!(one.http_address.expect("HTTP is on").to_string(), "127.0.0.1:1", "an empty variable is not set");
    assert_eq!(one.settings.get("http-address").source, Source::Yaml);
    assert_eq!((one.provisioner.daemons, one.sessions.default_duration.as_secs()), (7, 3600));
    assert_eq!(one.settings.get("api-rate-limit").source, Source::Default);
}

#[test]
fn flags_are_written_in_all_the_usual_ways() {
    for args in [
        &["--verbose", "--experiments", "a,b", "-l", "x"][..],
        &["-v", "--experiments=a", "--experiments=b", "-lx"],
        &["-vl", "x", "--experiments", "", "--experiments", "a,b"],
        &["--verbose=true", "--experiments=z", "--experiments=", "--experiments=a,b", "-l=x"],
    ] {
        let config = config(args, &[("CODER_EXPERIMENTS", "from-the-environment")]);
        assert!(config.log.verbose, "{args:?}");
        assert_eq!(
            (config.experiments, config.log.filter),
            (vec!["a".into(), "b".into()], vec!["x".into()]),
            "{args:?}"
        );
    }
    assert!(!config(&["--verbose=false"], &[("CODER_VERBOSE", "true")]).log.verbose);
}

#[test]
fn flags_of_the_whole_program_are_taken_with_a_warning() {
    let config = config(&["--global-config", "/etc/coder", "--no-open", "--http-address", ":8080"], &[]);
    assert_eq!(config.http_address.expect("HTTP is on").to_string(), ":8080");
    assert_eq!(config.warnings, ["--global-config, --no-open has no effect on the server"]);
    let known: Vec<_> = reference_options("coder").iter().map(|option| option["flags"].to_string()).collect();
    for (flag, _) in rockpool::config::load::PROGRAM_FLAGS {
        assert!(known.iter().any(|flags| flags.contains(&format!("--{flag}\""))), "{flag}");
    }
}

#[test]
fn older_names_set_the_same_value_and_the_current_name_wins() {
    let older = config(&["--notifications-email-from", "old@example.com"], &[]);
    let from = |config: &Config| config.settings.get("email-from").value.clone();
    assert_eq!(from(&older), Value::Text("old@example.com".into()));
    assert!(older.warnings[0].contains("use --email-from"), "{:?}", older.warnings);
    let both = config(&["--notifications-email-from", "old@example.com", "--email-from", "new@example.com"], &[]);
    assert_eq!(from(&both), Value::Text("new@example.com".into()));
    let flag_wins =
        config(&["--notifications-email-from", "old@example.com"], &[("CODER_EMAIL_FROM", "new@example.com")]);
    assert_eq!(from(&flag_wins), Value::Text("old@example.com".into()));
    let address = config(&["-a", "127.0.0.1:9"], &[]);
    assert_eq!(address.http_address.expect("HTTP is on").to_string(), "127.0.0.1:9");
    assert!(config(&[], &[("CODER_RATE_LIMIT_DISABLE_ALL", "true")]).rate_limits.api_per_minute.is_none());
}

#[test]
fn ignoring_an_option_that_protects_is_refused() {
    let refused = options::all().iter().filter(|spec| matches!(spec.honoured, Honoured::RefuseIfSet(_)));
    for spec in refused {
        let value = match spec.kind {
            Kind::Bool => "true",
            Kind::Int => "1",
            _ => "x",
        };
        let error = read(&[&format!("--{}={value}", spec.flag)], &[]).expect_err(spec.flag);
        assert!(error.contains(&format!("--{} is not supported", spec.flag)), "{error}");
        if spec.kind == Kind::Bool {
            assert!(
                read(&[&format!("--{}=false", spec.flag)], &[]).is_ok(),
                "{} set to off asks for nothing",
                spec.flag
            );
        }
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (args, vars, want) in [
        (&["--http-address", ""][..], &[][..], "there is nothing to listen on"),
        (&["--oidc-client-id", "a"], &[], "needs both --oidc-client-id and --oidc-issuer-url"),
        (
            &["--oidc-client-id", "a", "--oidc-issuer-url", "http://idp", "--oidc-access-token-claims"],
            &[],
            "set --oidc-ignore-userinfo too",
        ),
        (
            &["--oidc-client-id", "a", "--oidc-issuer-url", "http://idp", "--oidc-allowed-groups", "a"],
            &[],
            "needs --oidc-group-field",
        ),
        (
            &["--oidc-client-id", "a", "--oidc-issuer-url", "http://idp", "--oidc-client-cert-file", "c"],
            &[],
            "with --oidc-client-key-file only",
        ),
        (
            &["--oidc-client-id", "a", "--oidc-issuer-url", "http://idp", "--oidc-client-key-file", "k"],
            &[("CODER_OIDC_CLIENT_SECRET", "s")],
            "not by both",
        ),
        (&["--http-address", "nowhere"], &[], "--http-address: \"nowhere\" has no port"),
        (&["--access-url", "pool.example"], &[], "--access-url: \"pool.example\" must begin with http:// or https://"),
        (&["--tls-enable"], &[], "--tls-enable needs a certificate and a key"),
        (&["--session-duration", "1000h"], &[], "--default-oauth-refresh-lifetime must be longer"),
        (&["--session-duration", "0"], &[], "--session-duration: must be longer than 0s"),
        (&["--provisioner-daemons", "-1"], &[], "--provisioner-daemons: must not be negative"),
        (&["--max-token-lifetime", "-1h"], &[], "--max-token-lifetime: must not be negative"),
        (&["--workspace-hostname-suffix", ".coder"], &[], "leave the dot off"),
        (&["--ssh-config-options", "Port"], &[], "\"Port\" is not of the form key=value"),
        (&["--ssh-keygen-algorithm", "rsa"], &[], "--ssh-keygen-algorithm: \"rsa\" is none of"),
        (&["--samesite-auth-cookie", "strict"], &[], "--samesite-auth-cookie: \"strict\" is none of lax, none"),
        (&[], &[("CODER_ACCESS_URL", "http://a b")], "CODER_ACCESS_URL: \"http://a b\" is not a URL"),
        (
            &[],
            &[("ROCKPOOL_FIRST_USER_PASSWORD", "x")],
            "ROCKPOOL_FIRST_USER_PASSWORD needs ROCKPOOL_FIRST_USER_EMAIL too",
        ),
        (&["--first-user-email", "ada"], &[], "--first-user-email: \"ada\" is not an email address"),
        (&["--first-user-email", "ada@example.com"], &[], "the first user needs ROCKPOOL_FIRST_USER_PASSWORD"),
    ] {
        let error = read(args, vars).expect_err("it makes no sense");
        assert!(error.contains(want), "{args:?} {vars:?}: {error}");
    }
    assert!(config(&[], &[("HOME", "/home/ada"), ("ROCKPOOL_DATA_DIR", "/srv/pool")]).data_dir.ends_with("pool"));
}

#[test]
fn the_first_user_comes_from_the_environment_or_a_file() {
    let token = "aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb";
    let vars = [
        ("ROCKPOOL_FIRST_USER_EMAIL", "ada.lovelace@example.com"),
        ("ROCKPOOL_FIRST_USER_PASSWORD", "hunter2"),
        ("ROCKPOOL_FIRST_USER_TOKEN", token),
    ];
    let given = config(&[], &vars);
    let user = given.first_user.clone().expect("there is one");
    assert_eq!((user.username.as_str(), user.password.expose()), ("ada-lovelace", "hunter2"));
    let (id, secret) = user.token.expect("there is a token");
    assert_eq!(format!("{id}-{}", secret.expose()), token);

    let file = yaml("from a file\n");
    let from_file = config(
        &["--first-user-email=a@b", "--first-user-username=ada", "--first-user-password-file", path(&file)],
        &[],
    );
    let user = from_file.first_user.expect("there is one");
    assert_eq!((user.username.as_str(), user.password.expose()), ("ada", "from a file"));

    let error = read(&[], &[vars[0], vars[1], ("ROCKPOOL_FIRST_USER_TOKEN", "short")]).expect_err("it is no token");
    assert!(error.starts_with("ROCKPOOL_FIRST_USER_TOKEN") && !error.contains("short"), "{error}");
    let error = read(&["--first-user-token", token], &[]).expect_err("a process list would show it");
    assert_eq!(error, "unknown flag: --first-user-token");
}

#[test]
fn secrets_show_up_nowhere() {
    let mut vars = vec![("CODER_EXTERNAL_AUTH_0_ID".to_owned(), "gh".to_owned())];
    vars.push(("CODER_EXTERNAL_AUTH_0_CLIENT_SECRET".to_owned(), "hunter2-in-a-structure".to_owned()));
    for spec in options::all().iter().filter(|spec| spec.secret && !matches!(spec.honoured, Honoured::RefuseIfSet(_))) {
        let value = if spec.flag == "first-user-token" { "aaaaaaaaaa-hunter2bbbbbbbbbbbbbbb" } else { "hunter2" };
        vars.push((spec.env.expect("secrets have a variable").to_owned(), value.to_owned()));
    }
    vars.push(("ROCKPOOL_FIRST_USER_EMAIL".to_owned(), "ada@example.com".to_owned()));
    let vars: Vec<_> = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = config(&[], &vars);
    assert_eq!(given.first_user.as_ref().map(|user| user.password.expose()), Some("hunter2"), "it was read");
    let Ok(Asked::WriteConfig(written)) = read(&["--write-config"], &vars) else {
        panic!("it writes the configuration")
    };
    for shown in [format!("{given:?}"), given.deployment_config_json().to_string(), written] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_written_configuration_reads_back_to_the_same() {
    let links = "[{name: 'Help: here', target: 'https://a.example/#x', icon: docs}, {name: B, target: b, icon: bug}]";
    let args = [
        "--access-url=https://pool.example",
        "--experiments=a,\"b,c\"",
        "--session-duration=90m",
        "--tls-client-auth=request",
        "--support-links",
        links,
        "--oidc-group-mapping={one: two, '3': '4'}",
        "--oidc-user-role-mapping={admins: [owner, auditor]}",
        "--cli-upgrade-message=first\nsecond: # not a comment",
        "--oidc-sign-in-text=yes",
    ];
    let writing: Vec<_> = args.iter().copied().chain(["--write-config"]).collect();
    let Ok(Asked::WriteConfig(written)) = read(&writing, &[]) else { panic!("it writes the configuration") };
    let file = yaml(&written);
    let (direct, through_file) = (config(&args, &[]), config(&["-c", path(&file)], &[]));
    for ((spec, before), (_, after)) in direct.settings.iter().zip(through_file.settings.iter()) {
        if !matches!(spec.flag, "config") {
            assert_eq!(before.value, after.value, "--{}\n{written}", spec.flag);
        }
    }
}

#[test]
fn yaml_that_is_wrong_is_told_by_key() {
    for (text, want) in [
        (
            "networking:\n  x: 1\n  tls:\n    y: 2\n",
            "unknown option \"networking.x\"; unknown option \"networking.tls.y\"",
        ),
        ("networking: true\n", "unknown option \"networking\""),
        (
            "networking:\n  http:\n    sessionDuration: [1h]\n",
            "networking.http.sessionDuration: a list stands where a duration belongs",
        ),
        ("supportLinks:\n- {name: x, target: y, colour: z}\n", "supportLinks"),
        ("- a\n", "the top of the file must be a map"),
        ("a: [\n", "decoding yaml"),
    ] {
        let file = yaml(text);
        let error = read(&["-c", path(&file)], &[]).expect_err("it is wrong");
        assert!(error.contains(want), "{text:?}: {error}");
    }
    for text in ["", "networking:\n", "networking:\n  http:\n    httpAddress:\n  accessURL: null\n  tls: {}\n"] {
        let file = yaml(&format!("{text}provisioning: {{}}\n"));
        let outcome = read(&["-c", path(&file), "--http-address=:1"], &[]);
        assert!(outcome.is_ok(), "{text:?}: {outcome:?}");
    }
}

#[test]
fn the_api_shows_the_configuration_in_its_own_types() {
    let shapes = &crate::support::api::API.shapes;
    let shape = crate::support::shapes::Shape::Named("DeploymentConfig".into(), Vec::new());
    let links = "[{name: Help, target: 'https://a.example', icon: docs}]";
    let some =
        ["--access-url=https://pool.example", "--support-links", links, "--experiments=a", "--secure-auth-cookie"];
    for args in [&[][..], &some[..]] {
        let shown = config(args, &[("CODER_EXTERNAL_AUTH_0_ID", "gh")]).deployment_config_json();
        if let Err(mismatch) = shapes.check(&shape, &shown) {
            panic!("{args:?}: {mismatch}");
        }
        assert_eq!(shown["options"].as_array().map(Vec::len), Some(reference_options("coder server").len()));
    }
    let shown = config(&some, &[("CODER_PROVISIONER_DAEMON_PSK", "hunter2")]).deployment_config_json();
    let values = &shown["config"];
    for (place, want) in [
        ("/access_url", serde_json::json!("https://pool.example")),
        ("/session_lifetime/default_duration", serde_json::json!(86_400_000_000_000_i64)),
        ("/http_cookies/secure_auth_cookie", serde_json::json!(true)),
        ("/provisioner/daemon_psk", serde_json::json!("")),
        ("/oidc/auth_url_params", serde_json::json!({"access_type": "offline"})),
        ("/tls/cert_file", Json::Null),
        ("/cache_directory", serde_json::json!("/home/ada/.config/rockpool/cache")),
    ] {
        assert_eq!(values.pointer(place), Some(&want), "{place}");
    }
    assert_eq!(values.get("verbose"), None, "what is empty and may be absent is");
    let options = shown["options"].as_array().expect("options are a list");
    let option = |flag: &str| options.iter().find(|option| option["flag"] == flag).expect("it is there");
    assert_eq!(option("provisioner-daemon-psk").get("value"), None);
    assert_eq!(option("address")["use_instead"][0]["flag"], "http-address");
    assert_eq!(option("tls-address")["group"]["parent"]["name"], "Networking");
}

#[test]
fn a_variable_that_is_nearly_an_option_is_warned_of() {
    let slips = [("CODER_HTTP_ADRESS", ":1"), ("ROCKPOOL_DATADIR", "/srv"), ("CODER_PORT_80_TCP", "x")];
    let warnings = config(&[], &slips).warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("did you mean CODER_HTTP_ADDRESS?") && warnings[1].contains("ROCKPOOL_DATA_DIR?"));
}

#[test]
fn variables_of_other_commands_are_nobodys_slip() {
    let server: Vec<_> = options::all().iter().filter_map(|spec| spec.env).collect();
    let reference = reference();
    let commands = reference["commands"].as_array().expect("commands are a list");
    let all = commands.iter().flat_map(|command| command["options"].as_array().into_iter().flatten());
    let names = all.filter_map(|option| option["environment"].as_str()).map(|name| name.trim_start_matches('$'));
    let others: Vec<_> =
        names.filter(|name| !server.contains(name) && *name != "HOME").map(|name| (name, "x")).collect();
    assert!(others.len() > 100, "{others:?}");
    assert_eq!(config(&[], &others).warnings, Vec::<String>::new());
}

#[test]
fn the_cache_is_where_systemd_or_the_administrator_puts_it() {
    for (args, vars, want) in [
        (&[][..], &[("CACHE_DIRECTORY", "/var/cache/pool:/var/cache/other")][..], "/var/cache/pool"),
        (&["--cache-dir", "/srv/cache"], &[("CACHE_DIRECTORY", "/var/cache/pool")], "/srv/cache"),
        (&["--data-dir", "/srv/pool"], &[], "/srv/pool/cache"),
        (&[], &[("CODER_CACHE_DIRECTORY", "~/cache")], "/home/ada/cache"),
    ] {
        assert_eq!(config(args, vars).cache_dir.to_str(), Some(want), "{args:?} {vars:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_command_line_makes_the_reader_panic(args: Vec<String>, yaml_text: String) {
        let _ = read(&args.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let _ = read(&["-c", path(&yaml(&yaml_text))], &[]);
    }
}
