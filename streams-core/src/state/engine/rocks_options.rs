//! RocksDB's settings, those of Kafka Streams: small blocks, bloom filters, universal compaction, no compression.

use rocksdb::{BlockBasedOptions, Cache, DBCompactionStyle, DBCompressionType, LogLevel, Options};

/// The memory of rows not yet in a file, per column family and buffer.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// How many such buffers there are at most.
const WRITE_BUFFERS_MAX: i32 = 3;
/// The cache of blocks, per store.
const BLOCK_CACHE_BYTES: usize = 50 << 20;
/// The size of a block.
const BLOCK_BYTES: usize = 4096;
/// Bits of bloom filter per key: one false positive in a hundred.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// The write buffer of the family that holds the checkpoint: two small rows.
const OFFSETS_WRITE_BUFFER_BYTES: usize = 1 << 20;
/// Background jobs per store; Kafka Streams takes the processors, but at least two. A task's stores share them.
const BACKGROUND_JOBS: i32 = 2;

/// The settings of the database.
pub(super) fn database_options() -> Options {
    let mut options = data_options();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    options.set_log_level(LogLevel::Error);
    options.increase_parallelism(BACKGROUND_JOBS);
    options.set_paranoid_checks(true);
    options
}

/// The settings of a family of rows.
pub(super) fn data_options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, true);
    let mut options = Options::default();
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(WRITE_BUFFERS_MAX);
    options.set_block_based_table_factory(&blocks);
    options.set_optimize_filters_for_hits(true);
    options.set_compaction_style(DBCompactionStyle::Universal);
    options.set_compression_type(DBCompressionType::None);
    options
}

/// The settings of the family that holds the checkpoint.
pub(super) fn offsets_options() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(OFFSETS_WRITE_BUFFER_BYTES);
    options
}
