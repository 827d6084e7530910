//! `KTable<K, V>`: a handle on a table, the latest value of each key.
