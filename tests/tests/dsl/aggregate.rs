//! `count`, `reduce` and `aggregate`.

use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

#[test]
fn words_are_counted_through_a_repartition_topic() -> Result<()> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<(), String>("lines")
        .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("word-counts"))
        .to_stream()
        .to("counts");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let lines = driver.input::<(), String>("lines")?;
    lines.pipe_value_at(Timestamp(5), "the cat and The dog".to_owned())?;
    lines.pipe_value_at(Timestamp(3), "dog".to_owned())?;
    driver.output::<String, i64>("counts")?.check(
        "the = 1 @ 5\n\
         cat = 1 @ 5\n\
         and = 1 @ 5\n\
         the = 2 @ 5\n\
         dog = 1 @ 5\n\
         dog = 2 @ 5\n",
    );
    Ok(())
}
