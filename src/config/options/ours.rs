//! What Rockpool adds to the options of the reference.

use super::{OptionSpec, choice, groups, switch, text};

pub(super) static OPTIONS: &[OptionSpec] = &[
    text("data-dir", "Data Directory")
        .env("ROCKPOOL_DATA_DIR")
        .group(&groups::ROCKPOOL)
        .yaml("dataDir")
        .default("~/.config/rockpool")
        .help("Directory below which the server keeps everything."),
    switch("litestream", "Litestream")
        .env("ROCKPOOL_LITESTREAM")
        .group(&groups::ROCKPOOL)
        .yaml("litestream")
        .help("Leave the write-ahead log of the SQLite database to Litestream, which replicates it."),
    choice("licensing", "Licensing", &["entitled", "enforced"])
        .env("ROCKPOOL_LICENSING")
        .group(&groups::ROCKPOOL)
        .yaml("licensing")
        .default("entitled")
        .help("Whether every feature is there, or only what licences added to the deployment entitle to."),
    text("reported-version", "Reported Version")
        .env("ROCKPOOL_REPORTED_VERSION")
        .group(&groups::ROCKPOOL)
        .yaml("reportedVersion")
        .help("Version that clients are told instead of the true one, for trying them against several."),
    text("organization-name", "Organization Name")
        .env("ROCKPOOL_ORGANIZATION_NAME")
        .group(&groups::ROCKPOOL)
        .yaml("organizationName")
        .default("coder")
        .help("Name that the default organization gets when the database is made."),
    text("first-user-email", "First User: Email")
        .env("ROCKPOOL_FIRST_USER_EMAIL")
        .group(&groups::ROCKPOOL)
        .yaml("firstUserEmail")
        .help("Email address of the owner to make when there is no user yet."),
    text("first-user-username", "First User: Username")
        .env("ROCKPOOL_FIRST_USER_USERNAME")
        .group(&groups::ROCKPOOL)
        .yaml("firstUserUsername")
        .help("Username of that owner; made from the email address when left out."),
    text("first-user-password", "First User: Password")
        .env("ROCKPOOL_FIRST_USER_PASSWORD")
        .not_on_command_line()
        .group(&groups::ROCKPOOL)
        .secret()
        .help("Password of that owner."),
    text("first-user-password-file", "First User: Password File")
        .env("ROCKPOOL_FIRST_USER_PASSWORD_FILE")
        .group(&groups::ROCKPOOL)
        .yaml("firstUserPasswordFile")
        .help("File that holds the password of that owner."),
    text("first-user-token", "First User: Token")
        .env("ROCKPOOL_FIRST_USER_TOKEN")
        .not_on_command_line()
        .group(&groups::ROCKPOOL)
        .secret()
        .help("API token to give that owner, in the form id-secret: 10 and 22 letters or digits."),
];
