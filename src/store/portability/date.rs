//! Days as SQLite keeps them, `YYYY-MM-DD`, and as Postgres sends them, counted.
//!
//! Years before the first have a minus sign and years above 9999 have more digits: `jiff`, which knows neither all years
//! that Postgres has, is not used.

/// Days from the first of March of the year 0 to the first of January 1970.
const TO_1970: i64 = 719_468;
const DAYS_IN_400_YEARS: i64 = 146_097;

/// Days since 1970-01-01 of a day in the form that [`format`] gives it.
pub(super) fn parse(text: &str) -> Result<i32, String> {
    match text {
        "infinity" => return Ok(i32::MAX),
        "-infinity" => return Ok(i32::MIN),
        _ => {}
    }
    let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?;
    let (before, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let days = (|| {
        let mut parts = rest.split('-').map(number);
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && year < 10_000_000;
        if parts.next().is_some() || !fits {
            return None;
        }
        i32::try_from(days(year * before, month, day)).ok()
    })();
    // One day has one form.
    days.filter(|days| format(*days) == text).ok_or_else(|| format!("{text:?} is not a date"))
}

/// A day as text.
pub(super) fn format(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".to_owned(),
        i32::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    // Counted from the first of March, a leap day is the last of its year.
    let from_march = i64::from(days) + TO_1970;
    let era = from_march.div_euclid(DAYS_IN_400_YEARS);
    let in_era = from_march.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * from_march + 2) / 5 + day - 1;
    era * DAYS_IN_400_YEARS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + in_year - TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_one_form_each() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2024-03-01", 19_783),
            ("0001-01-01", -719_162),
            ("0000-12-31", -719_163),
            ("-4712-01-01", -2_440_550),
            ("12345-06-07", 3_789_548),
            ("infinity", i32::MAX),
        ] {
            assert_eq!(format(days), text);
            assert_eq!(parse(text), Ok(days), "{text}");
        }
        for text in ["", "2023-02-29", "2023-1-1", "2023-01-01T00:00:00Z", "20230101", "2023-13-01"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
