//! Values in the binary form of Postgres, in both directions.
//!
//! An argument is written as the type that the server inferred for it, since it is the statement that knows
//! whether a text is meant as an enumeration, an address or a JSON document. A value that does not fit that type is
//! refused here, before anything is sent: it is a mistake in a statement, not something that a user can cause.

use std::error::Error as StdError;
use std::net::IpAddr;
use std::str::FromStr;

use bytes::{BufMut, BytesMut};
use postgres::types::{FromSql, IsNull, Kind, ToSql, Type};
use uuid::Uuid;

use crate::store::value::{Array, Column, Inet, Value};

type Failure = Box<dyn StdError + Sync + Send>;

/// Microseconds from 1970, where our times begin, to 2000, where those of Postgres do.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const JSONB_VERSION: u8 = 1;
/// How Postgres marks an IPv4 address, by the number of an address family on the machines it grew up on.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;
/// A digit of `numeric` counts to this.
const NUMERIC_BASE: i64 = 10_000;
const NUMERIC_POSITIVE: u16 = 0x0000;
const NUMERIC_NEGATIVE: u16 = 0x4000;

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        if let Value::Null = self {
            return Ok(IsNull::Yes);
        }
        write(self, ty, out)?;
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

fn write(value: &Value<'_>, ty: &Type, out: &mut BytesMut) -> Result<(), Failure> {
    match ty.kind() {
        Kind::Array(element) => return write_array(value, element, out),
        Kind::Domain(base) => return write(value, base, out),
        Kind::Enum(_) => return write_text(value, ty, out),
        _ => {}
    }
    match (ty, value) {
        (&Type::BOOL, Value::Bool(b)) => out.put_u8(u8::from(*b)),
        (&Type::INT2, Value::Int(i)) => out.put_i16(i16::try_from(*i)?),
        (&Type::INT4, Value::Int(i)) => out.put_i32(i32::try_from(*i)?),
        (&Type::INT8, Value::Int(i)) => out.put_i64(*i),
        (&Type::FLOAT4, Value::Real(r)) => out.put_f32(*r as f32),
        (&Type::FLOAT4, Value::Int(i)) => out.put_f32(*i as f32),
        (&Type::FLOAT8, Value::Real(r)) => out.put_f64(*r),
        (&Type::FLOAT8, Value::Int(i)) => out.put_f64(*i as f64),
        (&Type::NUMERIC, Value::Int(i)) => write_numeric(*i, out),
        (&Type::UUID, Value::Uuid(id)) => out.put_slice(id.as_bytes()),
        (&Type::UUID, Value::Text(text)) => out.put_slice(Uuid::try_parse(text)?.as_bytes()),
        (&Type::TIMESTAMPTZ | &Type::TIMESTAMP, Value::Time(t)) => {
            out.put_i64(t.micros().checked_sub(EPOCH_MICROS).ok_or("a time before the first one that Postgres knows")?)
        }
        (&Type::BYTEA, Value::Bytes(bytes)) => out.put_slice(bytes),
        (&Type::JSONB, value) => {
            out.put_u8(JSONB_VERSION);
            write_json(value, ty, out)?;
        }
        (&Type::JSON, value) => write_json(value, ty, out)?,
        (&Type::INET | &Type::CIDR, Value::Text(text)) => write_inet(Inet::from_str(text)?, ty, out),
        _ => write_text(value, ty, out)?,
    }
    Ok(())
}

/// What a text type takes; a UUID too, where a statement compares one with text.
fn write_text(value: &Value<'_>, ty: &Type, out: &mut BytesMut) -> Result<(), Failure> {
    let is_text = matches!(ty.kind(), Kind::Enum(_)) || <&str as ToSql>::accepts(ty);
    match value {
        Value::Text(text) | Value::Json(text) if is_text => out.put_slice(text.as_bytes()),
        Value::Uuid(id) if is_text => out.put_slice(id.as_hyphenated().encode_lower(&mut [0; 36]).as_bytes()),
        _ => return Err(format!("{value:?} cannot be written as {ty}").into()),
    }
    Ok(())
}

fn write_json(value: &Value<'_>, ty: &Type, out: &mut BytesMut) -> Result<(), Failure> {
    match value {
        Value::Json(text) | Value::Text(text) => out.put_slice(text.as_bytes()),
        Value::Texts(texts) => serde_json::to_writer(out.writer(), texts)?,
        Value::Uuids(ids) => serde_json::to_writer(out.writer(), ids)?,
        _ => return Err(format!("{value:?} cannot be written as {ty}").into()),
    }
    Ok(())
}

fn write_inet(inet: Inet, ty: &Type, out: &mut BytesMut) {
    let network = u8::from(*ty == Type::CIDR);
    match inet.address {
        IpAddr::V4(address) => {
            out.put_slice(&[FAMILY_V4, inet.prefix_len, network, 4]);
            out.put_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.put_slice(&[FAMILY_V6, inet.prefix_len, network, 16]);
            out.put_slice(&address.octets());
        }
    }
}

fn write_numeric(value: i64, out: &mut BytesMut) {
    let mut digits = Vec::new();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        digits.push((rest % NUMERIC_BASE as u64) as u16);
        rest /= NUMERIC_BASE as u64;
    }
    out.put_u16(digits.len() as u16);
    out.put_i16(digits.len() as i16 - 1);
    out.put_u16(if value < 0 { NUMERIC_NEGATIVE } else { NUMERIC_POSITIVE });
    out.put_u16(0);
    digits.iter().rev().for_each(|digit| out.put_u16(*digit));
}

fn write_array(value: &Value<'_>, element: &Type, out: &mut BytesMut) -> Result<(), Failure> {
    let length = match value {
        Value::Texts(texts) => texts.len(),
        Value::Uuids(ids) => ids.len(),
        _ => return Err(format!("{value:?} cannot be written as an array of {element}").into()),
    };
    out.put_i32(i32::from(length > 0)); // dimensions
    out.put_i32(0); // no NULL
    out.put_u32(element.oid());
    if length == 0 {
        return Ok(());
    }
    out.put_i32(i32::try_from(length)?);
    out.put_i32(1); // the index of the first
    let mut one = |value: Value<'_>| -> Result<(), Failure> {
        let at = out.len();
        out.put_i32(0);
        write(&value, element, out)?;
        let size = i32::try_from(out.len() - at - 4)?;
        out[at..at + 4].copy_from_slice(&size.to_be_bytes());
        Ok(())
    };
    match value {
        Value::Texts(texts) => texts.iter().try_for_each(|text| one(Value::Text(text.as_str().into()))),
        Value::Uuids(ids) => ids.iter().try_for_each(|id| one(Value::Uuid(*id))),
        _ => Ok(()),
    }
}

/// A column of a row, borrowed from it.
pub(super) struct Cell<'a>(pub Column<'a>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Failure> {
        read(ty, raw).map(Cell)
    }
    fn from_sql_null(_: &Type) -> Result<Cell<'a>, Failure> {
        Ok(Cell(Column::Null))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

fn read<'a>(ty: &Type, raw: &'a [u8]) -> Result<Column<'a>, Failure> {
    match ty.kind() {
        Kind::Array(_) => return Ok(Column::Array(Array(raw))),
        Kind::Domain(base) => return read(base, raw),
        Kind::Enum(_) => return Ok(Column::Text(std::str::from_utf8(raw)?)),
        _ => {}
    }
    Ok(match *ty {
        Type::BOOL => Column::Int(i64::from(i8::from_be_bytes(raw.try_into()?))),
        Type::INT2 => Column::Int(i64::from(i16::from_be_bytes(raw.try_into()?))),
        Type::INT4 => Column::Int(i64::from(i32::from_be_bytes(raw.try_into()?))),
        Type::INT8 => Column::Int(i64::from_be_bytes(raw.try_into()?)),
        Type::FLOAT4 => Column::Real(f64::from(f32::from_be_bytes(raw.try_into()?))),
        Type::FLOAT8 => Column::Real(f64::from_be_bytes(raw.try_into()?)),
        Type::NUMERIC => read_numeric(raw)?,
        Type::UUID => Column::Uuid(Uuid::from_slice(raw)?),
        // The ends of time, which Postgres calls infinity, stay the ends of time.
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            Column::Int(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH_MICROS))
        }
        Type::BYTEA => Column::Bytes(raw),
        Type::JSONB => match raw.split_first() {
            Some((&JSONB_VERSION, text)) => Column::Text(std::str::from_utf8(text)?),
            _ => return Err("jsonb in a form of another version".into()),
        },
        Type::JSON => Column::Text(std::str::from_utf8(raw)?),
        Type::INET | Type::CIDR => Column::Inet(read_inet(raw)?),
        Type::VOID => Column::Null,
        _ if <&str as FromSql<'_>>::accepts(ty) => Column::Text(std::str::from_utf8(raw)?),
        _ => return Err(format!("columns of type {ty} are not read").into()),
    })
}

fn read_inet(raw: &[u8]) -> Result<Inet, Failure> {
    let (&[family, prefix_len, _network, _size], address) = raw.split_first_chunk().ok_or("a broken address")?;
    let address = match family {
        FAMILY_V4 => IpAddr::from(<[u8; 4]>::try_from(address)?),
        FAMILY_V6 => IpAddr::from(<[u8; 16]>::try_from(address)?),
        other => return Err(format!("an address of family {other}").into()),
    };
    Ok(Inet { address, prefix_len })
}

/// Sums and averages come as `numeric`: an integer where that holds it exactly, else the nearest number.
fn read_numeric(raw: &[u8]) -> Result<Column<'static>, Failure> {
    let words: Vec<u16> = raw.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = words.as_slice() else { return Err("a broken number".into()) };
    if digits.len() != usize::from(*count) {
        return Err("a broken number".into());
    }
    let negative = match *sign {
        NUMERIC_POSITIVE => false,
        NUMERIC_NEGATIVE => true,
        _ => return Ok(Column::Real(f64::NAN)),
    };
    let weight = i32::from(*weight as i16);
    let whole = digits.iter().enumerate().try_fold(0i128, |sum, (at, digit)| {
        let power = u32::try_from(weight - at as i32).ok()?;
        sum.checked_add(i128::from(*digit).checked_mul(i128::from(NUMERIC_BASE).checked_pow(power)?)?)
    });
    let signed = |n: i128| if negative { -n } else { n };
    if let Some(whole) = whole.and_then(|n| i64::try_from(signed(n)).ok()) {
        return Ok(Column::Int(whole));
    }
    let near: f64 = digits
        .iter()
        .enumerate()
        .map(|(at, digit)| f64::from(*digit) * (NUMERIC_BASE as f64).powi(weight - at as i32))
        .sum();
    Ok(Column::Real(if negative { -near } else { near }))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::store::value::FromColumn;
    use crate::time::Time;

    fn through<T: FromColumn>(value: Value<'_>, ty: &Type) -> Result<T, String> {
        let mut out = BytesMut::new();
        let column = match value.to_sql(ty, &mut out).map_err(|e| e.to_string())? {
            IsNull::Yes => Column::Null,
            IsNull::No => read(ty, &out).map_err(|e| e.to_string())?,
        };
        T::from_column(column).map_err(|e| e.to_string())
    }

    fn colour() -> Type {
        Type::new("colour".into(), 70_001, Kind::Enum(vec!["red".into(), "green".into()]), "s".into())
    }

    fn colours() -> Type {
        Type::new("_colour".into(), 70_002, Kind::Array(colour()), "s".into())
    }

    #[test]
    fn integers_keep_their_value_in_every_width() {
        for (ty, values) in [
            (Type::INT2, &[i64::from(i16::MIN), -1, 0, i64::from(i16::MAX)][..]),
            (Type::INT4, &[i64::from(i32::MIN), -1, 0, i64::from(i32::MAX)]),
            (Type::INT8, &[i64::MIN, -1, 0, i64::MAX]),
            (Type::NUMERIC, &[i64::MIN, -10_000, -1, 0, 1, 9_999, 10_000, 100_000_000, i64::MAX]),
        ] {
            for value in values {
                assert_eq!(through(Value::Int(*value), &ty), Ok(*value), "{value} as {ty}");
            }
        }
        for (ty, value) in [(Type::INT2, 32_768), (Type::INT4, -2_147_483_649)] {
            assert!(through::<i64>(Value::Int(value), &ty).is_err(), "{value} as {ty}");
        }
    }

    #[test]
    fn numbers_keep_their_value() {
        for value in [0.0, -0.5, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY] {
            assert_eq!(through(Value::Real(value), &Type::FLOAT8), Ok(value), "{value}");
        }
        assert_eq!(through(Value::Real(0.25), &Type::FLOAT4), Ok(0.25));
        assert_eq!(through(Value::Int(3), &Type::FLOAT8), Ok(3.0));
        // 12345.6 and -0.5 as the server sends them.
        for (raw, want) in [([3u16, 1, 0, 1, 1, 2345, 6000].as_slice(), 12345.6), (&[1, 0xffff, 0x4000, 1, 5000], -0.5)]
        {
            let raw: Vec<u8> = raw.iter().flat_map(|word| word.to_be_bytes()).collect();
            let column = read(&Type::NUMERIC, &raw).unwrap();
            assert!((f64::from_column(column).unwrap() - want).abs() < 1e-9, "{column:?}, not {want}");
        }
    }

    #[test]
    fn texts_are_texts_names_and_words_of_enumerations() {
        let long = "é🦀\t".repeat(10_000);
        for ty in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, colour()] {
            for text in ["", "red", long.as_str()] {
                assert_eq!(through(Value::Text(Cow::Borrowed(text)), &ty), Ok(text.to_owned()), "{ty}");
            }
        }
        let id = Uuid::from_u128(0xabcdef);
        assert_eq!(through(Value::Uuid(id), &Type::TEXT), Ok(id.to_string()));
    }

    #[test]
    fn the_other_kinds_keep_their_value() {
        assert_eq!(through(Value::Bool(true), &Type::BOOL), Ok(true));
        assert_eq!(through(Value::Bool(false), &Type::BOOL), Ok(false));
        assert_eq!(through::<Option<i64>>(Value::Null, &Type::INT8), Ok(None));
        for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(7)] {
            assert_eq!(through(Value::Uuid(id), &Type::UUID), Ok(id));
            assert_eq!(through(Value::Text(id.to_string().into()), &Type::UUID), Ok(id));
        }
        for micros in [0, -1, 1, 946_684_800_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999] {
            assert_eq!(
                through(Value::Time(Time::from_micros(micros)), &Type::TIMESTAMPTZ),
                Ok(Time::from_micros(micros))
            );
        }
        for bytes in [&[][..], &[0, 255, 0], &[7; 100_000]] {
            assert_eq!(through(Value::Bytes(bytes.into()), &Type::BYTEA), Ok(bytes.to_vec()));
        }
        for ty in [Type::JSON, Type::JSONB] {
            for json in ["null", r#"{"a":[1,"é",null]}"#, "[]"] {
                let want: serde_json::Value = serde_json::from_str(json).unwrap();
                assert_eq!(through(Value::Json(json.into()), &ty), Ok(want), "{ty} {json}");
            }
        }
        for (ty, texts) in [
            (Type::INET, &["0.0.0.0", "255.255.255.255", "10.0.0.0/8", "::", "fe80::1/64"][..]),
            (Type::CIDR, &["10.0.0.0/8"]),
        ] {
            for text in texts {
                assert_eq!(through(Value::Text((*text).into()), &ty), Ok((*text).to_owned()), "{ty}");
            }
        }
    }

    #[test]
    fn arrays_keep_their_elements_and_their_order() {
        let words = vec!["red".to_owned(), "green".to_owned(), "red".to_owned()];
        let odd = vec![String::new(), "{,}\"\\".to_owned(), "é".to_owned(), "NULL".to_owned()];
        for (ty, texts) in [
            (Type::TEXT_ARRAY, vec![]),
            (Type::TEXT_ARRAY, odd),
            (Type::VARCHAR_ARRAY, words.clone()),
            (colours(), words),
        ] {
            assert_eq!(through(Value::Texts(Cow::Borrowed(&texts)), &ty), Ok(texts.clone()), "{ty}");
        }
        for ids in [vec![], vec![Uuid::nil(), Uuid::max()]] {
            assert_eq!(through(Value::Uuids(Cow::Borrowed(&ids)), &Type::UUID_ARRAY), Ok(ids.clone()));
            let texts: Vec<String> = ids.iter().map(Uuid::to_string).collect();
            assert_eq!(through(Value::Texts(Cow::Borrowed(&texts)), &Type::UUID_ARRAY), Ok(ids));
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused_before_they_are_sent() {
        for (value, ty) in [
            (Value::Int(1), Type::TEXT),
            (Value::Bool(true), Type::INT4),
            (Value::Text("x".into()), Type::UUID),
            (Value::Text("x".into()), Type::INET),
            (Value::Text("10.0.0.1/33".into()), Type::INET),
            (Value::Text("1".into()), Type::INT8),
            (Value::Time(Time::from_micros(0)), Type::INT8),
            (Value::Bytes([1][..].into()), Type::TEXT),
            (Value::Json("1".into()), Type::TEXT_ARRAY),
            (Value::Time(Time::from_micros(i64::MIN)), Type::TIMESTAMPTZ),
        ] {
            assert!(value.to_sql(&ty, &mut BytesMut::new()).is_err(), "{value:?} as {ty}");
        }
    }

    #[test]
    fn what_a_broken_server_sends_is_an_error() {
        for (ty, raw) in [
            (Type::INT4, &[1, 2][..]),
            (Type::UUID, &[1]),
            (Type::JSONB, &[2, b'1']),
            (Type::JSONB, &[]),
            (Type::INET, &[9, 32, 0, 4, 1, 2, 3, 4]),
            (Type::INET, &[2, 32]),
            (Type::NUMERIC, &[0, 1]),
            (Type::TEXT, &[0xff]),
            (Type::POINT, &[0; 16]),
        ] {
            assert!(read(&ty, raw).is_err(), "{ty} {raw:?}");
        }
        for raw in [
            &[0; 3][..],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 127, 255, 255, 255, 0, 0, 0, 1],
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 25],
        ] {
            assert!(Vec::<String>::from_column(Column::Array(Array(raw))).is_err(), "{raw:?}");
        }
    }
}
