//! `Datum`: the one type of keys and values that cases have, and its serdes.
//!
//! What a case calls null is `Datum::Null`. The serdes know it as null, so that sources, tables and sinks treat it as
//! they treat the `None` of an `Option`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_core::serde::{
    DefaultSerde, Nullable, Serde, SerdeRef, SessionWindowedSerde, TimeWindowedSerde, Window, Windowed,
};
use streams_core::{Error, ErrorKind, Result, Timestamp};

/// The type of a key or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text in UTF-8.
    #[default]
    String,
    /// Eight bytes, big endian.
    Long,
    /// A key in a window of a size.
    #[serde(untagged)]
    Windowed(WindowedType),
    /// A key in a session.
    #[serde(untagged)]
    Session(SessionType),
}

/// A key in a window of a size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowedType {
    /// The key.
    pub windowed: Box<Type>,
    /// The windows' size in ms.
    pub size: i64,
}

/// A key in a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionType {
    /// The key.
    pub session: Box<Type>,
}

impl Type {
    /// This type in windows of `size` ms.
    #[must_use]
    pub fn windowed(self, size: i64) -> Self {
        Self::Windowed(WindowedType { windowed: Box::new(self), size })
    }
}

/// A key or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Datum {
    /// Null.
    #[default]
    Null,
    /// A long.
    Long(i64),
    /// A string.
    Text(String),
    /// A key in a window.
    Windowed(Box<WindowedDatum>),
    /// Bytes that are of no type: what came out cannot be read by the type that it should have.
    Bytes(HexDatum),
}

/// Bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HexDatum {
    /// The digits.
    pub hex: String,
}

/// A key in a window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowedDatum {
    /// The key.
    pub key: Datum,
    /// The first millisecond.
    pub start: i64,
    /// The end.
    pub end: i64,
}

impl Datum {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Long(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Windowed(windowed) => write!(f, "[{}@{}/{}]", windowed.key, windowed.start, windowed.end),
            Self::Bytes(bytes) => write!(f, "0x{}", bytes.hex),
        }
    }
}

/// What a program's handles hold: a [`Datum`] as it is, or in the shape that an operator of the DSL imposes.
pub trait Cell: Clone + Send + Sync + 'static {
    /// The datum in it.
    fn datum(&self) -> Datum;

    /// The cell that holds a datum. A datum of another type than the cell's becomes its zero: types were checked before.
    fn of(datum: Datum) -> Self;

    /// The serde of a type.
    fn serde(of: &Type) -> SerdeRef<Self>;
}

impl Cell for Datum {
    fn datum(&self) -> Datum {
        self.clone()
    }

    fn of(datum: Datum) -> Self {
        datum
    }

    fn serde(of: &Type) -> SerdeRef<Self> {
        Arc::new(DatumSerde::new(of))
    }
}

impl Nullable for Datum {
    fn is_null(value: &Self) -> bool {
        Self::is_null(value)
    }
}

/// Values that an operator imposes as `i64`: counts.
impl Cell for i64 {
    fn datum(&self) -> Datum {
        Datum::Long(*self)
    }

    fn of(datum: Datum) -> Self {
        match datum {
            Datum::Long(number) => number,
            _ => 0,
        }
    }

    fn serde(_: &Type) -> SerdeRef<Self> {
        Self::default_serde()
    }
}

impl<T: Cell> Cell for Option<T> {
    fn datum(&self) -> Datum {
        self.as_ref().map_or(Datum::Null, Cell::datum)
    }

    fn of(datum: Datum) -> Self {
        (!datum.is_null()).then(|| T::of(datum))
    }

    fn serde(of: &Type) -> SerdeRef<Self> {
        Arc::new(streams_core::serde::OptionSerde::new(T::serde(of)))
    }
}

/// Keys that windowed aggregations impose.
impl Cell for Windowed<Datum> {
    fn datum(&self) -> Datum {
        let (start, end) = (self.window.start.0, self.window.end.0);
        Datum::Windowed(Box::new(WindowedDatum { key: self.key.clone(), start, end }))
    }

    fn of(datum: Datum) -> Self {
        match datum {
            Datum::Windowed(windowed) => {
                let window = Window::new(Timestamp(windowed.start), Timestamp(windowed.end));
                Self::new(windowed.key, window)
            }
            other => Self::new(other, Window::new(Timestamp(0), Timestamp(0))),
        }
    }

    fn serde(of: &Type) -> SerdeRef<Self> {
        match of {
            Type::Windowed(windowed) => {
                let size = Duration::from_millis(u64::try_from(windowed.size).unwrap_or(0));
                Arc::new(TimeWindowedSerde::new(Datum::serde(&windowed.windowed), size))
            }
            Type::Session(session) => Arc::new(SessionWindowedSerde::new(Datum::serde(&session.session))),
            plain => Arc::new(TimeWindowedSerde::of_unknown_size(Datum::serde(plain))),
        }
    }
}

/// Without an explicit serde, a datum is a string.
impl DefaultSerde for Datum {
    fn default_serde() -> SerdeRef<Self> {
        Self::serde(&Type::String)
    }
}

enum DatumSerde {
    Text(SerdeRef<String>),
    Long(SerdeRef<i64>),
    Windowed(SerdeRef<Windowed<Datum>>),
}

impl DatumSerde {
    fn new(of: &Type) -> Self {
        match of {
            Type::String => Self::Text(String::default_serde()),
            Type::Long => Self::Long(i64::default_serde()),
            Type::Windowed(_) | Type::Session(_) => Self::Windowed(Windowed::<Datum>::serde(of)),
        }
    }
}

impl Serde<Datum> for DatumSerde {
    fn serialize(&self, value: &Datum, out: &mut Vec<u8>) -> Result<()> {
        match (self, value) {
            (Self::Text(serde), Datum::Text(text)) => serde.serialize(text, out),
            (Self::Long(serde), Datum::Long(number)) => serde.serialize(number, out),
            (Self::Windowed(serde), Datum::Windowed(_)) => serde.serialize(&Windowed::of(value.clone()), out),
            _ => {
                let message = format!("{value:?} is not of the type that its serde writes");
                Err(Error::new(ErrorKind::Serialization, message))
            }
        }
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Datum> {
        match self {
            Self::Text(serde) => serde.deserialize(bytes).map(Datum::Text),
            Self::Long(serde) => serde.deserialize(bytes).map(Datum::Long),
            Self::Windowed(serde) => serde.deserialize(bytes).map(|windowed| windowed.datum()),
        }
    }

    fn is_null(&self, value: &Datum) -> bool {
        value.is_null()
    }

    fn null(&self) -> Option<Datum> {
        Some(Datum::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_data_are_written_as_in_the_format() {
        let types = r#"["string","long",{"windowed":"string","size":10},{"session":"long"}]"#;
        let read: Vec<Type> = serde_json::from_str(types).unwrap();
        assert_eq!(read[2], Type::String.windowed(10));
        assert_eq!(serde_json::to_string(&read).unwrap(), types);
        let data = r#"[null,"a",-5,{"key":"a","start":0,"end":10}]"#;
        let read: Vec<Datum> = serde_json::from_str(data).unwrap();
        assert_eq!(read[..3], [Datum::Null, Datum::text("a"), Datum::Long(-5)]);
        assert_eq!(serde_json::to_string(&read).unwrap(), data);
    }

    #[test]
    fn a_datum_of_another_type_is_refused() {
        let error = Datum::serde(&Type::Long).serialize(&Datum::text("x"), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("not of the type"), "{error}");
    }
}
