//! `Branched`: how a branch of a split is named.

/// The name of a branch. Its node is named after the splitter and the branch together.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Branched {
    pub(crate) name: Option<String>,
}

impl Branched {
    /// Names the branch instead of numbering it.
    #[doc(alias = "as")]
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()) }
    }
}
