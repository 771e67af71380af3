//! How `rockpool server` is told what to do: the table of options against the reference's, and
//! reading them from flags, environment and YAML.

use std::collections::BTreeMap;
use std::ffi::OsString;

use rockpool::config::{Asked, Config, options};
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
        ("format_duration", spec.kind == rockpool::config::value::Kind::Duration),
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
