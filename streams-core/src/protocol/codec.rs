//! The declarative codec: what a wire type is, and the [`message!`] macro that declares one.
//!
//! A message is declared once, field by field in wire order, each with the versions that have it:
//!
//! ```text
//! message! {
//!     pub struct FetchPartition {
//!         [0..] partition: i32,
//!         [9.., ignorable] current_leader_epoch: i32 = -1,      default when absent
//!         [0..=12, null 7..] topic: Option<String>,             null allowed from v7 on
//!         [17.., tag 0] replica_directory_id: Uuid,             tagged field
//!     }
//! }
//! ```
//!
//! Types choose the encoding; whether a version is flexible is known to the reader and the writer. A field that a
//! version does not have decodes to its default. A request that sets such a field is refused unless the field is
//! `ignorable`; a response leaves it out. Unknown tagged fields are skipped.

use bytes::Bytes;
use uuid::Uuid;

use super::codes::ErrorCode;
use super::wire::{Reader, Writer};
use crate::error::Result;

/// A value with an encoding.
pub(crate) trait Wire: Sized {
    fn write(&self, w: &mut Writer);

    fn read(r: &mut Reader) -> Result<Self>;

    /// Whether this is null.
    fn is_null(&self) -> bool {
        false
    }

    /// Writes a value into a version that does not allow null: in a response, null becomes the empty value.
    fn write_not_null(&self, w: &mut Writer, name: &str) {
        let _ = name;
        self.write(w);
    }
}

/// A value with an encoding of null.
pub(crate) trait Nullable: Wire + Default {
    fn write_nullable(value: Option<&Self>, w: &mut Writer);

    fn read_nullable(r: &mut Reader) -> Result<Option<Self>>;
}

impl<T: Nullable> Wire for Option<T> {
    fn write(&self, w: &mut Writer) {
        T::write_nullable(self.as_ref(), w);
    }

    fn read(r: &mut Reader) -> Result<Self> {
        T::read_nullable(r)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn write_not_null(&self, w: &mut Writer, name: &str) {
        match self {
            Some(value) => T::write_nullable(Some(value), w),
            None => {
                if w.strict() {
                    w.fail(format!("{name} is null, which this version does not allow"));
                }
                T::write_nullable(Some(&T::default()), w);
            }
        }
    }
}

macro_rules! numbers {
    ($($type:ty: $read:ident),*) => {$(
        impl Wire for $type {
            fn write(&self, w: &mut Writer) {
                w.put(&self.to_be_bytes());
            }

            fn read(r: &mut Reader) -> Result<Self> {
                r.$read()
            }
        }
    )*};
}

numbers!(i8: i8, i16: i16, u16: u16, i32: i32, i64: i64);

impl Wire for bool {
    fn write(&self, w: &mut Writer) {
        w.put(&[u8::from(*self)]);
    }

    fn read(r: &mut Reader) -> Result<Self> {
        Ok(r.i8()? != 0)
    }
}

impl Wire for Uuid {
    fn write(&self, w: &mut Writer) {
        w.put(self.as_bytes());
    }

    fn read(r: &mut Reader) -> Result<Self> {
        r.uuid()
    }
}

impl Wire for ErrorCode {
    fn write(&self, w: &mut Writer) {
        self.0.write(w);
    }

    fn read(r: &mut Reader) -> Result<Self> {
        Ok(Self(r.i16()?))
    }
}

/// Reads a value whose encoding has a null, where null is not allowed.
fn not_null<T: Nullable>(r: &mut Reader, what: &str) -> Result<T> {
    match T::read_nullable(r)? {
        Some(value) => Ok(value),
        None => Err(r.malformed(format_args!("null {what}"))),
    }
}

impl Wire for String {
    fn write(&self, w: &mut Writer) {
        w.nullable_string(Some(self));
    }

    fn read(r: &mut Reader) -> Result<Self> {
        not_null(r, "string")
    }
}

impl Nullable for String {
    fn write_nullable(value: Option<&Self>, w: &mut Writer) {
        w.nullable_string(value.map(Self::as_str));
    }

    fn read_nullable(r: &mut Reader) -> Result<Option<Self>> {
        r.nullable_string()
    }
}

impl Wire for Bytes {
    fn write(&self, w: &mut Writer) {
        w.nullable_bytes(Some(self));
    }

    fn read(r: &mut Reader) -> Result<Self> {
        not_null(r, "bytes")
    }
}

impl Nullable for Bytes {
    fn write_nullable(value: Option<&Self>, w: &mut Writer) {
        w.nullable_bytes(value);
    }

    fn read_nullable(r: &mut Reader) -> Result<Option<Self>> {
        r.nullable_bytes()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, w: &mut Writer) {
        Self::write_nullable(Some(self), w);
    }

    fn read(r: &mut Reader) -> Result<Self> {
        not_null(r, "array")
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn write_nullable(value: Option<&Self>, w: &mut Writer) {
        w.nullable_array(value.map(Self::as_slice), |w, element| element.write(w));
    }

    fn read_nullable(r: &mut Reader) -> Result<Option<Self>> {
        r.nullable_array(T::read)
    }
}

/// When and how a field is on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    first: i16,
    last: i16,
    null_first: i16,
    null_last: i16,
    tag: Option<u32>,
    ignorable: bool,
}

impl Field {
    pub(crate) const fn new(name: &'static str, first: i16, last: i16) -> Self {
        Self { name, first, last, null_first: 0, null_last: i16::MAX, tag: None, ignorable: false }
    }

    pub(crate) const fn null(mut self, first: i16, last: i16) -> Self {
        self.null_first = first;
        self.null_last = last;
        self
    }

    pub(crate) const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(crate) const fn ignorable(mut self) -> Self {
        self.ignorable = true;
        self
    }

    fn covers(&self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    fn allows_null(&self, version: i16) -> bool {
        self.null_first <= version && version <= self.null_last
    }

    /// Writes the field if it has a place among the untagged ones of this version.
    pub(crate) fn write<T: Wire + PartialEq>(&self, w: &mut Writer, value: &T, default: &T) {
        let version = w.version();
        if !self.covers(version) {
            if w.strict() && !self.ignorable && value != default {
                w.fail(format!("{} is set, and this version has no such field", self.name));
            }
        } else if self.tag.is_none() {
            if self.allows_null(version) {
                value.write(w);
            } else {
                value.write_not_null(w, self.name);
            }
        }
    }

    /// Whether the field is one of the tagged ones that are written.
    pub(crate) fn is_written_tagged<T: PartialEq>(&self, w: &Writer, value: &T, default: &T) -> bool {
        self.tag.is_some() && self.covers(w.version()) && value != default
    }

    /// Writes the field if it is one of the tagged ones that are written.
    pub(crate) fn write_tagged<T: Wire + PartialEq>(&self, w: &mut Writer, value: &T, default: &T) {
        if let (Some(tag), true) = (self.tag, self.is_written_tagged(w, value, default)) {
            w.tagged_field(tag, |w| value.write(w));
        }
    }

    /// Reads the field if it has a place among the untagged ones of this version.
    pub(crate) fn read<T: Wire>(&self, r: &mut Reader, value: &mut T) -> Result<()> {
        if self.tag.is_none() && self.covers(r.version()) {
            *value = T::read(r)?;
            if value.is_null() && !self.allows_null(r.version()) {
                return Err(r.malformed(format_args!("{} is null", self.name)));
            }
        }
        Ok(())
    }

    /// Reads the field if it is the one with this tag.
    pub(crate) fn read_tagged<T: Wire>(&self, r: &mut Reader, tag: u32, value: &mut T) -> Result<bool> {
        if self.tag != Some(tag) || !self.covers(r.version()) {
            return Ok(false);
        }
        *value = T::read(r)?;
        Ok(true)
    }
}

/// The [`Field`] for the options in a field's brackets.
macro_rules! field {
    (@ $field:expr;) => { $field };
    (@ $field:expr; ignorable $(, $($rest:tt)*)?) => { field!(@ $field.ignorable(); $($($rest)*)?) };
    (@ $field:expr; tag $tag:literal $(, $($rest:tt)*)?) => { field!(@ $field.tag($tag); $($($rest)*)?) };
    (@ $field:expr; null $first:literal..=$last:literal $(, $($rest:tt)*)?) => {
        field!(@ $field.null($first, $last); $($($rest)*)?)
    };
    (@ $field:expr; null $first:literal.. $(, $($rest:tt)*)?) => {
        field!(@ $field.null($first, i16::MAX); $($($rest)*)?)
    };
    ($name:ident $first:literal..=$last:literal $(, $($rest:tt)*)?) => {
        field!(@ $crate::protocol::codec::Field::new(stringify!($name), $first, $last); $($($rest)*)?)
    };
    ($name:ident $first:literal.. $(, $($rest:tt)*)?) => {
        field!(@ $crate::protocol::codec::Field::new(stringify!($name), $first, i16::MAX); $($($rest)*)?)
    };
}

/// Declares structs of the wire protocol; see the module.
macro_rules! message {
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    ($(
        $(#[$struct_meta:meta])*
        pub struct $Name:ident {
            $( $(#[$meta:meta])* [$($option:tt)*] $field:ident: $type:ty $(= $default:expr)? ),* $(,)?
        }
    )*) => {$(
        $(#[$struct_meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Name {
            $(
                $(#[$meta])*
                #[doc = concat!("In versions `", $(stringify!($option),)* "`.")]
                pub $field: $type,
            )*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $( $field: message!(@default $($default)?), )* }
            }
        }

        impl $crate::protocol::codec::Wire for $Name {
            fn write(&self, w: &mut $crate::protocol::wire::Writer) {
                let default = Self::default();
                $( field!($field $($option)*).write(w, &self.$field, &default.$field); )*
                if w.flexible() {
                    let count = 0 $( + u32::from(
                        field!($field $($option)*).is_written_tagged(w, &self.$field, &default.$field)
                    ) )*;
                    w.uvarint(count);
                    $( field!($field $($option)*).write_tagged(w, &self.$field, &default.$field); )*
                }
            }

            fn read(r: &mut $crate::protocol::wire::Reader) -> $crate::error::Result<Self> {
                let mut value = Self::default();
                $( field!($field $($option)*).read(r, &mut value.$field)?; )*
                if r.flexible() {
                    r.tagged_fields(|r, tag| {
                        let _ = (&r, tag);
                        $( if field!($field $($option)*).read_tagged(r, tag, &mut value.$field)? {
                            return Ok(true);
                        } )*
                        Ok(false)
                    })?;
                }
                Ok(value)
            }
        }

        impl $crate::protocol::codec::Nullable for $Name {
            fn write_nullable(value: Option<&Self>, w: &mut $crate::protocol::wire::Writer) {
                use $crate::protocol::codec::Wire;
                w.put(&if value.is_some() { 1_i8 } else { -1 }.to_be_bytes());
                if let Some(value) = value {
                    value.write(w);
                }
            }

            fn read_nullable(r: &mut $crate::protocol::wire::Reader) -> $crate::error::Result<Option<Self>> {
                use $crate::protocol::codec::Wire;
                if r.i8()? < 0 { Ok(None) } else { Self::read(r).map(Some) }
            }
        }
    )*};
}

pub(crate) use {field, message};
