//! How many connections to Postgres there may be.

/// The connections to Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresPool {
    /// The most there may be.
    pub max_open: u32,
    /// The most of them that stay open while nobody uses them.
    pub max_idle: u32,
}

/// The most connections, of what an option says.
///
/// # Errors
/// Says what the option must be.
pub(super) fn max_open(configured: i64) -> Result<u32, String> {
    u32::try_from(configured).ok().filter(|n| *n > 0).ok_or_else(|| "must be 1 or more".to_owned())
}

/// The most idle connections, of what an option says: a number, or `auto` for a third of the most there may be.
///
/// # Errors
/// Says what the option must be.
pub(super) fn max_idle(max_open: u32, configured: &str) -> Result<u32, String> {
    let configured = configured.trim();
    if configured == "auto" {
        return Ok((max_open / 3).max(1));
    }
    match configured.parse::<u32>() {
        Ok(idle) if idle > max_open => {
            Err(format!("{idle} connections cannot stay open where there are {max_open} at most"))
        }
        Ok(idle) => Ok(idle),
        Err(_) => Err(format!("must be a number or auto, not {configured:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_are_a_number_or_a_third() {
        for (open, configured, want) in [
            (10, "auto", 3),
            (30, "auto", 10),
            (3, "auto", 1),
            (2, "auto", 1),
            (1, "auto", 1),
            (10, " auto ", 3),
            (10, "10", 10),
            (10, "5", 5),
            (10, " 5 ", 5),
            (10, "0", 0),
        ] {
            assert_eq!(max_idle(open, configured), Ok(want), "{configured:?} of {open}");
        }
        for (configured, want) in [
            ("15", "15 connections cannot stay open where there are 10 at most"),
            ("11", "11 connections cannot stay open where there are 10 at most"),
            ("some", "must be a number or auto"),
            ("-1", "must be a number or auto"),
            ("", "must be a number or auto"),
        ] {
            let refused = max_idle(10, configured).unwrap_err();
            assert!(refused.contains(want), "{configured:?}: {refused}");
        }
    }

    #[test]
    fn there_is_at_least_one_connection() {
        assert_eq!(max_open(1), Ok(1));
        for configured in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(max_open(configured), Err("must be 1 or more".to_owned()), "{configured}");
        }
    }
}
