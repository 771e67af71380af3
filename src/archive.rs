//! Tar and zip archives, one made of the other, in memory and within bounds. What an archive holds is
//! not trusted: sizes are counted as they are read, whatever its headers say. Unpacking is not done
//! here; a template's files are taken out of their archive by `provisioner::source`.

use std::io::{self, Cursor, Read, Write};

use zip::write::SimpleFileOptions;

/// The longest archive, packed or unpacked: 100 MiB.
pub const MAX_BYTES: u64 = 100 << 20;
/// The most entries of an archive.
const MAX_ENTRIES: usize = 100_000;
/// Whose files they are: archives come without owners.
const OWNER: u64 = 1000;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no zip archive, or a broken one.
    #[error("it cannot be read as a zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// It ends early, or something in it does not fit together.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It would be too long once it is unpacked.
    #[error("unpacked it would be longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It has too many entries.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooMany,
}

/// The same entries as a tar archive. Times and permissions are kept; two equal zip archives give two
/// equal tar archives.
pub fn zip_to_tar(data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut zip = zip::ZipArchive::new(Cursor::new(data))?;
    if zip.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut left = MAX_BYTES;
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at)?;
        let mut bytes = Vec::new();
        let read = (&mut entry).take(left + 1).read_to_end(&mut bytes)? as u64;
        left = left.checked_sub(read).ok_or(Error::TooLong)?;
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(if entry.is_dir() { tar::EntryType::Directory } else { tar::EntryType::Regular });
        let default_mode = if entry.is_dir() { 0o755 } else { 0o644 };
        header.set_mode(entry.unix_mode().unwrap_or(default_mode) & 0o7777);
        header.set_size(read);
        header.set_uid(OWNER);
        header.set_gid(OWNER);
        let modified = entry.extra_data_fields().find_map(|field| match field {
            zip::ExtraField::ExtendedTimestamp(times) => times.mod_time().map(u64::from),
            _ => None,
        });
        header.set_mtime(modified.or_else(|| entry.last_modified().map(seconds)).unwrap_or(0));
        append(&mut tar, &mut header, &entry.name()?, &bytes)?;
    }
    Ok(tar.into_inner()?)
}

/// Adds an entry under a name as it stands: names are data here, so none is refused.
fn append(tar: &mut tar::Builder<Vec<u8>>, header: &mut tar::Header, name: &str, bytes: &[u8]) -> io::Result<()> {
    let field = header.as_ustar_mut().map(|ustar| &mut ustar.name);
    match field {
        Some(field) if name.len() <= field.len() => field[..name.len()].copy_from_slice(name.as_bytes()),
        _ => {
            let mut long = tar::Header::new_gnu();
            long.set_entry_type(tar::EntryType::GNULongName);
            long.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
            long.set_mode(0o644);
            long.set_uid(0);
            long.set_gid(0);
            long.set_mtime(0);
            long.set_size(name.len() as u64 + 1);
            long.set_cksum();
            tar.append(&long, name.as_bytes().chain(&[0][..]))?;
            if let Some(field) = field {
                let cut = field.len();
                field.copy_from_slice(&name.as_bytes()[..cut]);
            }
        }
    }
    header.set_cksum();
    tar.append(header, bytes)
}

/// A zip archive's time, which has no time zone and is taken as UTC, in seconds since the epoch.
fn seconds(time: zip::DateTime) -> u64 {
    jiff::civil::DateTime::new(
        time.year() as i16,
        time.month() as i8,
        time.day() as i8,
        time.hour() as i8,
        time.minute() as i8,
        time.second() as i8,
        0,
    )
    .and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at))
    .map_or(0, |at| at.as_second().max(0) as u64)
}

/// The same files and folders as a zip archive. Where the tar archive cannot be read any further the
/// zip archive ends: whoever asks has the tar archive too, and nobody looked into it when it came.
pub fn tar_to_zip(data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut tar = tar::Archive::new(data);
    for entry in tar.entries()?.take(MAX_ENTRIES) {
        let Ok(mut entry) = entry else { break };
        let header = entry.header();
        let kind = header.entry_type();
        if kind.is_pax_global_extensions() {
            continue;
        }
        let mut options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(time(header.mtime().unwrap_or(0)));
        if let Ok(mode) = header.mode() {
            options = options.unix_permissions(mode & 0o7777);
        }
        let mut name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind.is_dir() {
            if !name.ends_with('/') {
                name.push('/');
            }
            zip.add_directory(name, options)?;
            continue;
        }
        zip.start_file(name, options)?;
        if kind.is_file() {
            let mut bytes = Vec::new();
            let whole = entry.read_to_end(&mut bytes);
            zip.write_all(&bytes)?;
            if whole.is_err() {
                break;
            }
        }
    }
    Ok(zip.finish()?.into_inner())
}

/// Seconds since the epoch as a zip archive's time; the earliest there is when out of its range.
fn time(seconds: u64) -> zip::DateTime {
    let at = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok()).unwrap_or_default();
    let at = jiff::tz::Offset::UTC.to_datetime(at);
    let (month, day, hour) = (at.month() as u8, at.day() as u8, at.hour() as u8);
    zip::DateTime::from_date_and_time(at.year() as u16, month, day, hour, at.minute() as u8, at.second() as u8)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip_of(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes, mode) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode).last_modified_time(time(1_700_000_000));
            if name.ends_with('/') {
                zip.add_directory(*name, options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                zip.write_all(bytes).unwrap();
            }
        }
        zip.finish().unwrap().into_inner()
    }

    fn in_tar(data: &[u8]) -> Vec<(String, Vec<u8>, u32, u64)> {
        let mut tar = tar::Archive::new(data);
        let entries = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let header = entry.header();
            let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (name, bytes, header.mode().unwrap(), header.mtime().unwrap())
        });
        entries.collect()
    }

    #[test]
    fn a_zip_archive_becomes_the_same_tar_archive_every_time() {
        let long = format!("sub/{}.txt", "x".repeat(200));
        let zip = zip_of(&[
            ("main.tf", b"# x", 0o600),
            ("sub/", b"", 0o755),
            ("sub/ü.sh", b"1", 0o755),
            (&long, b"long", 0o644),
        ]);
        let tar = zip_to_tar(&zip).unwrap();
        let at = 1_700_000_000;
        assert_eq!(
            in_tar(&tar),
            [
                ("main.tf".into(), b"# x".to_vec(), 0o600, at),
                ("sub/".into(), Vec::new(), 0o755, at),
                ("sub/ü.sh".into(), b"1".to_vec(), 0o755, at),
                (long.clone(), b"long".to_vec(), 0o644, at),
            ]
        );
        assert_eq!(zip_to_tar(&zip).unwrap(), tar);
        let back = zip_to_tar(&tar_to_zip(&tar).unwrap()).unwrap();
        assert_eq!(in_tar(&back), in_tar(&tar));
    }

    #[test]
    fn what_is_no_zip_archive_is_refused() {
        let whole = zip_of(&[("a", b"b", 0o644)]);
        for data in [&b""[..], b"not a zip", &whole[..whole.len() - 10]] {
            assert!(matches!(zip_to_tar(data), Err(Error::Zip(_))), "{data:?}");
        }
    }

    #[test]
    fn a_zip_archive_that_unpacks_to_too_much_is_refused() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let zeros = vec![0; 1 << 20];
        for file in 0..2 {
            zip.start_file(format!("{file}"), SimpleFileOptions::default()).unwrap();
            for _ in 0..=MAX_BYTES / 2 / zeros.len() as u64 {
                zip.write_all(&zeros).unwrap();
            }
        }
        let data = zip.finish().unwrap().into_inner();
        assert!(data.len() < 1 << 20);
        assert!(matches!(zip_to_tar(&data), Err(Error::TooLong)));
    }

    #[test]
    fn a_tar_archive_is_read_as_far_as_it_can_be() {
        let tar = zip_to_tar(&zip_of(&[("a", b"first", 0o644), ("b", &[7; 2000], 0o644)])).unwrap();
        for (data, names) in [
            (&tar[..], &["a", "b"][..]),
            (&tar[..1600], &["a", "b"]),
            (&tar[..1024], &["a"]),
            (b"garbage", &[]),
            (b"", &[]),
        ] {
            let zip = zip::ZipArchive::new(Cursor::new(tar_to_zip(data).unwrap())).unwrap();
            assert_eq!(zip.file_names().map(|n| n.unwrap().into_owned()).collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn times_out_of_range_do_no_harm() {
        for at in [0, 1_700_000_000, u64::MAX] {
            let _ = seconds(time(at));
        }
        assert_eq!(seconds(time(1_700_000_001)), 1_700_000_000);
    }
}
