//! Bytes by type: what a [`Serde`] is, which types have one, and how null is told from empty.
//!
//! A serde is chosen by type through [`DefaultSerde`]; options take another one for the odd topic. A type without one
//! is a compile error that says what to write. Whether null is allowed is part of the type: `Option<T>` holds it, `T`
//! does not, and a source drops and counts null records that its type cannot hold.
//!
//! Must not import protocol, client or runtime: serdes are usable alone.

mod bincode;
mod json;
mod nullable;
mod postcard;
mod primitives;
mod stored;
mod windowed;

use std::any::type_name;
use std::sync::Arc;

use crate::error::Result;

pub use self::bincode::Bincode;
pub use self::json::Json;
pub use self::nullable::{Nullable, OptionSerde};
pub use self::postcard::Postcard;
pub use self::primitives::{BoolSerde, BytesSerde, NumberSerde, StringSerde, UnitSerde, UuidSerde};
pub use self::stored::{ChangeSerde, ChangeSides, ValueAndTimestamp, ValueAndTimestampSerde};
pub use self::windowed::{SessionWindowedSerde, TimeWindowedSerde, Window, Windowed};

/// Turns values of one type into bytes and back. Shared by all tasks, hence `&self`.
pub trait Serde<T>: Send + Sync + 'static {
    /// Appends the value's bytes to `out`. Not called for a value that [is null](Self::is_null).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Serialization`] when the value has no encoding.
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<()>;

    /// Decodes a value that is not null.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Serialization`] when the bytes are no such value; the message names the type and what
    /// it expected.
    fn deserialize(&self, bytes: &[u8]) -> Result<T>;

    /// Decodes into a slot that holds an earlier value, reusing its memory where the type allows it.
    ///
    /// # Errors
    /// As [`Self::deserialize`]; the slot then holds some valid value.
    fn deserialize_into(&self, bytes: &[u8], slot: &mut T) -> Result<()> {
        *slot = self.deserialize(bytes)?;
        Ok(())
    }

    /// Whether this value is written as null (a tombstone).
    fn is_null(&self, value: &T) -> bool {
        let _ = value;
        false
    }

    /// The value that null decodes to; `None` when the type cannot hold null.
    fn null(&self) -> Option<T> {
        None
    }

    /// Names the bytes: what a serde of one name wrote, another of that name can read. It is recorded beside the state of
    /// stores, so that a program with other serdes is refused. Unless said otherwise it is made of the serde's type and
    /// `T`, without module paths.
    fn name(&self) -> String {
        let (own, of) = (without_paths(type_name::<Self>()), without_paths(type_name::<T>()));
        match own.contains(&of) {
            true => own,
            false => format!("{own} of {of}"),
        }
    }
}

/// A serde as handles and nodes hold it.
pub type SerdeRef<T> = Arc<dyn Serde<T>>;

/// A type with a serde of its own, so that `stream::<K, V>(topic)` needs no further word.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default serde",
    label = "no serde is known for this key or value type",
    note = "write `json_serde!({Self});` (or `postcard_serde!`, `bincode_serde!`) beside the type, \
            or pass one with `Consumed::with(keys, values)` and the like"
)]
pub trait DefaultSerde: Sized + 'static {
    /// The serde of this type.
    fn default_serde() -> SerdeRef<Self>;
}

/// Leaves out the module paths of a type's name: `a::b::C<d::E>` is `C<E>`.
pub(crate) fn without_paths(name: &str) -> String {
    let mut short = String::new();
    let mut segment = String::new();
    for character in name.chars() {
        match character {
            ':' => segment.clear(),
            _ if character.is_alphanumeric() || character == '_' => segment.push(character),
            _ => {
                short.push_str(&segment);
                segment.clear();
                short.push(character);
            }
        }
    }
    short + &segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    struct Own;

    impl Serde<u8> for Own {
        fn serialize(&self, _: &u8, _: &mut Vec<u8>) -> Result<()> {
            Ok(())
        }

        fn deserialize(&self, _: &[u8]) -> Result<u8> {
            Ok(0)
        }
    }

    #[derive(::serde::Serialize, ::serde::Deserialize)]
    struct Order;

    fn name<T: DefaultSerde>() -> String {
        T::default_serde().name()
    }

    /// They are in files that outlive this program: row B52.
    #[test]
    fn names_of_serdes_stay_what_they_are() {
        assert_eq!([name::<i64>(), name::<Timestamp>(), name::<f32>()], ["i64", "i64", "f32"]);
        assert_eq!([name::<String>(), name::<Vec<u8>>(), name::<bool>()], ["String", "bytes", "bool"]);
        assert_eq!([name::<uuid::Uuid>(), name::<()>(), name::<Option<String>>()], ["Uuid", "()", "String"]);
        assert_eq!(name::<ValueAndTimestamp<i64>>(), "timestamped i64");
        assert_eq!(name::<Windowed<String>>(), "windowed String");
        assert_eq!(SessionWindowedSerde::new(String::default_serde()).name(), "session of String");
        assert_eq!([Json::<Order>::new().name(), Postcard::<Order>::new().name()], ["Json<Order>", "Postcard<Order>"]);
        assert_eq!(Own.name(), "Own of u8");
    }
}
