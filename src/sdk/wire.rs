//! Words of closed sets: the enums of the API, and how a client's word is held until it is checked.
//!
//! [`wire_enum!`] declares an enum and its words once; the database keeps the same words. A request
//! holds a [`Word`], because a client may send anything and is owed a validation error, not a
//! syntax error. Whether a word is allowed in one place is [`super::validate`]'s business.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enum whose variants are words on the wire and in the database.
pub trait WireEnum: Copy + Eq + fmt::Debug + 'static {
    /// Every variant, in the order declared.
    const ALL: &'static [Self];
    /// What the word is a kind of, for messages.
    const NAME: &'static str;
    /// The variant's word.
    fn as_str(self) -> &'static str;
    /// The variant of a word; case matters.
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| v.as_str() == word)
    }
}

/// Declares an enum by its words: `pub enum Colour { Red = "red" }`.
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "a variant says no more than its word")]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every variant, in the order declared.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
            /// The variant of a word; case matters.
            pub fn parse(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl $crate::sdk::WireEnum for $name {
            const ALL: &'static [$name] = $name::ALL;
            const NAME: &'static str = stringify!($name);
            fn as_str(self) -> &'static str { $name::as_str(self) }
            fn parse(word: &str) -> Option<$name> { $name::parse(word) }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                $crate::sdk::wire::read_word(d)
            }
        }
    };
}

/// Reads a word that must be one of the set.
pub fn read_word<'de, D: Deserializer<'de>, E: WireEnum>(d: D) -> Result<E, D::Error> {
    let word = std::borrow::Cow::<str>::deserialize(d)?;
    E::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("{word:?} is not a {}", E::NAME)))
}

/// A word as a client sent it: one of the set, some other, or (when left out) the empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<E> {
    /// One of the set.
    Known(E),
    /// Anything else; empty when left out.
    Other(String),
}

impl<E: WireEnum> Word<E> {
    /// The variant, if the word is one of the set.
    pub fn known(&self) -> Option<E> {
        match self {
            Word::Known(e) => Some(*e),
            Word::Other(_) => None,
        }
    }
    /// The word as it was sent.
    pub fn as_str(&self) -> &str {
        match self {
            Word::Known(e) => e.as_str(),
            Word::Other(text) => text,
        }
    }
    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl<E> Default for Word<E> {
    fn default() -> Word<E> {
        Word::Other(String::new())
    }
}

impl<E> From<E> for Word<E> {
    fn from(e: E) -> Word<E> {
        Word::Known(e)
    }
}

impl<E: WireEnum> Serialize for Word<E> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de, E: WireEnum> Deserialize<'de> for Word<E> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Word<E>, D::Error> {
        let text = String::deserialize(d)?;
        Ok(E::parse(&text).map_or(Word::Other(text), Word::Known))
    }
}

/// Bytes: base64 on the wire. A list of numbers is read too, as clients of old write one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                BASE64_STANDARD.decode(text).map(Bytes).map_err(|why| E::custom(format!("no base64: {why}")))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = list.next_element::<u8>()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        d.deserialize_any(Read)
    }
}

/// Whether a field that is left out when it holds nothing holds nothing.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    wire_enum! {
        /// For the tests below.
        pub enum Colour { Red = "red", DeepBlue = "deep-blue" }
    }

    #[test]
    fn a_word_reads_and_writes_as_declared() {
        assert_eq!(Colour::parse("deep-blue"), Some(Colour::DeepBlue));
        assert_eq!(Colour::parse("Red"), None);
        assert_eq!(serde_json::to_string(&Colour::DeepBlue).unwrap(), r#""deep-blue""#);
        assert!(serde_json::from_str::<Colour>(r#""green""#).unwrap_err().to_string().contains("Colour"));
    }

    #[test]
    fn bytes_are_base64_or_a_list_of_numbers() {
        for (json, want) in [
            (r#""e30=""#, Some(&b"{}"[..])),
            ("[1,2]", Some(&[1, 2])),
            (r#""""#, Some(&[])),
            (r#""?""#, None),
            ("[300]", None),
            ("7", None),
        ] {
            let got: Option<Bytes> = serde_json::from_str(json).ok();
            assert_eq!(got.as_ref().map(|b| b.0.as_slice()), want, "{json}");
        }
        assert_eq!(serde_json::to_string(&Bytes(b"{}".to_vec())).unwrap(), r#""e30=""#);
    }

    #[test]
    fn a_clients_word_is_kept_until_it_is_checked() {
        let green: Word<Colour> = serde_json::from_str(r#""green""#).unwrap();
        assert_eq!((green.known(), green.as_str()), (None, "green"));
        let red: Word<Colour> = serde_json::from_str(r#""red""#).unwrap();
        assert_eq!(red, Colour::Red.into());
        assert!(Word::<Colour>::default().is_empty());
    }
}
