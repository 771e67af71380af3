//! Passwords from a `.pgpass` file: lines of `host:port:database:user:password`, `*` for anything.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The password of the first line that fits. A file that others may read is left alone, with a warning, as every
/// client does; one that is not there has no passwords.
pub(super) fn password(path: &Path, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    if meta.permissions().mode() & 0o077 != 0 {
        log::warn!(target: "store", "{} is not used: others may read it, and it must be for its owner alone (chmod 0600)", path.display());
        return None;
    }
    let text = std::fs::read_to_string(path)
        .inspect_err(|e| log::warn!(target: "store", "{} is not used: {e}", path.display()))
        .ok()?;
    find(&text, [host, &port.to_string(), database, user])
}

fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [place @ .., password] = fields.as_slice() else { return None };
        let fits = place.len() == 4 && place.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| password.clone())
    })
}

/// The fields of a line, four and the password: `\` keeps the next character from dividing them.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let more = match c {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => chars.next(),
            c => Some(c),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(more);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# db:5432:shop:ann:commented\n\
            other:5432:*:*:no\n\
            short:line\n\
            db:5432:shop:ann:se:cr\\et\\\\\n\
            db:*:*:ann:later\n\
            *:*:*:o\\:dd:odd\n";
        for (wanted, password) in [
            (["db", "5432", "shop", "ann"], Some("se:cret\\")),
            (["db", "5433", "shop", "ann"], Some("later")),
            (["db", "5432", "shop", "bob"], None),
            (["localhost", "1", "x", "o:dd"], Some("odd")),
        ] {
            assert_eq!(find(text, wanted).as_deref(), password, "{wanted:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgpass");
        assert_eq!(password(&path, "h", 1, "d", "u"), None);
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, want) in [(0o644, None), (0o640, None), (0o600, Some("secret")), (0o400, Some("secret"))] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(password(&path, "h", 1, "d", "u").as_deref(), want, "{mode:o}");
        }
    }
}
