//! The named functions of records: predicates, mappers, choosers. Each is pure, defined for null, and says what type it
//! gives. `FORMAT.md` lists them; what two values make together is in `folds`.

use std::sync::Arc;

use crate::interpret::{mistake, Stop};
use crate::value::{Datum, Type};

/// A function of key and value.
pub type MapFn = Arc<dyn Fn(&Datum, &Datum) -> Datum + Send + Sync>;
/// A function of key and value to any number of values.
pub type FlatFn = Arc<dyn Fn(&Datum, &Datum) -> Vec<Datum> + Send + Sync>;
/// A function of key and value to a key and a value.
pub type PairFn = Arc<dyn Fn(&Datum, &Datum) -> (Datum, Datum) + Send + Sync>;
/// A function of key and value to any number of pairs.
pub type FlatPairFn = Arc<dyn Fn(&Datum, &Datum) -> Vec<(Datum, Datum)> + Send + Sync>;
/// A predicate of key and value.
pub type PredicateFn = Arc<dyn Fn(&Datum, &Datum) -> bool + Send + Sync>;

/// A value as a number: 0 for null, the characters of a text.
pub fn number(value: &Datum) -> i64 {
    match value {
        Datum::Null => 0,
        Datum::Long(number) => *number,
        other => characters(&other.to_string()),
    }
}

fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// A predicate by name.
///
/// # Errors
/// [`Stop::Mistake`] when there is none.
pub fn predicate(name: &str) -> Result<PredicateFn, Stop> {
    Ok(match name {
        "true" => Arc::new(|_, _| true),
        "false" => Arc::new(|_, _| false),
        "value_not_null" => Arc::new(|_, value| !value.is_null()),
        "value_null" => Arc::new(|_, value| value.is_null()),
        "key_not_null" => Arc::new(|key, _| !key.is_null()),
        "value_even" => Arc::new(|_, value| !value.is_null() && number(value) % 2 == 0),
        "value_long" => Arc::new(|_, value| number(value) > 3),
        "key_is_a" => Arc::new(|key, _| !key.is_null() && key.to_string().starts_with('a')),
        _ => return mistake(format!("there is no predicate `{name}`")),
    })
}

/// A value mapper by name, and what it gives.
///
/// # Errors
/// [`Stop::Mistake`] when there is none, or it is not for values of this type.
pub fn value_mapper(name: &str, value: &Type) -> Result<(Type, MapFn), Stop> {
    match name {
        "upper" | "null_if_empty" | "parse_long" => expect(name, value, &Type::String)?,
        "add_one" => expect(name, value, &Type::Long)?,
        _ => {}
    }
    Ok(match name {
        "upper" => (Type::String, unless_null(|text| Datum::Text(text.to_string().to_uppercase()))),
        "length" => (Type::Long, Arc::new(|_, value| Datum::Long(length(value)))),
        "to_string" => (Type::String, unless_null(|value| Datum::Text(value.to_string()))),
        "add_one" => (Type::Long, unless_null(|value| Datum::Long(number(value).wrapping_add(1)))),
        "null_if_empty" => (
            Type::String,
            unless_null(|value| match value {
                Datum::Text(text) if text.is_empty() => Datum::Null,
                other => other.clone(),
            }),
        ),
        "with_key" => (Type::String, Arc::new(|key, value| Datum::Text(format!("{key}:{value}")))),
        "to_null" => (value.clone(), Arc::new(|_, _| Datum::Null)),
        "parse_long" => (Type::Long, unless_null(|value| value.to_string().parse().map_or(Datum::Null, Datum::Long))),
        _ => return mistake(format!("there is no value mapper `{name}`")),
    })
}

fn unless_null(map: impl Fn(&Datum) -> Datum + Send + Sync + 'static) -> MapFn {
    Arc::new(move |_, value| if value.is_null() { Datum::Null } else { map(value) })
}

fn length(value: &Datum) -> i64 {
    if value.is_null() {
        0
    } else {
        characters(&value.to_string())
    }
}

/// A flat value mapper by name, and what it gives.
///
/// # Errors
/// As [`value_mapper`].
pub fn flat_value_mapper(name: &str, value: &Type) -> Result<(Type, FlatFn), Stop> {
    Ok(match name {
        "words" => {
            expect(name, value, &Type::String)?;
            (Type::String, Arc::new(|_, value| words(value)))
        }
        "twice" => (value.clone(), Arc::new(|_, value| vec![value.clone(), value.clone()])),
        "none" => (value.clone(), Arc::new(|_, _| Vec::new())),
        _ => return mistake(format!("there is no flat value mapper `{name}`")),
    })
}

/// A key mapper by name, and what it gives.
///
/// # Errors
/// As [`value_mapper`].
pub fn key_mapper(name: &str, key: &Type, value: &Type) -> Result<(Type, MapFn), Stop> {
    Ok(match name {
        "value" => (value.clone(), Arc::new(|_, value| value.clone())),
        "first_char" => (Type::String, Arc::new(|_, value| first_char(value))),
        "length_of_value" => (Type::Long, unless_null(|value| Datum::Long(length(value)))),
        "key" => (key.clone(), Arc::new(|key, _| key.clone())),
        "null_key" => (key.clone(), Arc::new(|_, _| Datum::Null)),
        "constant" => (Type::String, Arc::new(|_, _| Datum::text("all"))),
        "second_word" => {
            expect(name, value, &Type::String)?;
            (Type::String, Arc::new(|_, value| words(value).get(1).cloned().unwrap_or_default()))
        }
        "unwindow" => {
            let inner = match key {
                Type::Windowed(windowed) => &windowed.windowed,
                Type::Session(session) => &session.session,
                _ => return mistake("`unwindow` of a key that is not windowed"),
            };
            let unwindow = |key: &Datum, _: &Datum| match key {
                Datum::Windowed(windowed) => windowed.key.clone(),
                _ => Datum::Null,
            };
            ((**inner).clone(), Arc::new(unwindow))
        }
        _ => return mistake(format!("there is no key mapper `{name}`")),
    })
}

/// A pair mapper by name, and the types of key and value that it gives.
///
/// # Errors
/// As [`value_mapper`].
pub fn pair_mapper(name: &str, key: &Type, value: &Type) -> Result<(Type, Type, PairFn), Stop> {
    let (key, value) = (key.clone(), value.clone());
    Ok(match name {
        "swap" => (value, key, Arc::new(|key, value| (value.clone(), key.clone()))),
        "identity" => (key, value, Arc::new(|key, value| (key.clone(), value.clone()))),
        "by_first_char" => (Type::String, value, Arc::new(|_, value| (first_char(value), value.clone()))),
        "by_value" => (value.clone(), value, Arc::new(|_, value| (value.clone(), value.clone()))),
        "constant" => (Type::String, value, Arc::new(|_, value| (Datum::text("all"), value.clone()))),
        "null_key" => (key, value, Arc::new(|_, value| (Datum::Null, value.clone()))),
        "null_value" => (key, value, Arc::new(|key, _| (key.clone(), Datum::Null))),
        _ => return mistake(format!("there is no pair mapper `{name}`")),
    })
}

/// A flat pair mapper by name, and the types of key and value that it gives.
///
/// # Errors
/// As [`value_mapper`].
pub fn flat_pair_mapper(name: &str, key: &Type, value: &Type) -> Result<(Type, Type, FlatPairFn), Stop> {
    let (key_type, value_type) = (key.clone(), value.clone());
    Ok(match name {
        "words_as_keys" => {
            expect(name, value, &Type::String)?;
            let pairs = |_: &Datum, value: &Datum| words(value).into_iter().map(|word| (word, value.clone())).collect();
            (Type::String, value_type, Arc::new(pairs))
        }
        "twice" => {
            let pairs = |key: &Datum, value: &Datum| vec![(key.clone(), value.clone()), (key.clone(), value.clone())];
            (key_type, value_type, Arc::new(pairs))
        }
        "none" => (key_type, value_type, Arc::new(|_, _| Vec::new())),
        _ => return mistake(format!("there is no flat pair mapper `{name}`")),
    })
}

/// The time that a record's value says; negative when it says none.
pub fn embedded_time(value: &Datum) -> i64 {
    match value {
        Datum::Null => -1,
        Datum::Long(number) => *number,
        other => other.to_string().parse().unwrap_or(-1),
    }
}

/// Refuses a function for a type that it is not for.
///
/// # Errors
/// [`Stop::Mistake`].
pub fn expect(name: &str, actual: &Type, expected: &Type) -> Result<(), Stop> {
    if actual == expected {
        return Ok(());
    }
    mistake(format!("`{name}` is for {expected:?}, not {actual:?}"))
}

fn first_char(value: &Datum) -> Datum {
    if value.is_null() {
        return Datum::Null;
    }
    value.to_string().chars().next().map_or(Datum::Null, Datum::text)
}

fn words(value: &Datum) -> Vec<Datum> {
    if value.is_null() {
        return Vec::new();
    }
    value.to_string().split(' ').map(Datum::text).collect()
}
