//! `split`: one stream into several, by the first predicate that takes a record.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::StreamEdge;
use streams_core::topology::TypeSignature;
use streams_core::{NodeId, Result};

use crate::graph::{GraphId, Lower, LowerSite, ProcessorNode};
use crate::ops::stateless::{branch, pass_through, Predicates};
use crate::options::Branched;
use crate::stream::KStream;

/// A stream that is being split. Each branch is a stream of its own; records that no branch takes go to the default
/// branch, or nowhere.
#[derive(Debug)]
#[must_use = "a split without branches drops every record"]
pub struct Split<K, V> {
    stream: KStream<K, V>,
    node: GraphId,
    branches: Rc<RefCell<Branches<K, V>>>,
}

struct Branches<K, V> {
    predicates: Predicates<K, V>,
    has_default: bool,
}

impl<K, V> std::fmt::Debug for Branches<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Branches")
            .field("predicates", &self.predicates.len())
            .field("has_default", &self.has_default)
            .finish()
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// Begins to split the stream into branches.
    #[doc(alias = "branch")]
    pub fn split(&self) -> Split<K, V> {
        let branches = Rc::new(RefCell::new(Branches { predicates: Vec::new(), has_default: false }));
        let node = self.add("KSTREAM-BRANCH-", SplitNode { branches: Rc::clone(&branches) });
        Split { stream: self.clone(), node, branches }
    }
}

impl<K: 'static, V: 'static> Split<K, V> {
    /// Names the splitter; its branches are named after it.
    pub fn named(self, name: &str) -> Self {
        self.stream.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// The records that `predicate` takes, of those that no earlier branch took.
    #[track_caller]
    pub fn branch<F>(&mut self, predicate: F) -> KStream<K, V>
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.branch_with(Branched::default(), predicate)
    }

    /// The same with a name for the branch.
    #[doc(alias = "branch")]
    #[track_caller]
    pub fn branch_with<F>(&mut self, branched: Branched, predicate: F) -> KStream<K, V>
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        let mut branches = self.branches.borrow_mut();
        branches.predicates.push(Arc::new(predicate));
        let position = branches.predicates.len();
        drop(branches);
        self.child(&branched.name.unwrap_or_else(|| position.to_string()))
    }

    /// The records that no branch took.
    #[doc(alias = "defaultBranch")]
    #[track_caller]
    pub fn default_branch(self) -> KStream<K, V> {
        self.default_branch_with(Branched::default())
    }

    /// The same with a name for the branch.
    #[doc(alias = "defaultBranch")]
    #[track_caller]
    pub fn default_branch_with(self, branched: Branched) -> KStream<K, V> {
        self.branches.borrow_mut().has_default = true;
        self.child(branched.name.as_deref().unwrap_or("0"))
    }

    #[track_caller]
    fn child(&self, suffix: &str) -> KStream<K, V> {
        let mut graph = self.stream.graph.borrow_mut();
        // A branch takes a number although its name comes from the splitter's.
        graph.names().operator("KSTREAM-BRANCH-");
        let name = format!("{}{suffix}", graph.name(self.node));
        let lower = ProcessorNode::stream_to_stream::<K, V, K, V>(pass_through::<K, V>());
        let node = graph.add(name, &[self.node], lower);
        drop(graph);
        KStream::new(Rc::clone(&self.stream.graph), node, Rc::clone(&self.stream.sources))
            .with_serdes(self.stream.keys.clone(), self.stream.values.clone())
            .requiring_repartition(self.stream.repartition_required)
    }
}

struct SplitNode<K, V> {
    branches: Rc<RefCell<Branches<K, V>>>,
}

impl<K: 'static, V: 'static> Lower for SplitNode<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let branches = self.branches.borrow();
        let factory = branch(branches.predicates.clone(), branches.has_default);
        let edge = TypeSignature::of::<StreamEdge<K, V>>();
        site.topology.add_processor(site.name, site.parents, edge, Some(edge), factory)
    }
}
