//! The counter behind generated names, with Kafka Streams' rules on what takes a number.
//!
//! One counter per builder numbers operators, stores and internal topics alike. An operator that the user names still
//! takes a number, so naming one does not move the names of the others; a store that the user names takes none, and
//! neither does a processor that is named at once.

/// Numbers names in the order in which operators are added.
#[derive(Debug, Default)]
pub(crate) struct Names {
    next: u32,
}

impl Names {
    /// `KSTREAM-FILTER-0000000003` for the prefix `KSTREAM-FILTER-`.
    pub(crate) fn operator(&mut self, prefix: &str) -> String {
        let name = format!("{prefix}{:010}", self.next);
        self.next += 1;
        name
    }

    /// Takes a name back whose number was the last one given; later ones would move, so others stay.
    pub(crate) fn release(&mut self, name: &str) {
        let number = name.rsplit_once('-').and_then(|(_, digits)| digits.parse::<u32>().ok());
        if let Some(number) = number.filter(|number| number + 1 == self.next) {
            self.next = number;
        }
    }

    /// `KSTREAM-AGGREGATE-STATE-STORE-0000000001` for the prefix `KSTREAM-AGGREGATE-`.
    pub(crate) fn store(&mut self, prefix: &str) -> String {
        self.operator(&format!("{prefix}STATE-STORE-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_stores_share_one_counter() {
        let mut names = Names::default();
        assert_eq!(names.operator("KSTREAM-SOURCE-"), "KSTREAM-SOURCE-0000000000");
        assert_eq!(names.store("KSTREAM-AGGREGATE-"), "KSTREAM-AGGREGATE-STATE-STORE-0000000001");
        assert_eq!(names.operator("KSTREAM-AGGREGATE-"), "KSTREAM-AGGREGATE-0000000002");
    }
}
