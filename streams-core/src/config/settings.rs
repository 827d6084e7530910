//! The macro that declares a set of settings: field, type, default, Kafka's name and grammar on one line each.
//!
//! What it makes is a plain struct with public fields and a `set` that knows the names. Settings that several sets
//! share are a set of their own, reached through `includes`.

/// Declares a struct of settings.
///
/// ```text
/// settings! {
///     /// What the set is for.
///     pub struct Name includes [common: Other] {
///         /// What the setting does.
///         field: Type = default, "kafka.name", parser;
///     }
/// }
/// ```
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident includes [$($include:ident: $include_type:ty),*] {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty = $default:expr, $key:literal, $parser:expr; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $( #[doc = "What this set shares with others."] pub $include: $include_type, )*
            $(
                $(#[$field_meta])*
                #[doc = concat!("\n\nKafka's name: `", $key, "`.")]
                pub $field: $type,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $include: Default::default(), )*
                    $( $field: $default, )*
                }
            }
        }

        impl $name {
            /// The names of all settings of this set.
            pub fn keys() -> Vec<&'static str> {
                #[allow(unused_mut, reason = "not every set includes another")]
                let mut keys = vec![$($key),*];
                $( keys.extend(<$include_type>::keys()); )*
                keys
            }

            /// Sets one setting from text; false when it is none of this set.
            ///
            /// # Errors
            /// [`crate::ErrorKind::InvalidConfig`] when the value is none the setting accepts.
            pub(crate) fn try_set(&mut self, key: &str, value: &str) -> $crate::error::Result<bool> {
                match key {
                    $( $key => self.$field = $crate::config::parse::value(key, value, $parser)?, )*
                    _ => {
                        $( if self.$include.try_set(key, value)? { return Ok(true); } )*
                        return Ok(false);
                    }
                }
                #[allow(unreachable_code, reason = "a set can consist of includes only")]
                Ok(true)
            }
        }
    };
}

pub(crate) use settings;
