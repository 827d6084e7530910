//! The orders in which Java's hash sets and tree sets hand out their elements, as far as a description shows them.
//!
//! Hash sets: buckets in order, within a bucket as inserted. (Java turns buckets of more than eight names into trees;
//! names that collide so often do not occur.) Tree sets: a red-black tree whose order is asked for on insertion only,
//! so elements whose rank changes later stay where they are, and later searches lose their way around them.

use std::cmp::Ordering;

const CAPACITY_MIN: usize = 16;

/// The places of names in a hash set into which they were inserted one by one.
pub(super) fn set_of_insertions(names: &[&str]) -> Vec<usize> {
    let mut capacity = CAPACITY_MIN;
    while names.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    in_buckets(names, (0..names.len()).collect(), capacity)
}

/// The places of names in a hash set that was made from a collection, whose order is given.
pub(super) fn set_of_copy(names: &[&str], order: Vec<usize>) -> Vec<usize> {
    let capacity = (names.len() * 4 / 3 + 1).max(CAPACITY_MIN).next_power_of_two();
    in_buckets(names, order, capacity)
}

fn in_buckets(names: &[&str], mut order: Vec<usize>, capacity: usize) -> Vec<usize> {
    order.sort_by_key(|place| bucket(names[*place], capacity));
    order
}

fn bucket(name: &str, capacity: usize) -> usize {
    let hash = name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (capacity - 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

#[derive(Debug)]
struct Entry {
    element: usize,
    parent: Option<usize>,
    left: Option<usize>,
    right: Option<usize>,
    is_red: bool,
}

/// A red-black tree that only grows.
#[derive(Debug, Default)]
pub(super) struct TreeSet {
    entries: Vec<Entry>,
    root: Option<usize>,
}

impl TreeSet {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds an element unless the search for its place meets an equal one.
    pub(super) fn insert(&mut self, element: usize, compare: &dyn Fn(usize, usize) -> Ordering) {
        let mut place = None;
        let mut next = self.root;
        while let Some(at) = next {
            let side = match compare(element, self.entries[at].element) {
                Ordering::Less => Side::Left,
                Ordering::Greater => Side::Right,
                Ordering::Equal => return,
            };
            place = Some((at, side));
            next = self.child(at, side);
        }
        let new = self.entries.len();
        let parent = place.map(|(at, _)| at);
        self.entries.push(Entry { element, parent, left: None, right: None, is_red: true });
        match place {
            Some((at, side)) => self.set_child(at, side, Some(new)),
            None => self.root = Some(new),
        }
        self.rebalance(new);
    }

    /// The elements from left to right.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut elements = Vec::with_capacity(self.entries.len());
        let mut above = Vec::new();
        let mut next = self.root;
        while next.is_some() || !above.is_empty() {
            while let Some(at) = next {
                above.push(at);
                next = self.entries[at].left;
            }
            if let Some(at) = above.pop() {
                elements.push(self.entries[at].element);
                next = self.entries[at].right;
            }
        }
        elements
    }

    /// No red entry has a red parent, and every path has equally many black ones.
    fn rebalance(&mut self, new: usize) {
        let mut at = new;
        while let Some((parent, grandparent)) = self.red_parent(at) {
            let side = self.side(parent);
            let uncle = self.child(grandparent, side.other()).filter(|uncle| self.entries[*uncle].is_red);
            if let Some(uncle) = uncle {
                self.entries[parent].is_red = false;
                self.entries[uncle].is_red = false;
                self.entries[grandparent].is_red = true;
                at = grandparent;
                continue;
            }
            if self.side(at) != side {
                at = parent;
                self.rotate(at, side);
            }
            if let Some(parent) = self.entries[at].parent {
                self.entries[parent].is_red = false;
            }
            self.entries[grandparent].is_red = true;
            self.rotate(grandparent, side.other());
        }
        if let Some(root) = self.root {
            self.entries[root].is_red = false;
        }
    }

    /// The parent if it is red, and its parent, which it then has: a root is black.
    fn red_parent(&self, at: usize) -> Option<(usize, usize)> {
        let parent = self.entries[at].parent.filter(|parent| self.entries[*parent].is_red)?;
        Some((parent, self.entries[parent].parent?))
    }

    /// Moves an entry down to a side; its child from the other side takes its place.
    fn rotate(&mut self, at: usize, side: Side) {
        let Some(riser) = self.child(at, side.other()) else { return };
        let inner = self.child(riser, side);
        self.set_child(at, side.other(), inner);
        let parent = self.entries[at].parent;
        match parent {
            Some(parent) => {
                let at_side = self.side(at);
                self.set_child(parent, at_side, Some(riser));
            }
            None => {
                self.root = Some(riser);
                self.entries[riser].parent = None;
            }
        }
        self.set_child(riser, side, Some(at));
    }

    fn child(&self, at: usize, side: Side) -> Option<usize> {
        match side {
            Side::Left => self.entries[at].left,
            Side::Right => self.entries[at].right,
        }
    }

    fn set_child(&mut self, at: usize, side: Side, child: Option<usize>) {
        match side {
            Side::Left => self.entries[at].left = child,
            Side::Right => self.entries[at].right = child,
        }
        if let Some(child) = child {
            self.entries[child].parent = Some(at);
        }
    }

    /// On which side of its parent an entry is.
    fn side(&self, at: usize) -> Side {
        match self.entries[at].parent {
            Some(parent) if self.entries[parent].left == Some(at) => Side::Left,
            _ => Side::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_set_prints_as_in_java() {
        let names = ["t1", "t2", "t3", "orders", "a", "zz", "payments", "b-1"];
        let order = set_of_copy(&names, (0..names.len()).collect());
        let printed: Vec<&str> = order.into_iter().map(|place| names[place]).collect();
        assert_eq!(printed, ["zz", "a", "payments", "b-1", "orders", "t1", "t2", "t3"]);
    }

    #[test]
    fn a_tree_set_sorts_and_keeps_its_depth() {
        let mut set = TreeSet::new();
        for element in (0..1_000).map(|i| i * 7 % 1_000).chain([3, 500]) {
            set.insert(element, &|a, b| a.cmp(&b));
        }
        assert_eq!(set.in_order(), (0..1_000).collect::<Vec<_>>());
        let depth = |mut at: usize| {
            let mut depth = 1;
            while let Some(parent) = set.entries[at].parent {
                at = parent;
                depth += 1;
            }
            depth
        };
        assert!((0..1_000).map(depth).max() <= Some(20), "twice the logarithm of the size, at most");
    }
}
