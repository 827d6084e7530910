//! The named functions that put two values together: joiners, reducers, initializers, aggregators. `FORMAT.md` lists them.

use std::sync::Arc;

use crate::functions::{expect, number};
use crate::interpret::{mistake, Stop};
use crate::value::{Datum, Type};

/// A joiner of two values.
pub type JoinFn = Arc<dyn Fn(&Datum, &Datum) -> Datum + Send + Sync>;
/// A reducer of an old and a new value.
pub type ReduceFn = Arc<dyn Fn(&Datum, &Datum) -> Datum + Send + Sync>;
/// An aggregator of key, value and aggregate.
pub type AggregateFn = Arc<dyn Fn(&Datum, &Datum, &Datum) -> Datum + Send + Sync>;

/// A joiner by name, and what it gives.
///
/// # Errors
/// [`Stop::Mistake`] when there is none; [`Stop::Missing`] for one that needs the key.
pub fn joiner(name: &str, left: &Type, right: &Type) -> Result<(Type, JoinFn), Stop> {
    Ok(match name {
        "concat" => (Type::String, Arc::new(concat)),
        "sum" => (Type::Long, Arc::new(sum)),
        "left" => (left.clone(), Arc::new(|left, _| left.clone())),
        "right" => (right.clone(), Arc::new(|_, right| right.clone())),
        "null_if_right_null" => {
            let joiner = |left: &Datum, right: &Datum| if right.is_null() { Datum::Null } else { concat(left, right) };
            (Type::String, Arc::new(joiner))
        }
        "with_key" => return Err(Stop::Missing("joiner with key".to_owned())),
        _ => return mistake(format!("there is no joiner `{name}`")),
    })
}

fn concat(left: &Datum, right: &Datum) -> Datum {
    Datum::Text(format!("{left}+{right}"))
}

fn sum(left: &Datum, right: &Datum) -> Datum {
    Datum::Long(number(left).wrapping_add(number(right)))
}

/// A reducer by name, for values of a type.
///
/// # Errors
/// [`Stop::Mistake`] when there is none, or it is not for values of this type.
pub fn reducer(name: &str, value: &Type) -> Result<ReduceFn, Stop> {
    match name {
        "sum" | "minus" => expect(name, value, &Type::Long)?,
        "concat" | "remove" => expect(name, value, &Type::String)?,
        _ => {}
    }
    Ok(match name {
        "sum" => Arc::new(sum),
        "concat" => Arc::new(|old, new| Datum::Text(format!("{}{}", or_empty(old), or_empty(new)))),
        "newest" => Arc::new(|_, new| new.clone()),
        "oldest" | "keep" => Arc::new(|old, _| old.clone()),
        "max" => Arc::new(|old, new| if is_less(old, new) { new.clone() } else { old.clone() }),
        "null" => Arc::new(|_, _| Datum::Null),
        "minus" => Arc::new(|old, new| Datum::Long(number(old).wrapping_sub(number(new)))),
        "remove" => Arc::new(|old, new| Datum::Text(or_empty(old).replacen(&or_empty(new), "", 1))),
        _ => return mistake(format!("there is no reducer `{name}`")),
    })
}

/// An initializer by name: the value it makes.
///
/// # Errors
/// As [`reducer`].
pub fn initializer(name: &str, result: &Type) -> Result<Datum, Stop> {
    match name {
        "zero" => expect(name, result, &Type::Long)?,
        "empty" => expect(name, result, &Type::String)?,
        _ => {}
    }
    match name {
        "zero" => Ok(Datum::Long(0)),
        "empty" => Ok(Datum::text("")),
        "null" => Ok(Datum::Null),
        _ => mistake(format!("there is no initializer `{name}`")),
    }
}

/// An aggregator by name, and what it gives.
///
/// # Errors
/// [`Stop::Mistake`] when there is none.
pub fn aggregator(name: &str, value: &Type) -> Result<(Type, AggregateFn), Stop> {
    Ok(match name {
        "sum" => (Type::Long, Arc::new(|_, value, all| sum(all, value))),
        "subtract" => (Type::Long, Arc::new(|_, value, all| Datum::Long(number(all).wrapping_sub(number(value))))),
        "count" => (Type::Long, Arc::new(|_, _, all| Datum::Long(number(all).wrapping_add(1)))),
        "append" => (Type::String, Arc::new(|_, value, all| Datum::Text(format!("{}+{value}", or_empty(all))))),
        "strike" => (Type::String, Arc::new(|_, value, all| Datum::Text(format!("{}-{value}", or_empty(all))))),
        "null_on_empty" => (
            Type::String,
            Arc::new(|_, value, all| match value {
                Datum::Long(0) => Datum::Null,
                Datum::Text(text) if text.is_empty() => Datum::Null,
                value => Datum::Text(format!("{}+{value}", or_empty(all))),
            }),
        ),
        "last" => (value.clone(), Arc::new(|_, value, _| value.clone())),
        _ => return mistake(format!("there is no aggregator `{name}`")),
    })
}

fn or_empty(value: &Datum) -> String {
    if value.is_null() {
        String::new()
    } else {
        value.to_string()
    }
}

fn is_less(one: &Datum, two: &Datum) -> bool {
    match (one, two) {
        (Datum::Null, _) => true,
        (_, Datum::Null) => false,
        (Datum::Long(one), Datum::Long(two)) => one < two,
        (one, two) => one.to_string() < two.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_defined_for_null() {
        let (_, concat) = joiner("concat", &Type::String, &Type::Long).unwrap();
        assert_eq!(concat(&Datum::Null, &Datum::Long(3)), Datum::text("null+3"));
        let remove = reducer("remove", &Type::String).unwrap();
        assert_eq!(remove(&Datum::text("abab"), &Datum::text("b")), Datum::text("aab"));
        assert_eq!(reducer("max", &Type::Long).unwrap()(&Datum::Null, &Datum::Long(1)), Datum::Long(1));
        assert!(matches!(reducer("sum", &Type::String), Err(Stop::Mistake(_))));
        let (_, append) = aggregator("append", &Type::String).unwrap();
        assert_eq!(append(&Datum::Null, &Datum::Null, &Datum::Null), Datum::text("+null"));
    }
}
